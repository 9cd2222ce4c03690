// The broker's control event → ControlRequest: reads the two properties of MQTT 5 that say where an
// answer goes, and owns their copies.
//
// Threads: broker, within the event.
// Errors:  complete() is false when the client is no longer known or memory ran out.
#ifndef SESSION_STATUS_PLUGIN_BROKER_CONTROL_MESSAGE_H_
#define SESSION_STATUS_PLUGIN_BROKER_CONTROL_MESSAGE_H_

#include "plugin/broker/event_sink.h"
#include "plugin/broker/mosquitto_api.h"

namespace session_status::broker {

class ControlMessage {
 public:
  explicit ControlMessage(const mosquitto_evt_control& event) noexcept;
  ~ControlMessage();
  ControlMessage(const ControlMessage&) = delete;
  ControlMessage& operator=(const ControlMessage&) = delete;

  bool complete() const { return !request_.client_id.empty(); }
  const ControlRequest& request() const { return request_; }

 private:
  ControlRequest request_;
  char* response_topic_ = nullptr;
  void* correlation_ = nullptr;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_CONTROL_MESSAGE_H_
