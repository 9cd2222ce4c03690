// Several brokers, one answer: shares this node's online sessions with the other nodes of the fleet
// over Redis, and knows theirs. docs/fleet.md tells the design and what each fault does.
//
// Threads:     OnChange, OnTick: broker; never wait. PublishSnapshot, PopulateAhead: refresher.
//              Queries: any.
//              Start, Stop: one, not the fleet's own.
// Consistency: another node's change is in the live view one round of each of the two nodes and a
//              round trip later (20 ms and less on a local network), and in the cut at the next
//              PublishSnapshot. Find asks the engine and sees what the other node has written.
// Errors:      an engine that is away is no error, nor is one that has just come back with less
//              than it had: answers get older and say so.
#ifndef SESSION_STATUS_PLUGIN_FLEET_FLEET_H_
#define SESSION_STATUS_PLUGIN_FLEET_FLEET_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "plugin/fleet/board.h"
#include "plugin/fleet/change_queue.h"
#include "plugin/fleet/engine_lookup.h"
#include "plugin/fleet/fleet_loop.h"
#include "plugin/fleet/fleet_options.h"
#include "plugin/os/service_thread.h"
#include "plugin/os/stop_signal.h"
#include "registry/change_observer.h"
#include "registry/others_view.h"
#include "registry/session_registry.h"

namespace session_status::fleet {

class Fleet : public registry::ChangeObserver, public registry::OthersView {
 public:
  // Closes a client's connection. Called on the broker's thread, from OnTick.
  using KickClient = std::function<void(const std::string& client_id)>;

  // `own`: this node's registry, which must outlive the fleet. `remembered`: limits on ended
  // sessions of other nodes.
  Fleet(const FleetOptions& options, const registry::SessionRegistry& own,
        const registry::RegistryOptions& remembered, KickClient kick,
        Clocks clocks = SystemClocks());
  ~Fleet() override;

  absl::Status Start();
  // Leaves the fleet: the others know at once that this node's clients are gone. Waits for an
  // engine that hangs for two of its time-outs at most, and for no name server.
  void Stop();
  // Ends as a crash would: the others find out by the lease.
  void AbandonForTest();

  void OnChange(const registry::SessionEvent& event, const registry::ApplyResult& result) override;
  void OnTick(absl::Time now) override;

  void PublishSnapshot(absl::Time now) override;
  // As SessionRegistry's, of what is known about the others.
  absl::Duration PopulateAhead(absl::Duration since_last) {
    return others_.PopulateAhead(since_last);
  }
  registry::OthersCut QuerySnapshot(absl::Span<const absl::string_view> client_ids,
                                    absl::Span<registry::OtherStatus> out) const override;
  absl::Status Find(absl::string_view client_id, absl::Time now,
                    registry::OtherSession* session) const override;
  registry::FleetStatus Status() const override;
  absl::Time AsOf() const override { return OnWallClock(board_.GetAsOf()); }
  const std::string& node() const override { return options_.node_id; }

  const registry::SessionRegistry& others() const { return others_; }

 private:
  absl::Duration Round() noexcept;
  void Leave() noexcept;
  void End(bool leave);
  void CarryOutKick();
  // As the wall clock is set now, so that an age by it is the age.
  absl::Time OnWallClock(absl::Duration monotonic) const {
    return clocks_.wall() - (clocks_.monotonic() - monotonic);
  }
  // Returns the node that holds the client as far as is known here, or kNobody.
  NodeNumber FromReplica(const Directions& directions, absl::string_view client_id,
                         registry::OtherSession* session) const;
  registry::OthersCut AskSnapshot(const std::shared_ptr<const Directions>& directions,
                                  absl::Span<const absl::string_view> client_ids,
                                  absl::Span<registry::OtherStatus> out) const;
  void AddDetails(const Directions& directions, absl::string_view key,
                  registry::OtherStatus* out) const;

  const FleetOptions options_;
  const registry::SessionRegistry& own_;
  const KickClient kick_;
  const Clocks clocks_;
  registry::SessionRegistry others_;
  ChangeQueue changes_;
  KickRing kicks_;
  std::optional<Kick> kick_at_hand_;  // the broker's thread
  Board board_;
  os::StopSignal stop_;
  FleetLoop loop_;
  mutable EngineLookup lookup_;
  SharedMoment cut_as_of_;
  std::atomic<bool> leave_{true};  // relaxed: the stop, requested after it is set, orders it
  os::ServiceThread thread_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_FLEET_H_
