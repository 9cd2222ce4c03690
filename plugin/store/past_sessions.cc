#include "plugin/store/past_sessions.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "registry/session_event.h"

namespace session_status::store {

using registry::SessionDetails;
using registry::SessionEvent;
using registry::SessionState;

registry::Connection ConnectionOf(const SessionDetails& details) {
  return {details.address,          details.username,  details.listener_port, details.keepalive_s,
          details.protocol_version, details.transport, details.clean_start};
}

absl::Status ReadPastSessions(SessionDatabase& database, absl::string_view path, int64_t excess,
                              const std::function<bool(absl::string_view client_id)>& is_held,
                              const std::function<void(const StoredSession&)>& take) {
  using Order = SessionDatabase::Order;
  uint64_t invalid = 0;
  absl::Status status = database.ReadSessions(
      Order::kByEnd,
      [&](const StoredSession& session) {
        if (excess > 0 && session.details.status.state != SessionState::kOfflineSessionKept &&
            !is_held(session.client_id)) {
          --excess;
        } else {
          take(session);
        }
      },
      &invalid);
  if (!status.ok()) {
    // From both ends towards the damaged place. Who is told twice is taken once by the registry.
    for (Order order : {Order::kById, Order::kByIdReverse}) {
      database.ReadSessions(order, take, &invalid).IgnoreError();
    }
    return status;
  }
  if (invalid == 0) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path, ": ", invalid, " sessions have impossible values"));
}

SessionEvent RestoredEvent(const StoredSession& session, const Lives& lives, int64_t started_ms) {
  const SessionDetails& d = session.details;
  SessionEvent event;
  event.kind = SessionEvent::Kind::kRestored;
  event.client_id = session.client_id;
  event.incarnation = d.incarnation;
  event.state = SessionState::kOffline;
  event.connected_at = d.connected_at;
  event.session_created_at = d.session_created_at;
  event.connects = d.connects;
  event.connection = ConnectionOf(d);
  if (d.status.state != SessionState::kOnline) {
    event.reason = d.status.reason;
    event.broker_code = d.broker_code;
    event.time = d.disconnected_at;
    event.ended_not_before = d.ended_not_before;
    return event;
  }
  // It was online when the life ended that wrote the row.
  const Life* const life = lives.Find(session.life);
  if (life != nullptr && life->ended_ms != 0) {
    event.reason = registry::EndReason::kServerShutdown;
    event.time = std::max(absl::FromUnixMillis(life->ended_ms), d.connected_at);
    return event;
  }
  event.reason = registry::EndReason::kBrokerRestart;
  event.ended_not_before = d.connected_at;
  if (life != nullptr) {
    event.ended_not_before = std::max(event.ended_not_before, absl::FromUnixMillis(life->alive_ms));
  }
  event.time = std::max(absl::FromUnixMillis(lives.OverMs(session.life, started_ms)),
                        event.ended_not_before);
  return event;
}

}  // namespace session_status::store
