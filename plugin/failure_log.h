// A line in the broker's log for a query of the admin service that failed by the plugin's fault: what was
// asked, and the answer's own words. Never a client identifier: such answers name none.
//
// Threads: OnFailure: any listener thread; a short lock, no waiting for I/O.
// Limits:  one line a second, five at once; what is left out is counted in the next line, and all in
//          session_status_query_duration_seconds.
// Errors:  without memory for the line there is none.
#ifndef SESSION_STATUS_PLUGIN_FAILURE_LOG_H_
#define SESSION_STATUS_PLUGIN_FAILURE_LOG_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/broker/broker_log.h"
#include "plugin/http/http_message.h"
#include "plugin/limits/token_bucket.h"
#include "plugin/os/mutex.h"

namespace session_status {

class FailureLog {
 public:
  // Reads the wall clock for its limit; `clock` replaces it in tests.
  using Clock = absl::Time (*)();
  FailureLog(broker::BrokerLog& log, Clock clock) : log_(log), clock_(clock) {}

  void OnFailure(absl::string_view operation, const http::Reply& reply) noexcept
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  broker::BrokerLog& log_;
  const Clock clock_;
  os::Mutex mu_;
  limits::TokenBucket bucket_ ABSL_GUARDED_BY(mu_);
  uint64_t left_out_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_FAILURE_LOG_H_
