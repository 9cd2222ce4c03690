// One shard of the engine as it is at one moment, and whether that is the data which this node has
// followed: an engine that has just come back empty, or as an old copy, answers every question,
// wrongly, until the nodes have filled it again.
//
// Threads: any; values and pure functions.
#ifndef SESSION_STATUS_PLUGIN_FLEET_SHARD_LOOK_H_
#define SESSION_STATUS_PLUGIN_FLEET_SHARD_LOOK_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "plugin/fleet/engine_connection.h"
#include "plugin/fleet/layout.h"

namespace session_status::fleet {

// What ss1_look answers.
struct ShardLook {
  std::string last_id;  // of the change stream
  std::string birth;
  std::map<NodeNumber, Owner> owners;
};
ShardLook ParseLook(const Reply& reply);

// Stream ids, "milliseconds-sequence": is a from before b?
bool IsEarlierId(absl::string_view a, absl::string_view b);

// How far this node has followed a shard.
struct Followed {
  struct Node {
    NodeNumber node = kNobody;
    Generation generation = 0;  // 0: an emptied engine has not got it back
    uint32_t number = 0;
    bool settled = false;  // one generation: no re-send under way
  };
  std::string birth;       // empty: nothing has been read yet
  std::string position;    // stream id
  bool refilling = false;  // the data is not the one from before; the nodes are writing it again
  std::vector<Node> nodes;
};

// What INFO memory says: the policy by which the engine may evict keys, or empty, if it will not.
std::string EvictionPolicy(absl::string_view info);
// What INFO stats says: how many keys the engine has evicted since its start.
uint64_t EvictedKeys(absl::string_view info);

// Numbers only rise under one generation: is one lower than what was followed, as in an old copy?
bool NumbersWentBack(const ShardLook& look, const std::vector<Followed::Node>& followed);
// Is what was looked at the data that was followed, as far or further on? `followed` is of a moment
// before. A node that has followed nothing yet has nothing to doubt it by.
bool IsSameData(const ShardLook& look, const Followed& followed);
// Does it hold all that this node wrote? REQUIRES IsSameData().
bool HoldsAllOf(NodeNumber node, const ShardLook& look, const Followed& followed);

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_SHARD_LOOK_H_
