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

OverMqtt::OverMqtt(registry::SessionRegistry& registry, const api::Service& service,
                   const feed::ChangeFeed& feed, const OverMqttOptions& options)
    : registry_(registry),
      options_(options),
      desk_([&service](absl::string_view payload) {
        return control::AnswerCommands(service, payload, absl::Now());
      }),
      topics_(registry, feed, options_.topics,
              [this](const std::string& topic, absl::string_view payload, bool retain) {
                broker::Publication publication;
                publication.topic = topic;
                publication.payload = payload;
                publication.qos = options_.topics.qos;
                publication.retain = retain;
                return broker::Publish(publication);
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
  try {
    control::Asker asker;
    asker.client_id = std::string(request.client_id);
    asker.incarnation = IncarnationOf(registry_, request.client_id);
    asker.correlation = std::string(request.correlation);
    asker.qos = std::min(request.qos, 1);
    asker.topic = std::string(kAnswerTopic);
    if (!request.response_topic.empty() && IsTopicName(request.response_topic)) {
      asker.topic = std::string(request.response_topic);
    }
    if (MayAsk(request.username)) return desk_.Ask(std::move(asker), request.payload);
    const absl::Status refusal =
        absl::PermissionDeniedError("this user may not ask; option control_users names who may");
    desk_.counters().requests.Add();
    desk_.Refuse(std::move(asker), refusal);
  } catch (const std::bad_alloc&) {  // before the desk heard of it
    desk_.counters().requests.Add();
    desk_.counters().dropped.Add();
  }
}

bool OverMqtt::Send(const control::Answer& answer) const noexcept {
  try {
    // To the connection that asked, or to nobody: its name may be somebody else's by now.
    const uint64_t asked_by = answer.asker.incarnation;
    if (asked_by != 0 && IncarnationOf(registry_, answer.asker.client_id) != asked_by) return false;
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

void OverMqtt::OnTick(absl::Time now) {
  desk_.Tick([this](const control::Answer& answer) { return Send(answer); });
  topics_.Tick(now);
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
  if (!options_.topics.prefix.empty()) {
    const topics::TopicCounters& counters = topics_.counters();
    metrics::TopicReadings& topics = out->topics.emplace();
    topics.published = counters.published.value();
    topics.coalesced = counters.coalesced.value();
    topics.skipped = counters.skipped.value();
    topics.missed = counters.missed.value();
  }
}

void OverMqtt::Read(api::pb::GetServerStatusResponse* out) {
  metrics::Readings readings;
  Read(&readings);
  if (readings.control.has_value()) {
    api::pb::ControlStatus* control = out->mutable_control();
    control->set_requests(readings.control->requests);
    control->set_refused(readings.control->refused);
    control->set_answered(readings.control->answered);
    control->set_dropped(readings.control->dropped);
    control->set_waiting(readings.control->waiting);
  }
  if (readings.topics.has_value()) {
    api::pb::TopicStatus* topics = out->mutable_topics();
    topics->set_published(readings.topics->published);
    topics->set_coalesced(readings.topics->coalesced);
    topics->set_skipped(readings.topics->skipped);
    topics->set_missed_changes(readings.topics->missed);
  }
}

}  // namespace session_status
