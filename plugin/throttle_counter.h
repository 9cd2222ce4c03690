// Counts the calls of the documented API that a rate limit turned away, and passes every call on.
//
// Threads:   OnCall, counts: any; wait-free but for what `next` does.
// Ownership: `next` outlives this object.
#ifndef SESSION_STATUS_PLUGIN_THROTTLE_COUNTER_H_
#define SESSION_STATUS_PLUGIN_THROTTLE_COUNTER_H_

#include "plugin/openapi/openapi_surface.h"
#include "registry/counter.h"

namespace session_status {

class ThrottleCounter : public openapi::CallObserver {
 public:
  explicit ThrottleCounter(openapi::CallObserver& next) : next_(next) {}

  void OnCall(const openapi::CallRecord& record) override;

  uint64_t by_user() const { return user_.value(); }
  uint64_t by_api() const { return api_.value(); }
  uint64_t by_address() const { return address_.value(); }

 private:
  openapi::CallObserver& next_;
  Counter user_;
  Counter api_;
  Counter address_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_THROTTLE_COUNTER_H_
