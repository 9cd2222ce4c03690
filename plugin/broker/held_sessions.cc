#include "plugin/broker/held_sessions.h"

#include <new>

namespace session_status::broker {
namespace {

// A session that was restored has no address and no protocol version until a client connects to it;
// a bridge has a version from the beginning.
bool IsRestored(const mosquitto* client) {
  return mosquitto_client_address(client) == nullptr &&
         mosquitto_client_protocol_version(client) == 0;
}

int Take(const mosquitto* client, void* context) noexcept {
  const char* id = mosquitto_client_id(client);
  if (id == nullptr || !IsRestored(client)) return kBrokerSuccess;
  try {
    static_cast<std::vector<HeldSession>*>(context)->push_back({client, id});
  } catch (const std::bad_alloc&) {
    // The rest stays unlisted: shown as offline until the clients return.
  }
  return kBrokerSuccess;
}

}  // namespace

std::vector<HeldSession> ListHeldSessions() {
  std::vector<HeldSession> sessions;
  if (mosquitto_apply_on_all_clients != nullptr) {
    mosquitto_apply_on_all_clients(Take, &sessions);
  }
  return sessions;
}

}  // namespace session_status::broker
