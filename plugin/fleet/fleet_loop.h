// The fleet's thread: every few milliseconds it sends our changes to the engine, reads the others',
// keeps the lease, and repairs whatever a fault left behind. The one place that knows the order of
// things. Who does them: enrolment.h joins, engine_marks.h knows the engines; member.h is what this
// node is then, its parts own_writer.h, takeovers.h, others_reader.h, node_watch.h; what they share
// is in round.h.
//
// One way back from every fault: changes that were dropped on their way here are found by comparing
// with the registry; a writer whose numbers do not agree with the engine's sends its shard again; a
// reader whose numbers have a gap, or whose engine is another one than before, loads the shard
// again; a node that cannot stay what it was in the fleet begins there anew.
//
// Threads:   Step, Leave: one, the fleet's. Everything else through ChangeQueue,
//            KickRing and Board.
// Ownership: everything given to the constructor outlives the loop.
// Errors:    kept in the status, counted, and tried again; none leave.
#ifndef SESSION_STATUS_PLUGIN_FLEET_FLEET_LOOP_H_
#define SESSION_STATUS_PLUGIN_FLEET_FLEET_LOOP_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "plugin/fleet/board.h"
#include "plugin/fleet/change_queue.h"
#include "plugin/fleet/clocks.h"
#include "plugin/fleet/enrolment.h"
#include "plugin/fleet/eviction_watch.h"
#include "plugin/fleet/fleet_options.h"
#include "plugin/fleet/kicks.h"
#include "plugin/fleet/read_pace.h"
#include "plugin/fleet/round.h"
#include "plugin/os/stop_signal.h"
#include "registry/session_registry.h"

namespace session_status::fleet {

// Between rounds: what a change waits at most before it is sent, and before it is read.
inline constexpr absl::Duration kRoundInterval = absl::Milliseconds(10);

// Whom the fleet has refused tries again so much later: should the engine lose its data, those
// whose fleet it is look once a second, and are there first.
inline constexpr absl::Duration kRefusedPause = absl::Seconds(30);

class Member;

class FleetLoop {
 public:
  FleetLoop(const FleetOptions& options, const Clocks& clocks, const registry::SessionRegistry& own,
            registry::SessionRegistry& others, ChangeQueue& changes, KickRing& kicks, Board& board,
            const os::StopSignal& stop);
  ~FleetLoop();

  // One round. Returns how long to wait before the next. From a stop on it does not wait for more
  // than one answer of an engine, nor for a name server.
  absl::Duration Step();
  // After an exception left Step(), that is, when memory ran out: whatever was under way is
  // forgotten, and read or written again. Allocates nothing.
  void Recover() noexcept;
  // Tells the others, if it can be told, that this node leaves in order.
  void Leave();

 private:
  bool EnsureConnected();
  absl::Status Join();
  void BeginAs(const Joined& joined);
  void StartOver();

  bool KnowsTheTime(bool connected);
  // What is done by the clock, not by what happens.
  void AddHousekeeping();
  bool ExecuteAll();
  void TellRefusals();
  void Publish();

  Round round_;
  const registry::SessionRegistry& own_;
  registry::SessionRegistry& others_;
  ChangeQueue& changes_;
  KickBacklog kicks_;
  ReadPace pace_;
  EvictionWatch evictions_;
  uint64_t next_incarnation_ = 1;

  Enrolment enrolment_;
  uint64_t home_opening_ = 0;  // of the engine that we joined at; 0: not in contact
  absl::Duration next_join_;
  std::unique_ptr<Member> member_;  // what we are; nullptr: not joined
  std::unique_ptr<Member> former_;  // what we were, until we are something again

  bool refusing_ = false;  // a question was refused in the last round that was complete
  absl::Duration next_refusal_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_FLEET_LOOP_H_
