// What a fleet knows about clients of the other nodes, as queries see it. `plugin/fleet` implements
// it; without a fleet there is none.
//
// `as_of` is converted to the wall clock at the moment of the call, so an age computed from it is
// right even after the clock was set. The time of an end is fixed once, at what this host's wall
// clock showed when this node heard of it, as for its own clients' ends: so the two can be
// compared.
//
// Threads: any. Find, and in direct mode QuerySnapshot, ask the fleet's engine, one at a time, and
//          wait for it, at most a fifth of a second each (in a cluster, whose slots may have to be
//          asked for, a third); after a failure nobody waits again for a second.
#ifndef SESSION_STATUS_REGISTRY_OTHERS_VIEW_H_
#define SESSION_STATUS_REGISTRY_OTHERS_VIEW_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "registry/session_registry.h"

namespace session_status::registry {

// Where an answer about another node's client comes from. Numbered as on the wire.
enum class AnswerSource : uint8_t {
  kLocal = 0,    // this node's own registry
  kEngine = 1,   // the fleet's engine, asked for this query
  kReplica = 2,  // this node's copy of what the others told; the engine was not asked or is away
};

struct OtherSession {
  SessionStatus status;
  AnswerSource source = AnswerSource::kReplica;
  std::string node;                                   // that holds it; empty while not online
  absl::Time connected_at = absl::InfinitePast();     // on the engine's clock
  absl::Time disconnected_at = absl::InfinitePast();  // when this node heard of it
  absl::Time as_of = absl::InfinitePast();            // the answer is true of this moment, or later
};

// What a cut of the others' sessions says about one client.
struct OtherStatus {
  SessionStatus status;
  absl::string_view node;                      // that holds it; lives as long as the cut
  absl::Time ended_at = absl::InfinitePast();  // when this node heard of the end, if it is known
};

// The cut of the others' sessions that a batch was answered from.
struct OthersCut {
  SnapshotInfo snapshot;
  AnswerSource source = AnswerSource::kReplica;
  absl::Time as_of = absl::InfinitePast();  // everything the others wrote until then is in it
  std::shared_ptr<const void> names;        // keeps what the answers' views refer to
};

struct FleetNode {
  std::string name;
  uint32_t number = 0;
  bool self = false;
  bool alive = false;                            // holds its lease
  absl::Time last_alive = absl::InfinitePast();  // as seen from here
  uint64_t online = 0;
  bool left = false;  // was stopped in order; not alive
};

struct FleetStatus {
  std::string fleet;
  std::string node;
  std::string engine;  // where it is connected, or tries to
  std::string state;   // "joined", or why not
  bool ready = false;  // has loaded what the others wrote before
  bool direct = false;
  absl::Time as_of = absl::InfinitePast();
  absl::Duration lease;
  std::vector<FleetNode> nodes;
  uint64_t own_sessions = 0;
  uint64_t other_sessions = 0;
  uint64_t queued = 0;  // our changes that are not in the engine yet
  uint64_t shards = 0;
  uint64_t shards_loading = 0;
  // Since start.
  uint64_t events_written = 0;
  uint64_t entries_read = 0;
  uint64_t resends = 0;     // shards sent again as a whole
  uint64_t loads = 0;       // shards read as a whole
  uint64_t taken_over = 0;  // our clients that connected elsewhere
  uint64_t kicks = 0;
  uint64_t engine_errors = 0;  // connections lost, reads and writes refused
  uint64_t write_errors = 0;   // writes the engine refused
  std::string last_error;
  std::string warning;  // how the engine is set up, if that can make answers wrong; else empty
};

class OthersView {
 public:
  virtual ~OthersView() = default;

  // Makes what is known so far the new cut. Refresher: right before this node's own snapshot, so
  // that a client that moved away is never missing from both.
  virtual void PublishSnapshot(absl::Time now) = 0;

  // Answers client_ids[i] into out[i], all from one cut. REQUIRES: out.size() == client_ids.size().
  // A client that this node holds itself is kOffline with reason kTakenOver.
  virtual OthersCut QuerySnapshot(absl::Span<const absl::string_view> client_ids,
                                  absl::Span<OtherStatus> out) const = 0;

  // One client that is not connected here. Errors: Unavailable when the engine does not answer and
  // the fleet is configured to say so.
  virtual absl::Status Find(absl::string_view client_id, absl::Time now,
                            OtherSession* session) const = 0;

  virtual FleetStatus Status() const = 0;

  // Everything that the others wrote until then is known here; InfinitePast: nothing is.
  virtual absl::Time AsOf() const = 0;

  // This node's name.
  virtual const std::string& node() const = 0;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_OTHERS_VIEW_H_
