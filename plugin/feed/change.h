// One change of one session, as followers of the feed see it.
//
// Threads: any; a value. The views are borrowed from whoever filled it.
#ifndef SESSION_STATUS_PLUGIN_FEED_CHANGE_H_
#define SESSION_STATUS_PLUGIN_FEED_CHANGE_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "registry/session_event.h"
#include "registry/session_registry.h"

namespace session_status::feed {

// The numbers are sent: never renumber. They repeat pb::ChangeKind.
enum class ChangeKind : uint8_t {
  kUnspecified = 0,
  kOnline = 1,       // a connection was accepted
  kOffline = 2,      // the connection ended, and the session with it
  kSessionKept = 3,  // the connection ended, the broker holds the session
  kSessionGone = 4,  // a kept session ended
  kRepaired = 5,     // not told by an event: found at start, or by the self-audit
};
inline constexpr int kChangeKindCount = 6;

struct Change {
  uint64_t sequence = 0;
  uint64_t incarnation = 0;  // of the connection; below 2^48
  int64_t time_ms = 0;       // since 1970
  ChangeKind kind = ChangeKind::kUnspecified;
  registry::SessionState before = registry::SessionState::kUnknown;
  registry::SessionState after = registry::SessionState::kUnknown;
  registry::EndReason reason = registry::EndReason::kNone;
  registry::ProtocolVersion protocol_version = registry::ProtocolVersion::kUnknown;
  registry::Transport transport = registry::Transport::kUnknown;
  uint16_t broker_code = 0;
  uint16_t listener_port = 0;
  absl::string_view client_id;
  absl::string_view address;

  // A connect that found its client online.
  bool taken_over() const {
    return kind == ChangeKind::kOnline && before == registry::SessionState::kOnline;
  }
};

Change MakeChange(const registry::SessionEvent& event, const registry::ApplyResult& result);

// The state of one client now, in the same shape. Views borrow from the arguments.
Change MakeState(absl::string_view client_id, const registry::SessionDetails& details,
                 uint64_t sequence);

// Orders what can happen to one client: connections by incarnation, and within one connection
// online, session kept, gone. A change whose order is not above that of a state read from the
// registry is contained in it.
uint64_t OrderOf(uint64_t incarnation, registry::SessionState state);

// "group@@@device": what stands before the first "@@@"; empty without it.
absl::string_view GroupOf(absl::string_view client_id);

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_CHANGE_H_
