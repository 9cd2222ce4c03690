// The sessions that the broker restored from its own persistence: it holds them, nobody is
// connected, and it tells no event about them.
//
// Mosquitto 2.1 only: 2.0 cannot be asked. With persistence to a file they are there when plugins
// are initialised; with a persistence plugin from the first tick on.
//
// Threads:   broker; in init, or in a tick before the first client is served.
// Ownership: identifiers are views into the broker's memory: good for the call that uses them.
#ifndef SESSION_STATUS_PLUGIN_BROKER_HELD_SESSIONS_H_
#define SESSION_STATUS_PLUGIN_BROKER_HELD_SESSIONS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "plugin/broker/mosquitto_api.h"

namespace session_status::broker {

struct HeldSession {
  const mosquitto* client = nullptr;
  absl::string_view client_id;
};

// Without a connection now. Bridges, which are in the broker's table too, are left out.
std::vector<HeldSession> ListHeldSessions();

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_HELD_SESSIONS_H_
