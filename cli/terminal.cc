#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace session_status::cli {
namespace {

constexpr int kCellsMax = 1000;  // of either side; more is a mistake

absl::string_view Sequence(Colour colour) {
  switch (colour) {
    case Colour::kPlain:
      return "";
    case Colour::kBold:
      return "\x1b[1m";
    case Colour::kDim:
      return "\x1b[2m";
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kBlue:
      return "\x1b[34m";
    case Colour::kCyan:
      return "\x1b[36m";
  }
  return "";
}

void FromEnvironment(const char* name, int* out) {
  const char* text = std::getenv(name);
  int value = 0;
  if (text != nullptr && absl::SimpleAtoi(text, &value) && value > 0 && value <= kCellsMax)
    *out = value;
}

}  // namespace

bool IsTerminal(int fd) { return isatty(fd) == 1; }

bool WantsColour(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return IsTerminal(fd) && (no_colour == nullptr || no_colour[0] == '\0') &&
         (term == nullptr || absl::string_view(term) != "dumb");
}

std::string Painted(absl::string_view text, Colour colour, bool wanted) {
  if (!wanted || colour == Colour::kPlain) return std::string(text);
  return absl::StrCat(Sequence(colour), text, "\x1b[0m");
}

TerminalSize SizeOf(int fd) {
  TerminalSize size;
  winsize window{};
  if (ioctl(fd, TIOCGWINSZ, &window) == 0 && window.ws_col > 0 && window.ws_row > 0) {
    size.columns = std::min<int>(window.ws_col, kCellsMax);
    size.rows = std::min<int>(window.ws_row, kCellsMax);
    return size;
  }
  FromEnvironment("COLUMNS", &size.columns);
  FromEnvironment("LINES", &size.rows);
  return size;
}

}  // namespace session_status::cli
