// Bounds what strangers can have written into the broker's log: so many lines at a time, and the next one
// says how many were left out.
//
// Threads: any; a short lock, no waiting for I/O.
// Errors:  none.
#ifndef SESSION_STATUS_PLUGIN_LINE_LIMIT_H_
#define SESSION_STATUS_PLUGIN_LINE_LIMIT_H_

#include <cstdint>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "plugin/limits/token_bucket.h"
#include "plugin/os/mutex.h"

namespace session_status {

class LineLimit {
 public:
  // Reads the wall clock; `clock` replaces it in tests.
  using Clock = absl::Time (*)();

  // One line each `interval`, `at_once` of them together.
  LineLimit(absl::Duration interval, int64_t at_once, Clock clock)
      : interval_(interval), at_once_(at_once), clock_(clock) {}

  // nullopt: not this line. Otherwise how many were left out since the last one.
  absl::optional<uint64_t> Admit() ABSL_LOCKS_EXCLUDED(mu_) {
    os::MutexLock lock(&mu_);
    if (bucket_.TryTake(interval_, at_once_, clock_()).admitted) return std::exchange(left_out_, 0);
    ++left_out_;
    return absl::nullopt;
  }

 private:
  const absl::Duration interval_;
  const int64_t at_once_;
  const Clock clock_;
  os::Mutex mu_;
  limits::TokenBucket bucket_ ABSL_GUARDED_BY(mu_);
  uint64_t left_out_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_LINE_LIMIT_H_
