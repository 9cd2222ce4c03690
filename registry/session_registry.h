// The table of sessions of one node: one writer, any number of readers, two views of one memory.
//
// Live view:      what the last finished Apply() left. Exact.
// Snapshot view:  one consistent cut of all sessions, replaced by PublishSnapshot(). A batch is
//                 answered from exactly one cut, whatever happens meanwhile.
//
// Threads:     Apply, Maintain: the one writer thread (`broker`; for a second registry, its own
//              writer). PublishSnapshot: one `refresher` thread. All const methods: any.
// Progress:    the writer never waits for anybody. Live state and batch reads take no lock and
//              write nothing shared. See docs/registry.md for the guarantees by letter.
// Consistency: see each method.
// Ownership:   results are copies; no reader holds memory of the registry.
// Errors:      memory exhaustion is the only one: Apply() then says kOutOfMemory, changes nothing
//              for that client and counts it. A user name or address alone is left out instead, and
//              counted. Neither happens while there are ended sessions to forget (MustForget()).
#ifndef SESSION_STATUS_REGISTRY_SESSION_REGISTRY_H_
#define SESSION_STATUS_REGISTRY_SESSION_REGISTRY_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "registry/session_event.h"

namespace session_status::registry {

// The hot part of an answer.
struct SessionStatus {
  SessionState state = SessionState::kUnknown;
  EndReason reason = EndReason::kNone;  // of the last end; kNone while online
  // kOffline, kSessionExpired: the connection before had broken (IsLoss). What loss_grace.h needs.
  bool expired_after_loss = false;
  bool online() const { return state == SessionState::kOnline; }
};

// Everything the registry knows about one client. A copy.
struct SessionDetails {
  SessionStatus status;
  uint64_t incarnation = 0;                        // of the last connection
  uint16_t broker_code = 0;                        // the broker's own code of the last end
  uint32_t connects = 0;                           // connections since the session was first seen
  absl::Time connected_at = absl::InfinitePast();  // of the last connection
  // When the last connection ended, whatever became of its session; InfinitePast while online, or
  // not known.
  absl::Time disconnected_at = absl::InfinitePast();
  absl::Time session_created_at = absl::InfinitePast();
  // The end lies between this and disconnected_at; InfinitePast: disconnected_at is exact. Up to
  // 64 ms earlier than what kRestored said.
  absl::Time ended_not_before = absl::InfinitePast();
  bool restored = false;  // told by kRestored; no connection since
  std::string address;
  std::string username;
  uint16_t listener_port = 0;
  uint16_t keepalive_s = 0;
  ProtocolVersion protocol_version = ProtocolVersion::kUnknown;
  Transport transport = Transport::kUnknown;
  bool clean_start = false;
};

// Identifies the cut that a batch was answered from.
struct SnapshotInfo {
  uint64_t sequence = 0;                       // events applied up to and including this cut
  absl::Time taken_at = absl::InfinitePast();  // wall time
  int64_t steady_ms = 0;                       // a clock that is never set, at that moment
  // Not negative: when the wall clock was set back since the cut, its age is not known until the
  // next one, which is at most a refresh away.
  absl::Duration age(absl::Time now) const {
    return std::max(now - taken_at, absl::ZeroDuration());
  }
};

// What Apply() did.
struct ApplyResult {
  enum class Outcome : uint8_t {
    kApplied,
    kStale,       // an older incarnation's event, or one seen before: nothing changed
    kOutOfMemory  // counted; the client keeps its previous state
  };
  Outcome outcome = Outcome::kStale;
  uint64_t sequence = 0;  // of this change; strictly rising by one per applied event
  SessionState before = SessionState::kUnknown;
  SessionState after = SessionState::kUnknown;
};

struct RegistryOptions {
  // Ended sessions (state kOffline) are remembered at most this long and at most this many. One
  // that was kept ended later than its connection.
  absl::Duration ended_ttl = absl::Hours(24);
  uint64_t ended_max = 1'000'000;
  // Address space is reserved for about this many sessions, some 400 bytes each; memory is used as
  // they come. One more is refused (kOutOfMemory). At most 60,000,000. Where the system does not
  // grant twice that much (RLIMIT_AS, vm.overcommit_memory=2), half as many are tried, and so on,
  // so that the process keeps half of what it may have: sessions_max() tells.
  uint64_t sessions_max = 32'000'000;
  // Ask the system for 2 MiB pages once the tables are larger than that: fewer TLB misses.
  bool huge_pages = true;
};

// Sessions of one group: identifiers of the form `group@@@device`.
struct GroupCounts {
  std::string group;  // empty: no group, or one of more than 4,096, or a name over 64 bytes
  std::array<uint64_t, kSessionStateCount> by_state{};  // kUnknown: always 0
};

struct ListenerCount {
  uint16_t listener_port = 0;
  uint64_t online = 0;
};

// Exact counts, kept in O(1) per event. Read at any time; each figure is exact as of some moment
// during the read, and all of them after the last Apply() returned.
struct RegistryCounts {
  std::array<uint64_t, kSessionStateCount> by_state{};     // kUnknown: always 0
  std::array<uint64_t, kEndReasonCount> ends_by_reason{};  // ends since start
  std::array<uint64_t, 6> online_by_protocol{};            // by ProtocolVersion number
  uint64_t connects = 0;                                   // applied connects since start
  uint64_t takeovers = 0;                                  // connects that found the client online
  uint64_t stale_events = 0;                               // events that changed nothing
  uint64_t forgotten = 0;  // ended sessions dropped by ended_ttl or ended_max
  uint64_t out_of_memory = 0;
  uint64_t names_left_out = 0;  // user names and addresses that there was no room for
  uint64_t long_id_bytes = 0;   // memory of client identifiers (and user names) not inline
};

class SessionRegistry {
 public:
  // Throws std::bad_alloc when the system does not grant room for even a thousand
  // sessions (or fewer that were wished).
  explicit SessionRegistry(const RegistryOptions& options = {});
  ~SessionRegistry();
  SessionRegistry(const SessionRegistry&) = delete;
  SessionRegistry& operator=(const SessionRegistry&) = delete;

  // -- writer ------------------------------------------------------------------------------------
  // Applies one event. Wait-free but for page faults; allocates in bounded steps.
  ApplyResult Apply(const SessionEvent& event);

  // Begins to fetch what an event of that client will need. For a writer that knows some of its
  // next events: waiting for memory is most of what an event costs in a large table.
  void Prefetch(absl::string_view client_id) const;

  // Whether ended sessions are past their limits in number, or take the room that others need: more
  // than 15/16 of sessions_max are in use, or identifiers over 40 bytes and user names over 16 take
  // more than two lines of 64 bytes for each of ended_max (65,536 lines at least) and eight
  // for each session that has not ended, or half of what there is room for. Maintain() then
  // should not wait for the next tick.
  bool MustForget() const;

  // Bounded housekeeping: forgets ended sessions past their limits, the longest gone first, at most
  // `budget` of them. Returns how many. Call it from the broker's tick, and when MustForget(), with
  // a `now` that does not jump (lasting_time.h). `forgetting`, when given, is told of each just
  // before it goes: a listing that began earlier still has to show it.
  using ForgettingFn = std::function<void(absl::string_view, const SessionDetails&)>;
  size_t Maintain(absl::Time now, size_t budget, const ForgettingFn& forgetting = nullptr);

  // What an audit compares. `client_id` ends with a NUL and dies when the call returns.
  struct Inspected {
    const std::string& client_id;
    SessionState state;
    uint64_t incarnation;
    // MQTT 3.1 or 3.1.1 with clean session: the broker keeps no session behind the connection.
    bool ends_with_connection;
  };
  using InspectFn = std::function<void(const Inspected&)>;
  // VisitFrom() for the writer: the same steps, nothing waits, nothing is allocated (but for an
  // identifier longer than any before). `inspect` must not call Apply() or Maintain().
  uint64_t InspectFrom(uint64_t position, const InspectFn& inspect);

  // -- refresher ---------------------------------------------------------------------------------
  // Makes everything applied so far the new snapshot. Cost: independent of the number of sessions.
  // Waits for the event that is being applied at this moment, if there is one; nobody waits for it.
  // `steady_ms`: the clock that loss_grace.h measures with; without it, wall time serves.
  void PublishSnapshot(absl::Time now, int64_t steady_ms);
  void PublishSnapshot(absl::Time now) { PublishSnapshot(now, absl::ToUnixMillis(now)); }

  // Has the system back the memory that the next events will need, so that the writer takes no page
  // faults while the table grows; it costs nothing when nothing grew. `since_last`: the time since
  // the last call; infinite when the writer itself calls, and so does not go on meanwhile. Returns
  // when to call it again at the latest: a millisecond while the table grows as fast as it can, a
  // quarter of a second when it does not grow. A writer that is faster takes small page faults; a
  // huge page it waits for only where it comes to one within the moment of its making. Blocking.
  absl::Duration PopulateAhead(absl::Duration since_last);

  // -- any thread --------------------------------------------------------------------------------
  // Live state of one client.
  SessionStatus Find(absl::string_view client_id) const;

  // Live details of one client; false if unknown (`*details` is then untouched). All fields are of
  // one moment. Lock-free among readers; retries while the writer is inside an event of this very
  // client, so a writer that is descheduled right there (some 50 ns per event) is waited for.
  bool FindDetails(absl::string_view client_id, SessionDetails* details) const;

  // Answers `client_ids[i]` into `out[i]`, all from one cut, and says which.
  // REQUIRES: out.size() == client_ids.size().
  SnapshotInfo QuerySnapshot(absl::Span<const absl::string_view> client_ids,
                             absl::Span<SessionStatus> out) const;

  // The current snapshot's identity without asking for anybody.
  SnapshotInfo CurrentSnapshot() const;

  // Visits every session of the live view once, in no order; a session that is there during the
  // whole walk is seen exactly once. Stops when `visit` returns false. The view passed to `visit`
  // is valid during the call only. Not for the writer's thread.
  void ForEach(const std::function<bool(absl::string_view, const SessionDetails&)>& visit) const;

  // The same walk in steps that may lie any time apart. Every client identifier, known or not, has
  // a fixed position; a step visits the sessions whose position lies in [position, next), for a
  // `next` of the registry's choosing (some dozens of sessions), and returns `next`; 0: the walk is
  // over. Start at 0. A session that is there during the whole step is visited exactly once in it.
  // Not for the writer's thread.
  using VisitFn = std::function<void(uint64_t position, absl::string_view, const SessionDetails&)>;
  uint64_t VisitFrom(uint64_t position, const VisitFn& visit) const;
  uint64_t PositionOf(absl::string_view client_id) const;

  uint64_t sessions_max() const;  // what there is room for

  RegistryCounts Counts() const;
  std::vector<GroupCounts> CountsByGroup() const;       // rows with sessions, "" first
  std::vector<ListenerCount> OnlineByListener() const;  // ports with clients, rising; 0: not known
  uint64_t sequence() const;                            // of the last applied event
  size_t MemoryBytes() const;        // reserved from the system and touched, all overhead included
  size_t DetailMemoryBytes() const;  // the part of it that details and shared strings take

  // Aborts with a message when an internal invariant does not hold. Writer thread only.
  void CheckInvariantsForTest() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_SESSION_REGISTRY_H_
