#include "plugin/api/fleet_messages.h"

#include <algorithm>

namespace session_status::api {
namespace {

using registry::AnswerSource;

static_assert(static_cast<int>(pb::ANSWER_SOURCE_REPLICA) ==
              static_cast<int>(AnswerSource::kReplica));

bool Known(absl::Time t) { return t > absl::InfinitePast(); }

}  // namespace

int64_t AgeMs(absl::Time t, absl::Time now) {
  return std::max<int64_t>(absl::ToInt64Milliseconds(now - t), 0);
}

void FillFleetView(const registry::OthersView& others, AnswerSource source, absl::Time as_of,
                   absl::Time now, pb::FleetView* out) {
  out->set_node(others.node());
  out->set_source(static_cast<pb::AnswerSource>(source));
  if (Known(as_of)) out->set_others_age_ms(AgeMs(as_of, now));
}

void FillFleetPart(const registry::OthersView& others, const registry::WholeSession& session,
                   absl::Time now, pb::QuerySessionByClientIdResponse* out) {
  out->set_source(static_cast<pb::AnswerSource>(session.source));
  if (session.status().online()) {
    out->set_node(session.elsewhere ? session.other.node : others.node());
  }
  // Of a client that is connected here the others were not asked.
  const absl::Time as_of =
      session.source == AnswerSource::kLocal ? others.AsOf() : session.other.as_of;
  const AnswerSource source =
      session.source == AnswerSource::kLocal ? AnswerSource::kReplica : session.source;
  FillFleetView(others, source, as_of, now, out->mutable_fleet());
}

void FillOtherSession(const registry::OtherSession& other,
                      pb::QuerySessionByClientIdResponse* out) {
  if (Known(other.connected_at)) out->set_connected_at_ms(absl::ToUnixMillis(other.connected_at));
  if (other.status.online()) {
    if (Known(other.as_of)) out->set_last_seen_at_ms(absl::ToUnixMillis(other.as_of));
  } else {
    out->set_broker_code(registry::kNoBrokerCode);  // the other broker's code is not told
  }
  if (!other.status.online() && Known(other.disconnected_at)) {
    out->set_last_seen_at_ms(absl::ToUnixMillis(other.disconnected_at));
    out->set_disconnected_at_ms(absl::ToUnixMillis(other.disconnected_at));
  }
  out->set_end_reason(static_cast<pb::EndReason>(other.status.reason));
}

void FillFleetSummary(const registry::FleetStatus& status, absl::Time now, pb::FleetSummary* out) {
  out->set_name(status.fleet);
  out->set_node(status.node);
  out->set_state(status.state);
  out->set_nodes(static_cast<uint32_t>(status.nodes.size()));
  out->set_nodes_alive(static_cast<uint32_t>(
      std::count_if(status.nodes.begin(), status.nodes.end(),
                    [](const registry::FleetNode& node) { return node.alive; })));
  out->set_online(status.own_sessions + status.other_sessions);
  if (Known(status.as_of)) out->set_others_age_ms(AgeMs(status.as_of, now));
}

void FillFleet(const registry::FleetStatus& status, absl::Time now, pb::GetFleetResponse* out) {
  FillFleetSummary(status, now, out->mutable_summary());
  for (const registry::FleetNode& node : status.nodes) {
    pb::FleetNode* row = out->add_nodes();
    row->set_name(node.name);
    row->set_number(node.number);
    row->set_self(node.self);
    row->set_alive(node.alive);
    if (Known(node.last_alive)) row->set_last_alive_age_ms(AgeMs(node.last_alive, now));
    row->set_online(node.online);
    row->set_left(node.left);
  }
  out->set_engine(status.engine);
  out->set_ready(status.ready);
  out->set_direct(status.direct);
  out->set_lease_ms(absl::ToInt64Milliseconds(status.lease));
  out->set_own_sessions(status.own_sessions);
  out->set_other_sessions(status.other_sessions);
  out->set_queued_changes(status.queued);
  out->set_shards(static_cast<uint32_t>(status.shards));
  out->set_shards_loading(static_cast<uint32_t>(status.shards_loading));
  out->set_events_written(status.events_written);
  out->set_entries_read(status.entries_read);
  out->set_resends(status.resends);
  out->set_loads(status.loads);
  out->set_taken_over(status.taken_over);
  out->set_kicks(status.kicks);
  out->set_engine_errors(status.engine_errors);
  out->set_write_errors(status.write_errors);
  out->set_last_error(status.last_error);
  out->set_warning(status.warning);
}

}  // namespace session_status::api
