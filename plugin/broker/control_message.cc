#include "plugin/broker/control_message.h"

#include <cstdlib>

namespace session_status::broker {
namespace {

// 2.1 takes such copies from the memory it counts, 2.0 from the C library.
void FreePropertyCopy(void* copy) {
  if (copy == nullptr) return;
  if (mosquitto_client != nullptr) {
    mosquitto_free(copy);
  } else {
    free(copy);
  }
}

absl::string_view OrEmpty(const char* text) {
  return text == nullptr ? absl::string_view() : absl::string_view(text);
}

}  // namespace

ControlMessage::ControlMessage(const mosquitto_evt_control& event) noexcept {
  if (event.client == nullptr) return;
  request_.client_id = OrEmpty(mosquitto_client_id(event.client));
  request_.username = OrEmpty(mosquitto_client_username(event.client));
  request_.payload = {static_cast<const char*>(event.payload),
                      event.payload == nullptr ? 0 : event.payloadlen};
  request_.qos = event.qos;
  if (event.properties == nullptr || mosquitto_property_read_string == nullptr ||
      mosquitto_property_read_binary == nullptr) {
    return;  // as of MQTT 3.1.1
  }
  mosquitto_property_read_string(event.properties, kPropertyResponseTopic, &response_topic_, false);
  request_.response_topic = OrEmpty(response_topic_);
  uint16_t bytes = 0;
  mosquitto_property_read_binary(event.properties, kPropertyCorrelationData, &correlation_, &bytes,
                                 false);
  if (correlation_ != nullptr) request_.correlation = {static_cast<char*>(correlation_), bytes};
}

ControlMessage::~ControlMessage() {
  FreePropertyCopy(response_topic_);
  FreePropertyCopy(correlation_);
}

}  // namespace session_status::broker
