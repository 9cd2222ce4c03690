// Where the broker layer delivers what it saw. The composition root implements it.
//
// Threads: broker, one call at a time. Implementations must not block, must not call the broker
//          back into its client functions from OnSessionEvent (kicking a client inside a
//          disconnect callback recurses until the broker crashes), and may throw only
//          std::bad_alloc (caught and counted by the caller).
#ifndef SESSION_STATUS_PLUGIN_BROKER_EVENT_SINK_H_
#define SESSION_STATUS_PLUGIN_BROKER_EVENT_SINK_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "registry/session_event.h"

namespace session_status::broker {

// A message that a client published to kControlTopic, past the broker's ACLs. Borrowed views.
struct ControlRequest {
  absl::string_view client_id;
  absl::string_view username;  // empty: none
  absl::string_view payload;
  absl::string_view response_topic;  // MQTT 5; empty: not given
  absl::string_view correlation;     // MQTT 5; bytes
  int qos = 0;
};

class EventSink {
 public:
  virtual ~EventSink() = default;

  // One change of one client. The views inside `event` die when the call returns.
  virtual void OnSessionEvent(const registry::SessionEvent& event) = 0;

  // Time for bounded housekeeping: at most every kHousekeepingInterval, at least about that often
  // (Mosquitto 2.0.11 with per_listener_settings: never).
  virtual void OnHousekeeping(absl::Time now) { static_cast<void>(now); }

  // Only when HookOptions::control. Must copy what it needs and return.
  virtual void OnControlRequest(const ControlRequest& request) { static_cast<void>(request); }

  // The broker was told to reload (SIGHUP). It brings no options.
  virtual void OnReload(absl::Time now) { static_cast<void>(now); }
};

// The broker's own idle tick is 100 ms; finer would promise what it cannot keep.
inline constexpr absl::Duration kHousekeepingInterval = absl::Milliseconds(100);

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_EVENT_SINK_H_
