#include "tests/fleet/redis_cluster.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "plugin/fleet/slot_map.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

using fleet::kHashSlots;

// Of a line of CLUSTER NODES.
constexpr size_t kFirstSlotWord = 8;

void ExpectOk(const std::string& answer) { EXPECT_EQ(answer, "OK"); }

}  // namespace

RedisCluster::RedisCluster(bool replicas) {
  const size_t count = replicas ? 2 * kPrimaries : kPrimaries;
  for (size_t i = 0; i < count; ++i) nodes_.push_back(RedisProcess::ClusterNode());
  for (size_t i = 0; i < kPrimaries; ++i) {
    ExpectOk(node(i).Command(absl::StrCat("CLUSTER ADDSLOTSRANGE ", kHashSlots * i / kPrimaries,
                                          " ", kHashSlots * (i + 1) / kPrimaries - 1)));
    // Without it two primaries may think each other's slots their own for a while.
    ExpectOk(node(i).Command(absl::StrCat("CLUSTER SET-CONFIG-EPOCH ", i + 1)));
  }
  for (size_t i = 1; i < count; ++i) {
    ExpectOk(node(0).Command(
        absl::StrCat("CLUSTER MEET 127.0.0.1 ", node(i).port(), " ", node(i).cluster_port())));
  }
  WaitUntilHealthy();
  for (size_t i = kPrimaries; i < count; ++i) {
    ExpectOk(node(i).Command(absl::StrCat("CLUSTER REPLICATE ", IdOf(i - kPrimaries))));
    EXPECT_TRUE(WaitUntil([&] {
      return absl::StrContains(node(i).Command("INFO replication"), "master_link_status:up") &&
             absl::StrContains(
                 node(0).Command(absl::StrCat("CLUSTER REPLICAS ", IdOf(i - kPrimaries))), IdOf(i));
    })) << "no replica of primary "
        << i - kPrimaries;
  }
}

std::string RedisCluster::Url() const {
  return absl::StrCat("cluster://127.0.0.1:", nodes_[0]->port(), ",127.0.0.1:", nodes_[1]->port());
}

bool RedisCluster::Claims(size_t i, uint16_t slot) {
  const std::string nodes = node(i).Command("CLUSTER NODES");
  for (absl::string_view line : absl::StrSplit(nodes, '\n')) {
    if (!absl::StrContains(line, "myself")) continue;
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    for (size_t w = kFirstSlotWord; w < words.size(); ++w) {
      const std::vector<absl::string_view> ends = absl::StrSplit(words[w], '-');
      uint32_t first = 0;
      uint32_t last = 0;
      if (absl::SimpleAtoi(ends.front(), &first) && absl::SimpleAtoi(ends.back(), &last) &&
          first <= slot && slot <= last) {
        return true;
      }
    }
  }
  return false;
}

size_t RedisCluster::OwnerOf(uint16_t slot) {
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (Claims(i, slot)) return i;
  }
  ADD_FAILURE() << "nobody owns slot " << slot;
  return 0;
}

void RedisCluster::BeginMove(uint16_t slot, size_t from, size_t to) {
  ExpectOk(node(to).Command(absl::StrCat("CLUSTER SETSLOT ", slot, " IMPORTING ", IdOf(from))));
  ExpectOk(node(from).Command(absl::StrCat("CLUSTER SETSLOT ", slot, " MIGRATING ", IdOf(to))));
}

size_t RedisCluster::MoveKeys(uint16_t slot, size_t from, size_t to, size_t count) {
  const std::string keys =
      node(from).Command(absl::StrCat("CLUSTER GETKEYSINSLOT ", slot, " ", count));
  size_t moved = 0;
  for (absl::string_view key : absl::StrSplit(keys, ' ', absl::SkipEmpty())) {
    // A lease may have run out in between.
    const std::string answer = node(from).Command(
        absl::StrCat("MIGRATE 127.0.0.1 ", node(to).port(), " ", key, " 0 5000"));
    EXPECT_TRUE(answer == "OK" || answer == "NOKEY") << answer;
    ++moved;
  }
  return moved;
}

void RedisCluster::EndMove(uint16_t slot, size_t to) {
  const std::string command = absl::StrCat("CLUSTER SETSLOT ", slot, " NODE ", IdOf(to));
  ExpectOk(node(to).Command(command));  // first: nobody may think that the slot is nobody's
  for (size_t i = 0; i < kPrimaries; ++i) {
    if (i != to) ExpectOk(node(i).Command(command));
  }
}

void RedisCluster::Seize(uint16_t slot, size_t to) {
  const size_t from = OwnerOf(slot);
  node(to).Command("CLUSTER BUMPEPOCH");  // the newer claim counts
  ExpectOk(node(to).Command(absl::StrCat("CLUSTER SETSLOT ", slot, " NODE ", IdOf(to))));
  EXPECT_TRUE(WaitUntil([&] { return !Claims(from, slot) && KeysIn(slot, from) == 0; }));
}

size_t RedisCluster::KeysIn(uint16_t slot, size_t i) {
  size_t keys = 0;
  EXPECT_TRUE(
      absl::SimpleAtoi(node(i).Command(absl::StrCat("CLUSTER COUNTKEYSINSLOT ", slot)), &keys));
  return keys;
}

bool RedisCluster::Healthy() {
  for (auto& node : nodes_) {
    if (!node->running()) continue;
    const std::string info = node->Command("CLUSTER INFO");
    if (!absl::StrContains(info, "cluster_state:ok") ||
        !absl::StrContains(info, absl::StrCat("cluster_known_nodes:", nodes_.size()))) {
      return false;
    }
  }
  return true;
}

void RedisCluster::WaitUntilHealthy() {
  EXPECT_TRUE(WaitUntil([this] { return Healthy(); }, kPatience, absl::Milliseconds(20)))
      << node(0).Command("CLUSTER INFO") << node(0).Command("CLUSTER NODES");
}

}  // namespace session_status::testing
