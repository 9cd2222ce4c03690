// Whoever follows the changes of a registry: the change feed, the store, the fleet.
//
// Threads: the registry's writer thread (`broker`), right after Apply(), one call at a time, in
//          order of result.sequence. Must not block, do I/O or allocate without bound.
// Errors:  none leave an observer; what it cannot take it counts.
#ifndef SESSION_STATUS_REGISTRY_CHANGE_OBSERVER_H_
#define SESSION_STATUS_REGISTRY_CHANGE_OBSERVER_H_

#include "absl/time/time.h"
#include "registry/session_event.h"
#include "registry/session_registry.h"

namespace session_status::registry {

class ChangeObserver {
 public:
  virtual ~ChangeObserver() = default;
  // An event that was applied. The event's views die when the call returns.
  virtual void OnChange(const SessionEvent& event, const ApplyResult& result) = 0;
  // Bounded housekeeping, about ten times a second.
  virtual void OnTick(absl::Time now) { static_cast<void>(now); }
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_CHANGE_OBSERVER_H_
