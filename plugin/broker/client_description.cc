#include "plugin/broker/client_description.h"

#include <algorithm>

namespace session_status::broker {
namespace {

uint16_t ToUint16(int value) {
  return static_cast<uint16_t>(std::clamp(value, 0, 0xFFFF));  // the broker says -1 for "none"
}

registry::ProtocolVersion ToProtocolVersion(int level) {
  switch (level) {
    case 3:
      return registry::ProtocolVersion::kMqtt31;
    case 4:
      return registry::ProtocolVersion::kMqtt311;
    case 5:
      return registry::ProtocolVersion::kMqtt5;
    default:
      return registry::ProtocolVersion::kUnknown;
  }
}

registry::Transport ToTransport(int protocol) {
  switch (protocol) {
    case mp_mqtt:
      return registry::Transport::kMqtt;
    case mp_websockets:
      return registry::Transport::kWebSockets;
    default:
      return registry::Transport::kUnknown;
  }
}

}  // namespace

registry::Connection Describe(const mosquitto* client) {
  registry::Connection c;
  c.address = absl::NullSafeStringView(mosquitto_client_address(client));
  c.username = absl::NullSafeStringView(mosquitto_client_username(client));
  c.listener_port = ListenerPort(client);
  c.keepalive_s = ToUint16(mosquitto_client_keepalive(client));
  c.protocol_version = ToProtocolVersion(mosquitto_client_protocol_version(client));
  c.transport = ToTransport(mosquitto_client_protocol(client));
  c.clean_start = mosquitto_client_clean_session(client);
  return c;
}

uint16_t ListenerPort(const mosquitto* client) {
  return mosquitto_client_port == nullptr ? uint16_t{0} : ToUint16(mosquitto_client_port(client));
}

}  // namespace session_status::broker
