// A line in the broker's log for a query of the admin service that failed by the plugin's fault:
// what was asked, and the answer's own words. Never a client identifier: such answers name none.
//
// Threads: OnFailure: any listener thread; a short lock, no waiting for I/O.
// Limits:  one line a second, five at once; what is left out is counted in the next line, and all
//          in session_status_query_duration_seconds.
// Errors:  without memory for the line there is none.
#ifndef SESSION_STATUS_PLUGIN_FAILURE_LOG_H_
#define SESSION_STATUS_PLUGIN_FAILURE_LOG_H_

#include "absl/strings/string_view.h"
#include "plugin/broker/broker_log.h"
#include "plugin/http/http_message.h"
#include "plugin/limited_log.h"

namespace session_status {

class FailureLog {
 public:
  FailureLog(broker::BrokerLog& log, LimitedLog::Clock clock);

  void OnFailure(absl::string_view operation, const http::Reply& reply) noexcept;

 private:
  LimitedLog log_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_FAILURE_LOG_H_
