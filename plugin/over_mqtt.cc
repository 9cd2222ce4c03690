#include "plugin/over_mqtt.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/time/clock.h"
#include "plugin/broker/publication.h"
#include "plugin/control/commands.h"

namespace session_status {
namespace {

constexpr absl::string_view kAnswerTopic = "$CONTROL/session-status/v1/response";

// Of the connection that is up; 0: we know of none (2.0 does not show us every client).
uint64_t IncarnationOf(const registry::SessionRegistry& registry, absl::string_view client_id) {
  registry::SessionDetails details;
  registry.FindDetails(client_id, &details);
  return details.status.online() ? details.incarnation : 0;
}

bool IsTopicName(absl::string_view topic) {
  return !topic.empty() && topic.find_first_of(absl::string_view("+#\0", 3)) == topic.npos;
}

}  // namespace

OverMqtt::OverMqtt(const api::Service& service, const OverMqttOptions& options)
    : registry_(service.registry()),
      options_(options),
      desk_([&service](absl::string_view payload) {
        return control::AnswerCommands(service, payload, absl::Now());
      }) {}

absl::Status OverMqtt::Start(int nice) {
  return options_.control_users.empty() ? absl::OkStatus() : desk_.Start(nice);
}

bool OverMqtt::MayAsk(absl::string_view username) const {
  return std::any_of(options_.control_users.begin(), options_.control_users.end(),
                     [&](const std::string& user) {
                       return user == "*" || (!username.empty() && user == username);
                     });
}

void OverMqtt::OnControlRequest(const broker::ControlRequest& request) noexcept {
  control::Asker asker;
  try {
    asker.client_id = std::string(request.client_id);
    asker.incarnation = IncarnationOf(registry_, request.client_id);
    asker.correlation = std::string(request.correlation);
    asker.qos = std::min(request.qos, 1);
    asker.topic = std::string(kAnswerTopic);
    if (!request.response_topic.empty() && IsTopicName(request.response_topic)) {
      asker.topic = std::string(request.response_topic);
    }
  } catch (const std::bad_alloc&) {
    return desk_.counters().dropped.Add();
  }
  if (!MayAsk(request.username)) {
    desk_.counters().requests.Add();
    return desk_.Refuse(std::move(asker),
                        absl::PermissionDeniedError(
                            "this user may not ask; option control_users names who may"));
  }
  desk_.Ask(std::move(asker), request.payload);
}

bool OverMqtt::Send(const control::Answer& answer) const noexcept {
  // To the connection that asked, or to nobody: its name may be somebody else's by now.
  const uint64_t asked_by = answer.asker.incarnation;
  if (asked_by != 0 && IncarnationOf(registry_, answer.asker.client_id) != asked_by) return false;
  try {
    broker::Publication publication;
    publication.client_id = answer.asker.client_id;
    publication.topic = answer.asker.topic;
    publication.payload = answer.payload;
    publication.correlation = answer.asker.correlation;
    publication.qos = answer.asker.qos;
    return broker::Publish(publication);
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void OverMqtt::OnTick(absl::Time) noexcept {
  desk_.Tick([this](const control::Answer& answer) { return Send(answer); });
}

void OverMqtt::Read(metrics::Readings* out) {
  if (!options_.control_users.empty()) {
    const control::DeskCounters& counters = desk_.counters();
    metrics::ControlReadings& control = out->control.emplace();
    control.requests = counters.requests.value();
    control.refused = counters.refused.value();
    control.answered = counters.answered.value();
    control.dropped = counters.dropped.value();
    control.waiting = counters.waiting.value();
  }
}

}  // namespace session_status
