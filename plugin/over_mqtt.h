// What the plugin says over MQTT: answers on `$CONTROL/session-status/v1`, and changes on topics.
// Wires plugin/control and plugin/topics, which know no broker, to the broker.
//
// Threads:   broker, and none waits (construction and Start are part of init); Read: any.
// Ownership: service, registry and feed outlive this object.
// Errors:    Start says when the system gives no thread.
#ifndef SESSION_STATUS_PLUGIN_OVER_MQTT_H_
#define SESSION_STATUS_PLUGIN_OVER_MQTT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/api/service.h"
#include "plugin/broker/event_sink.h"
#include "plugin/control/desk.h"
#include "plugin/feed/change_feed.h"
#include "plugin/metrics/readings.h"
#include "plugin/topics/change_topics.h"
#include "registry/session_registry.h"

namespace session_status {

struct OverMqttOptions {
  // Who may ask on $CONTROL, beside what the broker's ACLs say: user names; "*": whoever they let
  // through. Empty: the topic is not served.
  std::vector<std::string> control_users;
  topics::TopicOptions topics;
};

class OverMqtt {
 public:
  // `registry`: the one that `service` answers from, and `feed` tells of.
  OverMqtt(registry::SessionRegistry& registry, const api::Service& service,
           const feed::ChangeFeed& feed, const OverMqttOptions& options);

  absl::Status Start(int nice);
  void OnControlRequest(const broker::ControlRequest& request) noexcept;
  void OnTick(absl::Time now);
  // The registry is about to forget this client.
  void OnForget(absl::string_view client_id) { topics_.Forget(client_id); }
  // For as many of them there is room; beyond, something is left behind.
  size_t forget_room() const { return topics_.forget_room(); }

  // Any thread.
  void Read(metrics::Readings* out);
  void Read(api::pb::GetServerStatusResponse* out);

 private:
  bool MayAsk(absl::string_view username) const;
  bool Send(const control::Answer& answer) const noexcept;

  const registry::SessionRegistry& registry_;
  const OverMqttOptions options_;
  control::Desk desk_;
  topics::ChangeTopics topics_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_OVER_MQTT_H_
