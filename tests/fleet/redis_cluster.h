// A real Redis Cluster of primaries on loopback, each a RedisProcess; replicas on request.
//
// Threads:   one.
// Ownership: the nodes die with this object.
#ifndef SESSION_STATUS_TESTS_FLEET_REDIS_CLUSTER_H_
#define SESSION_STATUS_TESTS_FLEET_REDIS_CLUSTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/fleet/redis_process.h"

namespace session_status::testing {

class RedisCluster {
 public:
  static constexpr size_t kPrimaries = 3;

  // `replicas`: one of each primary, too.
  explicit RedisCluster(bool replicas = false);

  // "cluster://127.0.0.1:P,127.0.0.1:Q": two of the nodes, as an operator would give it.
  std::string Url() const;

  size_t size() const { return nodes_.size(); }
  RedisProcess& node(size_t i) { return *nodes_[i]; }
  // Which node holds the slot, by its own account.
  size_t OwnerOf(uint16_t slot);

  // -- moving a slot as an operator's tool does: begin, some keys at a time, end.
  void BeginMove(uint16_t slot, size_t from, size_t to);
  // Moves at most `count` keys; returns how many there were to move.
  size_t MoveKeys(uint16_t slot, size_t from, size_t to, size_t count);
  void EndMove(uint16_t slot, size_t to);
  // Takes the slot over without its keys, which the owner then throws away.
  void Seize(uint16_t slot, size_t to);
  // Keys in the slot on that node.
  size_t KeysIn(uint16_t slot, size_t node);

  // Waits until every running node says that all slots are served.
  void WaitUntilHealthy();

 private:
  bool Healthy();
  bool Claims(size_t i, uint16_t slot);
  std::string IdOf(size_t i) { return nodes_[i]->Command("CLUSTER MYID"); }

  std::vector<std::unique_ptr<RedisProcess>> nodes_;  // the primaries first
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_FLEET_REDIS_CLUSTER_H_
