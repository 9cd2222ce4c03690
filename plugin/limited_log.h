// Lines in the broker's log that strangers can have written: so many at a time, and the next
// one says how many were left out.
//
// Threads: any; a short lock, no waiting for I/O.
// Errors:  without memory for a line there is none.
#ifndef SESSION_STATUS_PLUGIN_LIMITED_LOG_H_
#define SESSION_STATUS_PLUGIN_LIMITED_LOG_H_

#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "plugin/broker/broker_log.h"
#include "plugin/limits/token_bucket.h"
#include "plugin/os/mutex.h"

namespace session_status {

class LimitedLog {
 public:
  // Reads the wall clock; tests have one of their own.
  using Clock = absl::Time (*)();

  // One line each `interval`, `at_once` of them together.
  LimitedLog(broker::BrokerLog& log, absl::Duration interval, int64_t at_once, Clock clock)
      : log_(log), interval_(interval), at_once_(at_once), clock_(clock) {}

  // What `make_line` returns; it is not called for what is left out.
  template <typename MakeLine>
  void Write(broker::LogLevel level, MakeLine make_line) noexcept {
    const absl::optional<uint64_t> left_out = Admit();
    if (!left_out.has_value()) return;
    try {
      std::string line = make_line();
      if (*left_out > 0) absl::StrAppend(&line, " (", *left_out, " more left out before)");
      log_.Write(level, line);
    } catch (const std::bad_alloc&) {
    }
  }

 private:
  // nullopt: not this line. Otherwise how many were left out since the last one.
  absl::optional<uint64_t> Admit() ABSL_LOCKS_EXCLUDED(mu_) {
    os::MutexLock lock(&mu_);
    if (bucket_.TryTake(interval_, at_once_, clock_()).admitted) return std::exchange(left_out_, 0);
    ++left_out_;
    return absl::nullopt;
  }

  broker::BrokerLog& log_;
  const absl::Duration interval_;
  const int64_t at_once_;
  const Clock clock_;
  os::Mutex mu_;
  limits::TokenBucket bucket_ ABSL_GUARDED_BY(mu_);
  uint64_t left_out_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_LIMITED_LOG_H_
