// A round of the fleet's loop as its parts share it: the moment, the engines that they queue
// commands to, what has to be done soon, and what is told. It outlives joining anew; what does not
// is a Member (member.h).
//
// Threads:   one (the fleet's).
// Ownership: `board` and `stop` outlive it.
#ifndef SESSION_STATUS_PLUGIN_FLEET_ROUND_H_
#define SESSION_STATUS_PLUGIN_FLEET_ROUND_H_

#include <initializer_list>
#include <random>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/fleet/board.h"
#include "plugin/fleet/clocks.h"
#include "plugin/fleet/engines.h"
#include "plugin/fleet/epoch_clock.h"
#include "plugin/fleet/fleet_options.h"
#include "plugin/fleet/freshness.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/refusals.h"
#include "plugin/os/stop_signal.h"
#include "registry/others_view.h"

namespace session_status::fleet {

// The engine answers within a millisecond or is in trouble; the lease leaves room for several of
// these.
inline constexpr absl::Duration kEngineTimeout = absl::Milliseconds(500);

struct Round {
  Round(const FleetOptions& fleet_options, const Clocks& host_clocks, Board& where_told,
        const os::StopSignal& stop);

  // True, and due again after `interval`, if the moment has come.
  bool Due(absl::Duration* next, absl::Duration interval);
  void NoteError(const absl::Status& error);
  std::string RandomHex();
  // For the keys about nodes, meta and clock.
  void AddHome(std::initializer_list<absl::string_view> command, Engines::Handler handler);
  // To a question whether the engine takes writes.
  void OnWriteAnswer(Question question, const Reply& reply);
  // Carries out what is queued; why it could not be.
  absl::Status ExecuteNow();

  const FleetOptions options;
  const Clocks clocks;
  const KeyNames keys;
  const absl::Duration begun;  // when this process did
  Board& board;
  Engines engines;
  EpochClock clock;  // the engine's
  std::mt19937_64 random;
  Refusals refusals;
  Freshness freshness;

  absl::Duration now;
  absl::Time wall;
  bool more = false;    // there is more to do at once
  bool rejoin = false;  // what the engine says about us is not what we think

  // When each is due. Who finds that it cannot wait makes it due now.
  absl::Duration next_look, next_nodes, next_renewal, next_publish, next_recheck, next_memory;
  absl::Duration writes_blocked_until;

  registry::FleetStatus status;  // counters and texts; the rest is filled when it is published
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_ROUND_H_
