// The fleet's thread: every few milliseconds it sends our changes to the engine, reads the others',
// keeps the lease, and repairs whatever a fault left behind. The one place that knows the order of
// things; the state machines it drives are shard_writer.h, others_table.h and node_directory.h.
//
// One way back from every fault: changes that were dropped on their way here are found by comparing
// with the registry; a writer whose numbers do not agree with the engine's sends its shard again; a
// reader whose numbers have a gap, or whose engine is another one than before, loads the shard
// again.
//
// Threads:   Step, Leave: one, the fleet's. Everything else through ChangeQueue,
//            KickRing and Board.
// Ownership: everything given to the constructor outlives the loop.
// Errors:    kept in the status, counted, and tried again; none leave.
#ifndef SESSION_STATUS_PLUGIN_FLEET_FLEET_LOOP_H_
#define SESSION_STATUS_PLUGIN_FLEET_FLEET_LOOP_H_

#include <array>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "plugin/fleet/board.h"
#include "plugin/fleet/change_queue.h"
#include "plugin/fleet/engines.h"
#include "plugin/fleet/epoch_clock.h"
#include "plugin/fleet/fleet_options.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/local_sessions.h"
#include "plugin/fleet/node_directory.h"
#include "plugin/fleet/others_table.h"
#include "plugin/fleet/shard_writer.h"
#include "plugin/fleet/spsc_ring.h"
#include "plugin/os/stop_signal.h"
#include "registry/session_registry.h"

namespace session_status::fleet {

// The engine answers within a millisecond or is in trouble; the lease leaves room for several of
// these.
inline constexpr absl::Duration kEngineTimeout = absl::Milliseconds(500);
// Between rounds: what a change waits at most before it is sent, and before it is read.
inline constexpr absl::Duration kRoundInterval = absl::Milliseconds(10);

// An engine that lost data gets it again from the nodes within a few looks. To load before would
// show what is still missing as offline.
inline constexpr absl::Duration kSettleDelay = absl::Milliseconds(600);

// Whom the fleet has refused tries again so much later: should the engine lose its data, those
// whose fleet it is look once a second, and are there first.
inline constexpr absl::Duration kRefusedPause = absl::Seconds(30);

inline constexpr char kStreamStart[] = "0-0";

// Time is given, so that tests can run hosts whose clocks differ. `monotonic` runs on while the
// machine is suspended: the engine's clock does, too.
struct Clocks {
  std::function<absl::Time()> wall;
  std::function<absl::Duration()> monotonic;
};
Clocks SystemClocks();

// A client of ours that connected elsewhere, for the broker's thread to close.
struct Kick {
  std::string client_id;
  uint64_t incarnation = 0;
};
using KickRing = SpscRing<Kick>;

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
  // How far one shard has been read.
  struct Reading {
    enum class Load : uint8_t { kNone, kLook, kBuckets };
    std::string position = kStreamStart;  // stream id of the last entry read
    // Entries up to this one are in what was loaded. They are read all the same: a connection of
    // ours may have been taken over by one of which nothing else is left.
    std::string loaded_to = kStreamStart;
    std::string birth;  // of the shard's data
    Load load = Load::kLook;
    absl::Duration load_at;
    uint32_t next_bucket = 0;
    size_t rows = 0;       // in the buckets before that
    uint64_t opening = 0;  // of the engine, when it was last looked at
    bool refilling = false;
    bool to_tell = false;  // to queries
  };

  // -- joining
  // What has to be answered for anything that was read to be fresh. kWrites, kRenewal: whether the
  // engine takes writes. What the others cannot write, nobody reads.
  enum class Question : uint8_t {
    kChanges,
    kLook,
    kLoad,
    kNodes,
    kLeases,
    kTime,
    kWrites,
    kRenewal,
  };
  static constexpr size_t kQuestions = 8;

  bool EnsureConnected();
  void NoticeNewEngines();
  absl::Status Join();
  absl::Status AgreeOnShape();
  // A fleet that was joined by older versions only has not said of which instance it is.
  bool IsAnotherInstance(const Reply& instance) const {
    return !instance.is_nil() && instance.text() != options_.instance_id;
  }
  absl::Status RefusedBy(absl::string_view instance);
  absl::Status TakeNumber();
  absl::Status TakeLease();
  absl::Status SyncClock();
  absl::Status ListNodes();
  void AddHome(std::initializer_list<absl::string_view> command, Engines::Handler handler) {
    engines_.Add(kHome, command, std::move(handler));
  }
  absl::Status ExecuteHome();
  absl::Status CallHome(std::initializer_list<absl::string_view> command, Engines::Handler handler);
  void BeginMembership();
  void StartOver();
  void NoteError(const absl::Status& error);

  // -- our own changes
  bool KnowsTheTime(bool connected);
  void DrainChanges();
  void RebuildOwn();
  void CompareWithOthers(const ClientHash& hash, Epoch epoch);
  void AddBatches();
  void AddBatch(uint32_t shard, const ShardWriter::Batch& batch);
  void OnBatchReply(uint32_t shard, const Reply& reply);
  void OnTakenOver(const ClientHash& hash, Epoch newer);
  void PushKicks();
  // A connection that was taken over and stays (Takeover::kReport) counts again when the newer one
  // is over: announced anew, just above that one, and so below whatever is newer still.
  void AddRechecks();
  void OnRecheck(const ClientHash& hash, Epoch row_epoch, const Reply& holder);

  // -- the others'
  // It is being asked (again): what was refused before counts no longer.
  void Ask(Question question) { refused_[static_cast<size_t>(question)].clear(); }
  // True, and noted, if the reply is an error: not the same as one without anything in it.
  bool IsRefused(Question question, const Reply& reply);
  const std::string& RefusalOf(Question question) const {
    return refused_[static_cast<size_t>(question)];
  }
  bool TakesWrites() const {
    return RefusalOf(Question::kWrites).empty() && RefusalOf(Question::kRenewal).empty();
  }
  void NoteRefusals();
  void AddReads();
  void OnRead(const Reply& reply);
  void AddLooks();
  void AddWriteQuestions();
  void OnWriteRefused(Question question, const Reply& reply);
  void OnLook(uint32_t shard, bool settled, const Reply& reply);
  void AddLoads();
  void OnLoadLook(uint32_t shard, const Reply& reply);
  void OnBucket(uint32_t shard, uint32_t bucket, const Reply& reply);
  void OnBucketsRead(uint32_t shard, const Reply& reply);
  void OnLoaded(uint32_t shard);
  // `known`: the stream was read up to there.
  bool IsOtherData(uint32_t shard, const ShardLook& look, absl::string_view known) const;
  void AwaitRefill(uint32_t shard, const ShardLook& look);
  void ScheduleLoad(uint32_t shard, absl::Duration delay);
  void TellFollowed();

  // -- nodes
  void AddHousekeeping();
  void AddSweep();
  void AddClockSample();
  void AddBurial();
  void AddMemoryQuestions();
  // One place of each engine that is open and holds shards.
  std::vector<Place> PlacesOfEngines();
  void OnNodes(const Reply& reply);
  void OnLeases(const std::vector<NodeNumber>& asked, const Reply& reply);

  bool Due(absl::Duration* next, absl::Duration interval);
  Generation NewGeneration();
  bool ExecuteAll();
  void Publish();

  const FleetOptions options_;
  const Clocks clocks_;
  const registry::SessionRegistry& own_;
  registry::SessionRegistry& others_;
  ChangeQueue& changes_;
  KickRing& kick_ring_;
  Board& board_;
  const KeyNames keys_;
  std::mt19937_64 random_;
  const std::string boot_;  // tells this process from an earlier one of the same node
  const absl::Duration begun_;

  Engines engines_;            // home: nodes, leases, meta, clock
  uint64_t home_opening_ = 0;  // of the engine that we joined at
  absl::Duration next_join_;
  EpochClock clock_;
  NodeDirectory directory_;
  uint64_t next_incarnation_ = 1;

  // Since we joined under this shape and number; StartOver() drops it.
  bool joined_ = false;
  bool first_there_ = false;  // nobody of the fleet was in the engine before
  bool rejoined_ = false;     // under another shape, hash key or number than the first time
  NodeNumber number_ = kNobody;
  Shape shape_;
  std::string hash_key_;
  std::optional<LocalSessions> local_;
  std::optional<OthersTable> table_;
  std::vector<ShardWriter> writers_;
  std::vector<Reading> readings_;
  std::map<std::string, uint32_t, std::less<>> shard_of_stream_;
  size_t entries_per_read_ = 32;
  size_t events_read_ = 0;   // in the last round
  size_t streams_left_ = 0;  // that had more than was asked for
  std::unordered_set<ClientHash, ClientHash::Hasher> superseded_;  // Takeover::kReport
  std::deque<ClientHash> to_recheck_;

  // By identifier: they stay due when we join anew.
  std::deque<Kick> kick_backlog_;

  // This round.
  absl::Duration now_;
  absl::Time wall_;
  bool more_ = false;    // there is more to do at once
  bool rejoin_ = false;  // what the engine says about us is not what we think
  // Until it is asked again: the engine's words. The engine is there, so nothing else would tell.
  std::array<std::string, kQuestions> refused_;
  bool refusing_ = false;  // one of them, in the last round that was complete
  std::set<NodeNumber> burials_;
  std::map<std::string, std::string> evicting_;  // engine, and its maxmemory-policy

  absl::Duration next_look_, next_nodes_, next_renewal_, next_sweep_, next_publish_, next_recheck_,
      next_memory_, next_refusal_;
  absl::Duration told_time_at_ = -absl::InfiniteDuration();  // by the engine
  absl::Duration writes_blocked_until_;
  // What was known when the last round of looks began, and the one before it.
  absl::Duration as_of_at_look_ = -absl::InfiniteDuration();
  absl::Duration same_data_until_ = -absl::InfiniteDuration();
  uint32_t sweep_shard_ = 0;
  uint32_t sweep_bucket_ = 0;
  registry::FleetStatus status_;  // counters and texts; the rest is filled by Publish()
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_FLEET_LOOP_H_
