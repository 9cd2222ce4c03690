#include "plugin/feed/change.h"

#include "absl/time/time.h"

namespace session_status::feed {
namespace {

using registry::SessionEvent;
using registry::SessionState;

ChangeKind KindOf(const SessionEvent& event) {
  if (event.repaired) return ChangeKind::kRepaired;
  switch (event.kind) {
    case SessionEvent::Kind::kConnected:
      return ChangeKind::kOnline;
    case SessionEvent::Kind::kEnded:
      return event.session_kept ? ChangeKind::kSessionKept : ChangeKind::kOffline;
    case SessionEvent::Kind::kSessionGone:
      return ChangeKind::kSessionGone;
    case SessionEvent::Kind::kRestored:
      break;
  }
  return ChangeKind::kRepaired;
}

}  // namespace

Change MakeChange(const SessionEvent& event, const registry::ApplyResult& result) {
  Change c;
  c.sequence = result.sequence;
  c.incarnation = event.incarnation;
  if (event.time > absl::InfinitePast()) c.time_ms = absl::ToUnixMillis(event.time);
  c.kind = KindOf(event);
  c.before = result.before;
  c.after = result.after;
  c.reason = event.reason;
  if (event.kind != SessionEvent::Kind::kConnected) c.broker_code = event.broker_code;
  c.client_id = event.client_id;
  if (event.kind == SessionEvent::Kind::kConnected || event.kind == SessionEvent::Kind::kRestored) {
    c.protocol_version = event.connection.protocol_version;
    c.transport = event.connection.transport;
    c.listener_port = event.connection.listener_port;
    c.address = event.connection.address;
  }
  return c;
}

Change MakeState(absl::string_view client_id, const registry::SessionDetails& details,
                 uint64_t sequence) {
  Change c;
  c.sequence = sequence;
  c.incarnation = details.incarnation;
  const absl::Time since = details.status.online() ? details.connected_at : details.disconnected_at;
  if (since > absl::InfinitePast()) c.time_ms = absl::ToUnixMillis(since);
  c.after = details.status.state;
  c.reason = details.status.reason;
  c.protocol_version = details.protocol_version;
  c.transport = details.transport;
  c.broker_code = details.broker_code;
  c.listener_port = details.listener_port;
  c.client_id = client_id;
  c.address = details.address;
  return c;
}

uint64_t OrderOf(uint64_t incarnation, SessionState state) {
  return incarnation << 2 | static_cast<uint64_t>(state);  // the states are numbered in that order
}

absl::string_view GroupOf(absl::string_view client_id) {
  const size_t end = client_id.find("@@@");
  return end == absl::string_view::npos ? absl::string_view() : client_id.substr(0, end);
}

}  // namespace session_status::feed
