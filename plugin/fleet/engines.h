// The engines that hold the fleet's data, and which of them holds what: one engine; several that
// the shards are dealt out over; or the primaries of a Redis Cluster, whose slots decide.
//
// In a cluster a command that comes back with MOVED or ASK follows to where that says, a few times,
// within the same Execute(). What still finds nobody is dropped: its handler does not run, as after
// a lost connection, and whoever sent it sends it again in the next round. The map of the slots is
// asked for at the start, after a MOVED, and when a primary is lost or has lost its slots.
//
// Threads:   one at a time. Blocking, each wait bounded by the time-out; a stop by one of them.
// Ownership: handlers run inside Execute() and may keep nothing of the reply; none is left after
// it.
#ifndef SESSION_STATUS_PLUGIN_FLEET_ENGINES_H_
#define SESSION_STATUS_PLUGIN_FLEET_ENGINES_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "plugin/fleet/engine_connection.h"
#include "plugin/fleet/fleet_options.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/slot_map.h"

namespace session_status::fleet {

// One redirect is the rule, two are a slot that moves on meanwhile.
inline constexpr int kRedirectsMax = 3;

// Where something lies: the keys about nodes, which are home, or a shard.
using Place = uint32_t;
inline constexpr Place kHome = 0;
constexpr Place PlaceOf(uint32_t shard) { return shard + 1; }

class Engines {
 public:
  using Handler = EngineConnection::Handler;
  using OnError = std::function<void(const absl::Status&)>;

  struct Engine {
    Engine(const EngineAddress& where, const FleetOptions& options, Patience& patience,
           HostNames& names)
        : address(where), connection(where, options.credentials_file, patience, names) {}
    const EngineAddress address;
    EngineConnection connection;
    absl::Duration retry_at;
    int failures = 0;           // to open it, in a row
    uint64_t opening = 0;       // which opening this is, counted over all engines; 0: not yet open
    absl::Duration keep_until;  // an ASK led here; it may hold nothing of ours yet
  };

  // `stop`, which outlives this object: from then on nothing is opened, and of engines that hang no
  // more than one is waited for. nullptr: no stop.
  Engines(const FleetOptions& options, absl::Duration timeout, const os::StopSignal* stop);
  Engines(const Engines&) = delete;
  Engines& operator=(const Engines&) = delete;

  bool is_cluster() const { return cluster_ != nullptr; }
  // How many are configured; 1 for a cluster, whatever its size.
  size_t configured() const { return configured_; }
  // By their order there. REQUIRES: no cluster.
  Engine& Listed(size_t i) { return *engines_[i]; }

  // Home, and so many shards. Before, there is only home.
  void SetShards(uint32_t shards);

  // In a cluster, when the map of the slots may have changed: asks one node for it.
  absl::Status Refresh(absl::Duration now);
  // That, and opens what is closed and due, up to the first failure: engines that hang cost a call
  // the time-outs of one of them. Failures go to `on_error`, with whether home is concerned.
  void Connect(absl::Duration now, const std::function<void(const absl::Status&, bool)>& on_error);
  // The engine of that place, open or not; nullptr: a cluster in which nobody has it, as far as we
  // know. Valid until the next Refresh, SetShards or Execute.
  Engine* Of(Place place);
  bool IsOpen(Place place);
  // Every place has an open engine.
  bool AllOpen();
  // One place of each engine that is open and holds shards.
  std::vector<Place> OnePlaceOfEach();
  absl::Status Open(Engine& engine, absl::Duration now);
  // Closes all; what is queued is gone.
  void Close();

  // How long engines were waited for since this was asked last.
  absl::Duration TakeWaited() { return std::exchange(patience_.waited, absl::ZeroDuration()); }

  // Queues a command; dropped when the place has no open engine.
  void Add(Place place, absl::Span<const absl::string_view> command, Handler handler);
  void Add(Place place, std::initializer_list<absl::string_view> command, Handler handler) {
    Add(place, absl::MakeConstSpan(command.begin(), command.size()), std::move(handler));
  }
  // Sends what is queued to all, then receives from all, then follows redirects. False: something
  // that was queued was not carried out, or may not have been. `on_error`: for each connection
  // lost.
  bool Execute(const OnError& on_error);
  // Why the last Execute() returned false although no connection was lost: the cluster's own words.
  const std::string& put_off() const { return put_off_; }

  // Where home is or was, for people: "127.0.0.1:6379", "127.0.0.1:7000 and 2 more of a cluster".
  std::string Describe();

 private:
  // A command that may have to be sent a second time, elsewhere.
  struct Following {
    Place place = kHome;
    std::string bytes;
    std::vector<size_t> sizes;  // of the words in `bytes`
    Handler handler;
  };
  struct Redirected {
    std::shared_ptr<Following> command;
    Redirect to;
  };
  struct Cluster {
    std::vector<EngineAddress::HostPort> seeds;
    SlotMap slots;
    bool stale = true;
    absl::Duration next_refresh;
    size_t next_candidate = 0;
    std::vector<Redirected> redirected;
  };

  absl::Status AskForSlots(EngineConnection& connection, const std::string& host);
  Engine& EngineAt(const EngineAddress::HostPort& address);
  void DropUnused();
  // False: a place has no engine.
  bool AssignPlaces();
  void Send(Engine& engine, const std::shared_ptr<Following>& command);
  void OnReply(const std::string& host, const std::shared_ptr<Following>& command,
               const Reply& reply);
  Engine* NextToOpen(absl::Duration now);
  bool Exchange(const OnError& on_error);
  void Follow();

  const FleetOptions options_;
  Patience patience_;
  HostNames names_;
  const size_t configured_;
  const KeyNames keys_;
  std::unique_ptr<Cluster> cluster_;
  std::vector<std::unique_ptr<Engine>> engines_;
  std::vector<Engine*> places_;  // by Place
  uint64_t openings_ = 0;
  std::string put_off_;
  absl::Duration now_;  // of the last Refresh
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_ENGINES_H_
