// What this node knows of the other nodes' sessions: rows by shard, followed from the shards'
// change streams, and from them the second registry, which answers queries.
//
// A row counts (is shown online in the registry) while
//   * its generation is live in its shard: a node that restarts or sends everything again starts a
//     new one, and what it did not send again dies at the end of that. (Of a restart within the
//     lease nobody has heard, and most clients are back before their broker has joined again: to
//     end them at its beginning would show them offline until their rows come.)
//   * its node is not lost: the lease is kept.
// So nobody deletes the rows of a node that died, and they are back at once if it was only cut off.
//
// Entries of one node must be numbered without a gap; after a gap the shard is loaded again from
// its buckets. While a load runs, rows stay as they are: what it does not find is dropped at its
// end.
//
// In the registry a client identifier is the 16 bytes of its hash, and the listener port is the
// number of the node that holds it.
//
// Threads:   one (the fleet's), which is the registry's one writer too.
// Ownership: the registry outlives the table.
#ifndef SESSION_STATUS_PLUGIN_FLEET_OTHERS_TABLE_H_
#define SESSION_STATUS_PLUGIN_FLEET_OTHERS_TABLE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/shard_look.h"
#include "registry/session_registry.h"

namespace session_status::fleet {

class OthersTable {
 public:
  // `me`: entries of this node only end older rows of others. `on_event`: an event of another node,
  // which may have taken one of our clients.
  using OnEvent = std::function<void(const Event&, NodeNumber)>;
  // `next_incarnation` numbers showings in the registry; it outlives the table and rises across
  // tables, as the registry asks. `keep_rows` false: direct mode, only takeovers are noticed.
  OthersTable(registry::SessionRegistry& registry, uint64_t* next_incarnation, uint32_t shards,
              NodeNumber me, bool keep_rows, OnEvent on_event);

  // Ends every row in the registry. For a table that is given up.
  void Clear(absl::Time now);

  // -- following ----------------------------------------------------------------------------------
  // Applies one entry of the shard's stream. False: there is a gap, the shard must be loaded.
  bool ApplyEntry(uint32_t shard, const Entry& entry, absl::Time now);
  // An entry from before a load: its rows are there, only its takeovers may not have been noticed.
  void Replay(const Entry& entry) const;

  // -- loading ------------------------------------------------------------------------------------
  void BeginLoad(uint32_t shard, const std::map<NodeNumber, Owner>& owners, absl::Time now);
  // About so many rows are to come, or there already: room for them is made once.
  void ExpectRows(uint32_t shard, size_t rows);
  struct LoadedRow {
    ClientHash hash;
    Row row;
  };
  void LoadRows(uint32_t shard, absl::Span<const LoadedRow> rows, absl::Time now);
  // `owners`: as they are now.
  void EndLoad(uint32_t shard, const std::map<NodeNumber, Owner>& owners, absl::Time now);

  // Has every node that is not lost written all that it has there?
  bool AllBack(uint32_t shard) const;

  // Was the node stopped in order, and has not begun anew since?
  bool HasLeft(NodeNumber node) const;

  // -- other signals ------------------------------------------------------------------------------
  void SetLost(NodeNumber node, bool lost, absl::Time now);
  // The node is gone for good.
  void Forget(NodeNumber node, absl::Time now);
  // A connection of ours began: it supersedes an older row at once.
  void Supersede(uint32_t shard, const ClientHash& hash, Epoch epoch, absl::Time now);

  // The epoch of another node's connection that ended a moment ago, or 0. A connection of ours that
  // is older and only now comes out of the queue was taken over by it.
  Epoch RecentEnd(const ClientHash& hash) const;

  struct Holder {
    NodeNumber node = kNobody;
    Epoch epoch = 0;
  };
  // Who holds the client now, as far as we know; kNobody: none of the others.
  Holder Find(uint32_t shard, const ClientHash& hash) const;

  void TellFollowed(uint32_t shard, std::vector<Followed::Node>* nodes) const;

  size_t rows() const;
  const std::unordered_map<NodeNumber, uint64_t>& online_by_node() const { return online_by_node_; }

 private:
  struct Slot {
    Epoch epoch = 0;
    uint64_t incarnation = 0;  // in the registry, of the row's last showing
    Generation generation = 0;
    NodeNumber node = kNobody;
    bool shown = false;
    uint8_t load = 0;  // number of the load that saw it
  };
  struct Follow {  // one node in one shard
    NodeNumber node = kNobody;
    std::vector<Generation> live;  // the one being written first
    // Of the process before, until the present one has sent its own.
    std::vector<Generation> former;
    bool lost = false;  // since it began: its clients were shown as ended already
    uint32_t number = 0;
    bool absent = true;  // the engine was emptied and the node has not come back to it
    size_t rows = 0;     // of the shard's rows
    bool IsLive(Generation generation) const;
    // It has sent all that it has.
    bool IsSettled() const { return !absent && live.size() == 1 && former.empty(); }
  };
  using Rows = std::unordered_map<ClientHash, Slot, ClientHash::Hasher>;
  struct Shard {
    Rows rows;
    std::vector<Follow> nodes;  // a handful, looked through for every row
    uint8_t load = 0;
    Follow* Find(NodeNumber node);
    const Follow* Find(NodeNumber node) const;
    Follow& FindOrAdd(NodeNumber node);
  };
  // Both keep Follow::rows. Replace() REQUIRES a Follow of next's node.
  static void Replace(Shard& shard, Slot& slot, const Slot& next) noexcept;
  static Rows::iterator Erase(Shard& shard, Rows::iterator row);
  bool Counts(const Shard& shard, const Slot& slot) const;
  // Brings the registry to what Counts() says.
  void Show(const Shard& shard, const ClientHash& hash, Slot& slot, registry::EndReason reason,
            absl::Time now);
  void Announce(const ClientHash& hash, Slot& slot);
  void Hide(const ClientHash& hash, Slot& slot, registry::EndReason reason, absl::Time now);
  // The row, until the table changes. REQUIRES keep_rows_.
  Slot& Upsert(Shard& shard, const ClientHash& hash, const Row& row, absl::Time now);
  void RememberEnd(const ClientHash& hash, Epoch epoch);
  void ApplyEvents(Shard& shard, const Entry& entry, absl::Time now);
  void Begin(Shard& shard, const Entry& entry, absl::Time now);
  // Rows may have been read before their generation was known to be live.
  void ShowLive(Shard& shard, absl::Time now);
  // Drops the node's rows whose generation is not live, and shows those whose generation is.
  void DropDead(Shard& shard, NodeNumber node, registry::EndReason reason, absl::Time now);

  registry::SessionRegistry& registry_;
  uint64_t* const next_incarnation_;
  const NodeNumber me_;
  const bool keep_rows_;
  const OnEvent on_event_;
  std::vector<Shard> shards_;
  std::unordered_map<ClientHash, Epoch, ClientHash::Hasher> recent_ends_;
  std::deque<std::pair<ClientHash, Epoch>> recent_order_;
  std::set<NodeNumber> lost_;
  std::unordered_map<NodeNumber, uint64_t> online_by_node_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_OTHERS_TABLE_H_
