// How far long work has come, on standard error: a bar when the total is known, a count otherwise.
//
//   Progress progress("clients", total, !IsTerminal(STDOUT_FILENO));
//   for (…) progress.Advance(n);
//
// Shows nothing where standard error is no terminal, or when the work is done within half a second.
// The line goes away with the object.
//
// Threads: one.
#ifndef SESSION_STATUS_CLI_PROGRESS_H_
#define SESSION_STATUS_CLI_PROGRESS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace session_status::cli {

class Progress {
 public:
  // `total` 0: not known. `wanted` false: say nothing (the output itself is on the terminal).
  Progress(std::string what, uint64_t total, bool wanted);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Advance(uint64_t by);

 private:
  void Draw(absl::Time now);

  const std::string what_;
  const uint64_t total_;
  const bool shown_;
  const absl::Time begun_;
  absl::Time next_;
  uint64_t done_ = 0;
  bool drawn_ = false;
};

// "[#####-----]  50 %  120000 of 240000 clients, 3s left", as wide as fits into `columns`.
std::string ProgressLine(absl::string_view what, uint64_t done, uint64_t total,
                         absl::Duration elapsed, int columns);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_PROGRESS_H_
