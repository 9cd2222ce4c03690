// One line in the broker's log for calls of the documented API: request id, code, who and what was
// asked for; never a secret, a signature or a client identifier.
//
// Threads: OnCall: any listener thread; a short lock, no waiting for I/O.
// Limits:  ten lines a second, twenty at once, whatever the load; what is left out is
//          counted in the next line.
#ifndef SESSION_STATUS_PLUGIN_CALL_LOG_H_
#define SESSION_STATUS_PLUGIN_CALL_LOG_H_

#include <cstdint>

#include "plugin/broker/broker_log.h"
#include "plugin/limited_log.h"
#include "plugin/openapi/openapi_surface.h"

namespace session_status {

enum class CallLogLevel : uint8_t { kNone, kErrors, kAll };

class CallLog : public openapi::CallObserver {
 public:
  CallLog(broker::BrokerLog& log, CallLogLevel level, LimitedLog::Clock clock);

  void OnCall(const openapi::CallRecord& record) override;

 private:
  const CallLogLevel level_;
  LimitedLog log_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_CALL_LOG_H_
