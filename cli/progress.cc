#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "cli/terminal.h"

namespace session_status::cli {
namespace {

constexpr absl::Duration kPatience = absl::Milliseconds(500);
constexpr absl::Duration kInterval = absl::Milliseconds(100);
constexpr int kBarCellsMax = 40;

}  // namespace

std::string ProgressLine(absl::string_view what, uint64_t done, uint64_t total,
                         absl::Duration elapsed, int columns) {
  std::string text;
  double part = 1;
  if (total == 0) {
    text = absl::StrCat(done, " ", what);
  } else {
    done = std::min(done, total);
    part = static_cast<double>(done) / static_cast<double>(total);
    text = absl::StrFormat("%3d %%  %d of %d %s", static_cast<int>(part * 100), done, total, what);
    if (done > 0 && done < total) {
      const absl::Duration left = elapsed * ((1 - part) / part);
      absl::StrAppend(&text, ", ", absl::FormatDuration(absl::Ceil(left, absl::Seconds(1))),
                      " left");
    }
  }
  const int cells = std::min(kBarCellsMax, columns - static_cast<int>(text.size()) - 5);
  if (total == 0 || cells < 5) return text.substr(0, static_cast<size_t>(std::max(0, columns - 1)));
  const auto filled = static_cast<size_t>(part * cells);
  return absl::StrCat("[", std::string(filled, '#'),
                      std::string(static_cast<size_t>(cells) - filled, '-'), "] ", text);
}

Progress::Progress(std::string what, uint64_t total, bool wanted)
    : what_(std::move(what)),
      total_(total),
      shown_(wanted && IsTerminal(STDERR_FILENO)),
      begun_(absl::Now()),
      next_(begun_ + kPatience) {}

Progress::~Progress() {
  if (drawn_) std::cerr << "\r\x1b[K" << std::flush;
}

void Progress::Advance(uint64_t by) {
  done_ += by;
  if (!shown_) return;
  const absl::Time now = absl::Now();
  if (now < next_) return;
  next_ = now + kInterval;
  Draw(now);
}

void Progress::Draw(absl::Time now) {
  drawn_ = true;
  std::cerr << "\r"
            << ProgressLine(what_, done_, total_, now - begun_, SizeOf(STDERR_FILENO).columns)
            << "\x1b[K" << std::flush;
}

}  // namespace session_status::cli
