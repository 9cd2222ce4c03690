// What a fleet adds to the service's messages.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_PLUGIN_API_FLEET_MESSAGES_H_
#define SESSION_STATUS_PLUGIN_API_FLEET_MESSAGES_H_

#include "absl/time/time.h"
#include "proto/session_status.pb.h"
#include "registry/whole_view.h"

namespace session_status::api {

namespace pb = ::mosquitto_session_status::v1;

void FillFleetView(const registry::OthersView& others, registry::AnswerSource source,
                   absl::Time as_of, absl::Time now, pb::FleetView* out);

// Source, node and freshness of a single answer.
void FillFleetPart(const registry::OthersView& others, const registry::WholeSession& session,
                   absl::Time now, pb::QuerySessionByClientIdResponse* out);

// What is known of a client of another node, `client_id`, `online` and `state` left out.
void FillOtherSession(const registry::OtherSession& other, pb::QuerySessionByClientIdResponse* out);

void FillFleetSummary(const registry::FleetStatus& status, absl::Time now, pb::FleetSummary* out);
void FillFleet(const registry::FleetStatus& status, absl::Time now, pb::GetFleetResponse* out);

// Milliseconds since `t`, at least 0; the other node's clock plays no part in it.
int64_t AgeMs(absl::Time t, absl::Time now);

}  // namespace session_status::api

#endif  // SESSION_STATUS_PLUGIN_API_FLEET_MESSAGES_H_
