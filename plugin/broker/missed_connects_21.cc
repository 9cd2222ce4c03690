#include "plugin/broker/missed_connects_21.h"

#include <cstdint>

namespace session_status::broker {

void MissedConnects21::OnEnd(const mosquitto* client, const char* id) {
  if (!IsUsable(id) || mosquitto_client_protocol_version(client) != 5) return;
  // Told by another instance.
  if (!ended_mqtt5_.empty() && ended_mqtt5_.back().first == client) return;
  ended_mqtt5_.emplace_back(client, id);
}

void MissedConnects21::FindLingering() noexcept {
  connections_.Contained([&] {
    for (const auto& [client, id] : ended_mqtt5_) {
      if (mosquitto_client != nullptr && mosquitto_client(id.c_str()) == client &&
          connections_.Find(client) == nullptr) {
        lingering_.insert(client);
      }
    }
    ended_mqtt5_.clear();
  });
}

bool MissedConnects21::IsMissed(const mosquitto* client) const {
  if (!IsUsable(mosquitto_client_id(client)) || lingering_.count(client) > 0) return false;
  // Restored sessions and outgoing bridges have none.
  if (mosquitto_client_address(client) == nullptr) return false;
  // Every Unix socket has port 0: whose plugin it is nobody can tell.
  const uint16_t port = ListenerPort(client);
  return port != 0 && listener_ports_.test(port);
}

void MissedConnects21::Prune(const std::function<bool(const mosquitto*)>& present) {
  std::erase_if(lingering_, [&](const mosquitto* client) { return !present(client); });
}

}  // namespace session_status::broker
