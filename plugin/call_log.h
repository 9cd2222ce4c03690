// One line in the broker's log for calls of the documented API: request id, code, who and what was
// asked for; never a secret, a signature or a client identifier.
//
// Threads: OnCall: any listener thread; a short lock, no waiting for I/O.
// Limits:  ten lines a second, twenty at once, whatever the load; what is left out is counted in the next line.
#ifndef SESSION_STATUS_PLUGIN_CALL_LOG_H_
#define SESSION_STATUS_PLUGIN_CALL_LOG_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "plugin/broker/broker_log.h"
#include "plugin/limits/token_bucket.h"
#include "plugin/openapi/openapi_surface.h"
#include "plugin/os/mutex.h"

namespace session_status {

enum class CallLogLevel : uint8_t { kNone, kErrors, kAll };

class CallLog : public openapi::CallObserver {
 public:
  // Reads the wall clock for its limit; `clock` replaces it in tests.
  using Clock = absl::Time (*)();
  CallLog(broker::BrokerLog& log, CallLogLevel level, Clock clock);

  void OnCall(const openapi::CallRecord& record) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  broker::BrokerLog& log_;
  const CallLogLevel level_;
  const Clock clock_;
  os::Mutex mu_;
  limits::TokenBucket bucket_ ABSL_GUARDED_BY(mu_);
  uint64_t left_out_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_CALL_LOG_H_
