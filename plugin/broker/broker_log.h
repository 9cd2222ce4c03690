// Our lines in the broker's log.
//
// The broker's log function belongs to the broker's thread, so lines from other threads wait in a
// short queue that the broker's loop empties.
//
// Threads:   Write: any; blocking only against other writers for the time of a copy. Flush: broker,
//            never waits.
// Errors:    a full queue drops the line and says later how many were dropped.
#ifndef SESSION_STATUS_PLUGIN_BROKER_BROKER_LOG_H_
#define SESSION_STATUS_PLUGIN_BROKER_BROKER_LOG_H_

#include <pthread.h>

#include <atomic>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "plugin/os/mutex.h"

namespace session_status::broker {

enum class LogLevel : unsigned char { kInfo, kNotice, kWarning, kError, kDebug };

// Lines waiting for the broker's thread. It empties the queue at least every 100 ms; nothing of
// ours has more to say in that time, and a log is no place for floods.
inline constexpr size_t kLogQueueMax = 64;
// Longer lines are cut: a client identifier alone can have 65,535 bytes.
inline constexpr size_t kLogLineBytesMax = 1024;

class BrokerLog {
 public:
  // The calling thread is the broker's.
  BrokerLog();

  // `message` is text, never a format; control characters become '?'.
  void Write(LogLevel level, absl::string_view message) noexcept ABSL_LOCKS_EXCLUDED(mu_);

  // Writes what other threads left. Broker thread.
  void Flush() noexcept ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Line {
    LogLevel level;
    std::string text;
  };
  void Queue(LogLevel level, std::string text) ABSL_LOCKS_EXCLUDED(mu_);

  const pthread_t broker_thread_;
  std::atomic<bool> has_lines_{false};
  os::Mutex mu_;
  std::vector<Line> lines_ ABSL_GUARDED_BY(mu_);
  size_t dropped_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_BROKER_LOG_H_
