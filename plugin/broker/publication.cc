#include "plugin/broker/publication.h"

#include <climits>
#include <cstring>

#include "plugin/broker/mosquitto_api.h"

namespace session_status::broker {

bool Publish(const Publication& p) noexcept {
  if (p.topic.empty() || p.payload.size() >= INT_MAX || p.correlation.size() > UINT16_MAX) {
    return false;
  }
  // The broker's own memory: the message is the broker's from the call on, and it frees it so.
  char* payload = nullptr;
  if (!p.payload.empty()) {
    payload = static_cast<char*>(mosquitto_malloc(p.payload.size()));
    if (payload == nullptr) return false;
    memcpy(payload, p.payload.data(), p.payload.size());
  }
  mosquitto_property* properties = nullptr;
  const bool with_properties =
      p.correlation.empty() ||
      mosquitto_property_add_binary(&properties, kPropertyCorrelationData, p.correlation.data(),
                                    static_cast<uint16_t>(p.correlation.size())) == kBrokerSuccess;
  if (with_properties &&
      mosquitto_broker_publish(p.client_id.empty() ? nullptr : p.client_id.c_str(), p.topic.c_str(),
                               static_cast<int>(p.payload.size()), payload, p.qos, p.retain,
                               properties) == kBrokerSuccess) {
    return true;
  }
  mosquitto_property_free_all(&properties);
  mosquitto_free(payload);
  return false;
}

}  // namespace session_status::broker
