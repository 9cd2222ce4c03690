#include "plugin/api/service.h"

#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "plugin/api/fleet_messages.h"

namespace session_status::api {
namespace {

using registry::SessionDetails;
using registry::SessionState;
using registry::SessionStatus;
using registry::SnapshotInfo;

// The wire's enums repeat the registry's numbers, so that a cast is the whole translation, here and
// wherever else one is sent. A value that is added on one side only stops the build.
static_assert(pb::SessionState_MAX == registry::kSessionStateCount - 1);
static_assert(pb::EndReason_MAX == registry::kEndReasonCount - 1);
static_assert(pb::Transport_MAX == static_cast<int>(registry::Transport::kWebSockets));

void FillSnapshot(const SnapshotInfo& info, absl::Time now, pb::Snapshot* out) {
  out->set_sequence(info.sequence);
  out->set_taken_at_ms(absl::ToUnixMillis(info.taken_at));
  out->set_age_ms(absl::ToInt64Milliseconds(info.age(now)));
}

bool Known(absl::Time t) { return t > absl::InfinitePast(); }

absl::Status CheckClientId(absl::string_view client_id) {
  if (client_id.empty()) {
    return absl::InvalidArgumentError("clientId is empty; it takes 1 to 65535 bytes of UTF-8");
  }
  if (client_id.size() > registry::kClientIdBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("clientId has ", client_id.size(), " bytes; MQTT allows at most 65535"));
  }
  return absl::OkStatus();
}

void FillDetails(const SessionDetails& details, absl::Time now, absl::Duration keepalive_grain,
                 pb::QuerySessionByClientIdResponse* reply) {
  const bool online = details.status.online();
  reply->set_incarnation(details.incarnation);
  if (Known(details.connected_at)) {
    reply->set_connected_at_ms(absl::ToUnixMillis(details.connected_at));
  }
  if (online) {
    reply->set_last_seen_at_ms(absl::ToUnixMillis(now));
  } else if (Known(details.disconnected_at)) {
    const bool exact = !Known(details.ended_not_before);
    const absl::Time last_seen = exact ? details.disconnected_at : details.ended_not_before;
    reply->set_last_seen_at_ms(absl::ToUnixMillis(last_seen));
    reply->set_disconnected_at_ms(absl::ToUnixMillis(details.disconnected_at));
    if (!exact) {
      reply->set_ended_not_before_ms(absl::ToUnixMillis(details.ended_not_before));
      reply->set_ended_not_after_ms(absl::ToUnixMillis(details.disconnected_at));
    }
  }
  reply->set_restored(details.restored);
  if (Known(details.session_created_at)) {
    reply->set_session_created_at_ms(absl::ToUnixMillis(details.session_created_at));
  }
  reply->set_end_reason(static_cast<pb::EndReason>(details.status.reason));
  reply->set_broker_code(details.broker_code);
  reply->set_address(details.address);
  reply->set_listener_port(details.listener_port);
  reply->set_protocol_version(std::string(ProtocolName(details.protocol_version)));
  reply->set_transport(static_cast<pb::Transport>(details.transport));
  reply->set_keepalive_s(details.keepalive_s);
  reply->set_username(details.username);
  reply->set_clean_start(details.clean_start);
  reply->set_connects(details.connects);
  if (online && details.keepalive_s == 0) {
    reply->set_silent_death_undetected(true);
  } else if (online) {
    const absl::Duration bound = absl::Seconds(details.keepalive_s) * 1.5 + keepalive_grain;
    reply->set_detection_bound_s(
        static_cast<uint32_t>(absl::ToInt64Seconds(absl::Ceil(bound, absl::Seconds(1)))));
  }
}

void FillStates(const std::array<uint64_t, registry::kSessionStateCount>& by_state,
                pb::StateCounts* out) {
  out->set_online(by_state[static_cast<size_t>(SessionState::kOnline)]);
  out->set_offline_session_kept(by_state[static_cast<size_t>(SessionState::kOfflineSessionKept)]);
  out->set_offline(by_state[static_cast<size_t>(SessionState::kOffline)]);
}

}  // namespace

absl::Status CheckInstance(absl::string_view requested, absl::string_view own) {
  if (requested.empty() || requested == own) return absl::OkStatus();
  return absl::NotFoundError("instanceId names no instance of this server");
}

void FillSession(absl::string_view client_id, const SessionDetails& details, absl::Time now,
                 absl::Duration keepalive_check_grain, pb::QuerySessionByClientIdResponse* out) {
  out->set_client_id(client_id.data(), client_id.size());
  out->set_online(details.status.online());
  out->set_state(static_cast<pb::SessionState>(details.status.state));
  FillDetails(details, now, keepalive_check_grain, out);
}

Service::Service(const registry::SessionRegistry& registry, ServerFacts facts,
                 const registry::OthersView* others)
    : registry_(registry), view_(registry, others), facts_(std::move(facts)) {}

absl::Status Service::BatchQuerySessionByClientIds(
    const pb::BatchQuerySessionByClientIdsRequest& request, absl::Time now,
    pb::BatchQuerySessionByClientIdsResponse* reply) const {
  if (absl::Status s = CheckInstance(request.instance_id(), facts_.instance_id); !s.ok()) return s;
  const auto count = static_cast<size_t>(request.client_ids_size());
  if (count == 0) return absl::InvalidArgumentError("clientIds is empty; it takes 1 to 10000");
  if (count > kBatchIdsMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("clientIds has ", count, " elements; at most ", kBatchIdsMax));
  }

  // Sixteen inline: the documented batch of ten needs no allocation.
  absl::InlinedVector<absl::string_view, 16> ids(request.client_ids().begin(),
                                                 request.client_ids().end());
  absl::InlinedVector<SessionStatus, 16> statuses(count);
  const registry::WholeCut cut =
      view_.QuerySnapshot(absl::MakeConstSpan(ids), absl::MakeSpan(statuses));

  FillSnapshot(cut.own, now, reply->mutable_snapshot());
  if (cut.fleet) {
    FillFleetView(*view_.others(), cut.others.source, cut.others.as_of, now,
                  reply->mutable_fleet());
  }
  reply->mutable_sessions()->Reserve(static_cast<int>(count));
  for (size_t i = 0; i < count; ++i) {
    pb::OnlineStatus* out = reply->add_sessions();
    out->set_client_id(ids[i].data(), ids[i].size());
    if (absl::Status s = CheckClientId(ids[i]); !s.ok()) {
      out->mutable_error()->set_code("invalid_argument");
      out->mutable_error()->set_message(std::string(s.message()));
      continue;
    }
    out->set_online(statuses[i].online());
    out->set_state(static_cast<pb::SessionState>(statuses[i].state));
    out->set_end_reason(static_cast<pb::EndReason>(statuses[i].reason));
    if (cut.fleet) out->set_node(cut.nodes[i].data(), cut.nodes[i].size());
  }
  return absl::OkStatus();
}

absl::Status Service::QuerySessionByClientId(const pb::QuerySessionByClientIdRequest& request,
                                             absl::Time now,
                                             pb::QuerySessionByClientIdResponse* reply) const {
  if (absl::Status s = CheckInstance(request.instance_id(), facts_.instance_id); !s.ok()) return s;
  if (absl::Status s = CheckClientId(request.client_id()); !s.ok()) return s;
  reply->set_client_id(request.client_id());
  registry::WholeSession session;
  if (absl::Status s = view_.Find(request.client_id(), now, &session); !s.ok()) return s;
  reply->set_online(session.status().online());
  reply->set_state(static_cast<pb::SessionState>(session.status().state));
  if (view_.others() != nullptr) FillFleetPart(*view_.others(), session, now, reply);
  if (session.elsewhere) {
    FillOtherSession(session.other, reply);
  } else if (session.known_here) {
    FillDetails(session.own, now, facts_.keepalive_check_grain, reply);
  }
  return absl::OkStatus();
}

absl::Status Service::GetServerStatus(const pb::GetServerStatusRequest&, absl::Time now,
                                      pb::GetServerStatusResponse* reply) const {
  const registry::RegistryCounts counts = registry_.Counts();
  reply->set_version(facts_.version);
  reply->set_broker(facts_.broker);
  reply->set_instance_id(facts_.instance_id);
  reply->set_started_at_ms(absl::ToUnixMillis(facts_.started_at));
  reply->set_uptime_ms(absl::ToInt64Milliseconds(now - facts_.started_at));
  FillStates(counts.by_state, reply->mutable_sessions());
  reply->set_connects(counts.connects);
  reply->set_takeovers(counts.takeovers);
  reply->set_stale_events(counts.stale_events);
  reply->set_sequence(registry_.sequence());
  FillSnapshot(registry_.CurrentSnapshot(), now, reply->mutable_snapshot());
  reply->set_snapshot_refresh_ms(absl::ToInt64Milliseconds(facts_.snapshot_refresh));
  reply->set_registry_memory_bytes(registry_.MemoryBytes());
  reply->set_offline_grace_ms(absl::ToInt64Milliseconds(facts_.offline_grace));
  for (const StatusSource& source : status_sources_) source(reply);
  if (view_.others() != nullptr) {
    FillFleetSummary(view_.others()->Status(), now, reply->mutable_fleet());
  }
  return absl::OkStatus();
}

absl::Status Service::GetCounts(const pb::GetCountsRequest&, absl::Time,
                                pb::GetCountsResponse* reply) const {
  // Read first: what changes after it is followed from it, counted already or not.
  reply->set_sequence(registry_.sequence());
  reply->set_feed_epoch(absl::ToUnixMillis(facts_.started_at));
  const registry::RegistryCounts counts = registry_.Counts();
  FillStates(counts.by_state, reply->mutable_sessions());
  for (size_t i = 0; i < counts.ends_by_reason.size(); ++i) {
    if (counts.ends_by_reason[i] == 0) continue;
    pb::ReasonCount* row = reply->add_ends_by_reason();
    row->set_reason(static_cast<pb::EndReason>(i));
    row->set_count(counts.ends_by_reason[i]);
  }
  for (size_t i = 0; i < counts.online_by_protocol.size(); ++i) {
    if (counts.online_by_protocol[i] == 0) continue;
    pb::ProtocolCount* row = reply->add_online_by_protocol();
    row->set_protocol_version(std::string(ProtocolName(static_cast<registry::ProtocolVersion>(i))));
    row->set_online(counts.online_by_protocol[i]);
  }
  for (const registry::ListenerCount& listener : registry_.OnlineByListener()) {
    pb::ListenerCount* row = reply->add_online_by_listener();
    row->set_listener_port(listener.listener_port);
    row->set_online(listener.online);
  }
  for (const registry::GroupCounts& group : registry_.CountsByGroup()) {
    if (group.by_state == decltype(group.by_state){}) continue;  // the row of those without one
    pb::GroupCount* row = reply->add_groups();
    row->set_group(group.group);
    FillStates(group.by_state, row->mutable_sessions());
  }
  reply->set_connects(counts.connects);
  reply->set_takeovers(counts.takeovers);
  if (view_.others() != nullptr) {
    reply->set_online_elsewhere(view_.others()->Status().other_sessions);
  }
  return absl::OkStatus();
}

absl::Status Service::GetFleet(const pb::GetFleetRequest&, absl::Time now,
                               pb::GetFleetResponse* reply) const {
  if (view_.others() == nullptr) {
    return absl::FailedPreconditionError(
        "this broker is in no fleet; plugin_opt_fleet_url would put it into one");
  }
  FillFleet(view_.others()->Status(), now, reply);
  return absl::OkStatus();
}

absl::Status Service::ListSessions(const pb::ListSessionsRequest& request, absl::Time now,
                                   pb::ListSessionsResponse* reply) const {
  if (absl::Status s = CheckInstance(request.instance_id(), facts_.instance_id); !s.ok()) return s;
  if (lister_ == nullptr) return absl::UnimplementedError("this server does not list sessions");
  return lister_->ListSessions(request, now, reply);
}

absl::Status Service::GetHistory(const pb::GetHistoryRequest& request, absl::Time now,
                                 pb::GetHistoryResponse* reply) const {
  if (absl::Status s = CheckInstance(request.instance_id(), facts_.instance_id); !s.ok()) return s;
  if (absl::Status s = CheckClientId(request.client_id()); !s.ok()) return s;
  if (request.has_from_ms() && request.has_until_ms() && request.from_ms() > request.until_ms()) {
    return absl::InvalidArgumentError("fromMs is later than untilMs");
  }
  if (request.stored()) {
    if (stored_history_ != nullptr) return stored_history_->GetStoredHistory(request, reply);
    return absl::FailedPreconditionError(
        "this broker stores no history; plugin_opt_session_database would name a file for it, and "
        "plugin_opt_session_history_ttl above 0s how long it is kept");
  }
  if (request.has_from_ms() || request.has_until_ms()) {
    return absl::InvalidArgumentError("fromMs and untilMs go with stored only");
  }
  if (history_ == nullptr) return absl::UnimplementedError("this server remembers no history");
  return history_->GetHistory(request, now, reply);
}

absl::Status Service::ListFlappers(const pb::ListFlappersRequest& request, absl::Time now,
                                   pb::ListFlappersResponse* reply) const {
  if (absl::Status s = CheckInstance(request.instance_id(), facts_.instance_id); !s.ok()) return s;
  if (history_ == nullptr) return absl::UnimplementedError("this server remembers no history");
  return history_->ListFlappers(request, now, reply);
}

absl::Status Service::GetAudit(const pb::GetAuditRequest&, absl::Time,
                               pb::GetAuditResponse* reply) const {
  if (audit_ == nullptr) return absl::UnimplementedError("this server audits nothing");
  audit_->GetAudit(reply);
  return absl::OkStatus();
}

}  // namespace session_status::api
