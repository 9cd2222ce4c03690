// What the broker says about a client, in the registry's terms.
//
// Threads:   broker.
// Ownership: views into the broker's memory: good for the event that uses them. A pointer may be
//            asked about inside its own event; on 2.1 also while the broker's table holds it.
// Errors:    none.
#ifndef SESSION_STATUS_PLUGIN_BROKER_CLIENT_DESCRIPTION_H_
#define SESSION_STATUS_PLUGIN_BROKER_CLIENT_DESCRIPTION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "absl/strings/string_view.h"
#include "plugin/broker/mosquitto_api.h"
#include "registry/session_event.h"

namespace session_status::broker {

registry::Connection Describe(const mosquitto* client);

// 0: a Unix socket, or a broker that does not say (2.0).
uint16_t ListenerPort(const mosquitto* client);

// Whether it names a client: the broker may have none yet, or none any more.
inline bool IsUsable(const char* client_id) { return client_id != nullptr && client_id[0] != '\0'; }

inline size_t HashOf(absl::string_view client_id) {
  return std::hash<std::string_view>()({client_id.data(), client_id.size()});
}

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_CLIENT_DESCRIPTION_H_
