// What a terminal can do, and whether there is one.
//
// Threads: any.
#ifndef SESSION_STATUS_CLI_TERMINAL_H_
#define SESSION_STATUS_CLI_TERMINAL_H_

#include <string>

#include "absl/strings/string_view.h"

namespace session_status::cli {

enum class Colour : unsigned char { kPlain, kBold, kDim, kRed, kGreen, kYellow, kBlue, kCyan };

bool IsTerminal(int fd);

// True: `fd` is a terminal that is not "dumb", and NO_COLOR (no-color.org) is not set.
bool WantsColour(int fd);

// `text` between the escape sequences of `colour`; `text` itself when not `wanted`.
std::string Painted(absl::string_view text, Colour colour, bool wanted);

struct TerminalSize {
  int columns = 80;
  int rows = 24;
};
// Of the terminal; COLUMNS and LINES, else 80 × 24, where there is none.
TerminalSize SizeOf(int fd);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_TERMINAL_H_
