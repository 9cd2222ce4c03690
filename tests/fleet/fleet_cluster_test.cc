// The fleet on a real Redis Cluster of three primaries: slots that move, primaries that die. Random
// clients on three nodes, and in the end every node must know the truth about every client.
// SESSION_STATUS_FLEET_SEEDS=20 runs more seeds than CI.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/slot_map.h"
#include "tests/fleet/fleet_world.h"
#include "tests/fleet/redis_cluster.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

constexpr uint32_t kShards = 16;

uint64_t Seeds() {
  uint64_t seeds = 1;
  const char* text = std::getenv("SESSION_STATUS_FLEET_SEEDS");
  if (text != nullptr && !absl::SimpleAtoi(text, &seeds)) abort();
  return seeds;
}

const fleet::KeyNames& Keys() {
  static const auto* const keys = new fleet::KeyNames("test");  // FleetWorld's name
  return *keys;
}

// The slots of the fleet's keys: home first, then the shards.
std::vector<uint16_t> FleetSlots() {
  std::vector<uint16_t> slots = {fleet::HashSlot(Keys().Meta())};
  for (uint32_t s = 0; s < kShards; ++s) slots.push_back(fleet::HashSlot(Keys().Owners(s)));
  return slots;
}

// Moves a slot to the next primary while the clients go on, some keys at a time, so that for a
// while a shard lies on two primaries.
void MoveSlot(RedisCluster& cluster, FleetWorld& world, uint16_t slot) {
  const size_t from = cluster.OwnerOf(slot);
  const size_t to = (from + 1) % RedisCluster::kPrimaries;
  cluster.BeginMove(slot, from, to);
  world.Churn(100, absl::Milliseconds(50));
  const size_t step = cluster.KeysIn(slot, from) / 3 + 1;
  while (cluster.MoveKeys(slot, from, to, step) > 0) world.Churn(100, absl::Milliseconds(50));
  cluster.EndMove(slot, to);
}

// Without replicas a primary that is gone takes its slots out of service until it is back.
void KillAndRestartEmpty(RedisCluster& cluster, FleetWorld& world, size_t primary) {
  cluster.node(primary).Kill();
  world.Churn(300, absl::Seconds(1));
  cluster.node(primary).Start();
  world.Churn(300, absl::Milliseconds(300));
}

struct Fault {
  const char* name;
  void (*happen)(RedisCluster&, FleetWorld&);
  bool replicas = false;
  fleet::Mode mode = fleet::Mode::kReplica;
  friend std::ostream& operator<<(std::ostream& out, const Fault& f) { return out << f.name; }
};

const Fault kFaults[] = {
    {"NothingButChurnAndRoaming",
     [](RedisCluster&, FleetWorld& world) { world.Churn(3000, absl::Milliseconds(500)); }},
    {"DirectModeWithoutACopy",
     [](RedisCluster&, FleetWorld& world) { world.Churn(1000, absl::Milliseconds(300)); },
     /*replicas=*/false, fleet::Mode::kDirect},
    {"SlotsOfShardsMoveToOtherPrimaries",
     [](RedisCluster& cluster, FleetWorld& world) {
       for (size_t i = 0; i < 3; ++i) {
         MoveSlot(cluster, world, FleetSlots()[1 + world.random()() % kShards]);
       }
     }},
    {"SlotOfTheNodesAndLeasesMoves",
     [](RedisCluster& cluster, FleetWorld& world) {
       MoveSlot(cluster, world, FleetSlots()[fleet::kHome]);
     }},
    {"SlotGivenAwayWithoutItsKeys",
     [](RedisCluster& cluster, FleetWorld& world) {
       const uint16_t slot = FleetSlots()[1 + world.random()() % kShards];
       cluster.Seize(slot, (cluster.OwnerOf(slot) + 1) % RedisCluster::kPrimaries);
       world.Churn(300, absl::Milliseconds(300));
     }},
    {"PrimaryOfTheNodesAndLeasesKilledAndRestartedEmpty",
     [](RedisCluster& cluster, FleetWorld& world) {
       KillAndRestartEmpty(cluster, world, cluster.OwnerOf(FleetSlots()[fleet::kHome]));
     }},
    {"AnotherPrimaryKilledAndRestartedEmpty",
     [](RedisCluster& cluster, FleetWorld& world) {
       const size_t home = cluster.OwnerOf(FleetSlots()[fleet::kHome]);
       KillAndRestartEmpty(cluster, world, (home + 1) % RedisCluster::kPrimaries);
     }},
    {"PrimaryKilledWhileTheOthersGoOn",
     [](RedisCluster& cluster, FleetWorld& world) {
       for (size_t i = 0; i < cluster.size(); ++i) {
         cluster.node(i).Command("CONFIG SET cluster-require-full-coverage no");
       }
       const size_t home = cluster.OwnerOf(FleetSlots()[fleet::kHome]);
       KillAndRestartEmpty(cluster, world, (home + 1) % RedisCluster::kPrimaries);
     }},
    {"PrimaryFlushed",
     [](RedisCluster& cluster, FleetWorld& world) {
       cluster.node(world.random()() % RedisCluster::kPrimaries).Command("FLUSHALL");
       world.Churn(300, absl::Milliseconds(300));
     }},
    {"PrimaryKilledAndItsReplicaPromoted",
     [](RedisCluster& cluster, FleetWorld& world) {
       const size_t home = cluster.OwnerOf(FleetSlots()[fleet::kHome]);
       const size_t twin = (home + RedisCluster::kPrimaries) % cluster.size();
       cluster.node(home).Kill();
       world.Churn(300, absl::Seconds(1));
       ASSERT_TRUE(WaitUntil([&] {
         world.Churn(20, absl::Milliseconds(20));
         return absl::StrContains(cluster.node(twin).Command("ROLE"), "master");
       })) << "the cluster did not promote the replica";
     },
     /*replicas=*/true},
    {"NodeKilled",
     [](RedisCluster&, FleetWorld& world) {
       world.KillNode(world.random()() % world.size());
       world.Churn(300, absl::Milliseconds(500));
     }},
};

class FleetClusterTest : public ::testing::TestWithParam<Fault> {};

TEST_P(FleetClusterTest, LeavesEveryNodeWithTheTruth) {
  for (uint64_t seed = 1; seed <= Seeds(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    RedisCluster cluster(GetParam().replicas);
    WorldOptions options;
    options.seed = seed;
    options.mode = GetParam().mode;
    options.clients = options.mode == fleet::Mode::kDirect ? 50 : 300;
    options.url = cluster.Url();
    FleetWorld world(options);
    world.Churn(1000, absl::Milliseconds(200));
    world.ExpectTruthEverywhere(kPatience);
    if (HasFailure()) return;
    GetParam().happen(cluster, world);
    cluster.WaitUntilHealthy();
    world.ExpectTruthEverywhere(kPatience);
    if (HasFailure()) return;  // one seed's account is enough
  }
}

INSTANTIATE_TEST_SUITE_P(Fleet, FleetClusterTest, ::testing::ValuesIn(kFaults),
                         [](const auto& param) { return std::string(param.param.name); });

// With a lease that outlasts the fault, whoever stays connected is online in every answer
// meanwhile.
class FleetClusterResidentTest : public FleetClusterTest {};

TEST_P(FleetClusterResidentTest, WhoStaysIsOnlineInEveryAnswer) {
  for (uint64_t seed = 1; seed <= Seeds(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    RedisCluster cluster(GetParam().replicas);
    WorldOptions options;
    options.seed = seed;
    options.clients = 50;
    options.residents = 10;
    options.lease = absl::Minutes(5);
    options.url = cluster.Url();
    FleetWorld world(options);
    world.ExpectTruthEverywhere(kPatience);
    world.WatchResidents();
    GetParam().happen(cluster, world);
    cluster.WaitUntilHealthy();
    world.ExpectTruthEverywhere(kPatience);
    EXPECT_EQ(world.forgotten_residents().size(), 0u) << world.forgotten_residents().front();
    if (HasFailure()) return;
  }
}

std::vector<Fault> FaultsThatLeaveEveryNodeRunning() {
  std::vector<Fault> faults;
  for (const Fault& fault : kFaults) {
    if (absl::StartsWith(fault.name, "NodeKilled") || fault.mode == fleet::Mode::kDirect) continue;
    faults.push_back(fault);
  }
  return faults;
}

INSTANTIATE_TEST_SUITE_P(Fleet, FleetClusterResidentTest,
                         ::testing::ValuesIn(FaultsThatLeaveEveryNodeRunning()),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(FleetOnAClusterTest, SpreadsItsShardsOverThePrimaries) {
  RedisCluster cluster;
  std::set<size_t> expected;
  for (uint16_t slot : FleetSlots()) expected.insert(cluster.OwnerOf(slot));
  WorldOptions options;
  options.url = cluster.Url();
  FleetWorld world(options);
  world.Churn(1000, absl::Milliseconds(200));
  world.ExpectTruthEverywhere(kPatience);
  std::set<size_t> used;
  for (uint16_t slot : FleetSlots()) {
    if (cluster.KeysIn(slot, cluster.OwnerOf(slot)) > 0) used.insert(cluster.OwnerOf(slot));
  }
  EXPECT_EQ(used, expected);
  EXPECT_GT(used.size(), 1u);
}

TEST(FleetOnAClusterTest, IsFoundThroughAnyNodeOfTheClusterThatLives) {
  RedisCluster cluster;
  WorldOptions options;
  options.url = absl::StrCat("cluster://127.0.0.1:1,127.0.0.1:", cluster.node(2).port());
  FleetWorld world(options);
  world.Churn(300, absl::Milliseconds(100));
  world.ExpectTruthEverywhere(kPatience);
}

TEST(FleetOnAClusterTest, IsRefusedByAnUrlOfASingleEngineWithTheRightOneInTheMessage) {
  RedisCluster cluster;
  fleet::FleetOptions options;
  options.engines.emplace_back();
  ASSERT_TRUE(fleet::ParseEngineUrl(absl::StrCat("redis://127.0.0.1:", cluster.node(0).port()),
                                    &options.engines[0])
                  .ok());
  options.name = "test";
  FleetNode node("node-0", options, absl::ZeroDuration());
  EXPECT_TRUE(WaitUntil([&] {
    const registry::FleetStatus status = node.fleet().Status();
    return !status.ready && absl::StrContains(absl::StrCat(status.state, status.last_error),
                                              "fleet_url must be cluster://");
  })) << node.fleet().Status().state
      << node.fleet().Status().last_error;
}

TEST(SlotMapTest, KnowsTheSlotOfAKeyAsTheClusterDoes) {
  auto node = RedisProcess::ClusterNode();
  for (const char* key : {"", "a", "ms:{plant}:meta", "ms:{plant.s15}:o", "{}x", "x{", "x{}{y}",
                          "{a}{b}", "x{y", "123456789"}) {
    EXPECT_EQ(absl::StrCat(fleet::HashSlot(key)),
              node->Command(absl::StrCat("CLUSTER KEYSLOT ", key)))
        << key;
  }
}

TEST(SlotMapTest, KnowsWhoHoldsASlotAsLastHeard) {
  fleet::SlotMap map;
  EXPECT_FALSE(map.known());
  EXPECT_EQ(map.Find(0), nullptr);
  map.Replace({{0, 99, {"a", 1}}, {200, 16383, {"b", 2}}});
  EXPECT_EQ(map.Find(99)->host, "a");
  EXPECT_EQ(map.Find(100), nullptr);
  EXPECT_EQ(map.Find(16383)->host, "b");
  map.Move(100, {"c", 3});
  EXPECT_EQ(map.Find(100)->port, 3);
  map.Replace({{0, 16383, {"b", 2}}});
  EXPECT_EQ(map.Find(100)->host, "b");
  EXPECT_EQ(map.Find(16384), nullptr);
}

TEST(SlotMapTest, IsOfBoundedSizeWhateverANodeSays) {
  fleet::SlotMap map;
  for (uint16_t i = 0; i < 2 * fleet::kPrimariesMax; ++i) map.Move(i, {absl::StrCat("h", i), 1});
  EXPECT_NE(map.Find(fleet::kPrimariesMax - 1), nullptr);
  EXPECT_EQ(map.Find(fleet::kPrimariesMax), nullptr);
}

TEST(RedirectTest, SaysWhereAndWhetherOnlyOnce) {
  const auto moved = fleet::ParseRedirect("MOVED 3999 127.0.0.1:6381", "me");
  ASSERT_TRUE(moved.has_value());
  EXPECT_FALSE(moved->ask);
  EXPECT_EQ(moved->slot, 3999);
  EXPECT_EQ(moved->target.host, "127.0.0.1");
  EXPECT_EQ(moved->target.port, 6381);
  EXPECT_TRUE(fleet::ParseRedirect("ASK 1 ::1:6381", "me")->ask);
  EXPECT_EQ(fleet::ParseRedirect("ASK 1 ::1:6381", "me")->target.host, "::1");
  EXPECT_EQ(fleet::ParseRedirect("MOVED 1 :6381", "me")->target.host, "me")
      << "left out: the host that was asked";
}

TEST(RedirectTest, IsNothingElse) {
  for (const char* error :
       {"", "MOVED", "MOVED 1", "MOVED 1 host", "MOVED 16384 host:1", "MOVED -1 host:1",
        "MOVED 1 host:0", "MOVED 1 host:65536", "ASKING 1 a:1",
        "TRYAGAIN Multiple keys request during rehashing of slot"}) {
    EXPECT_FALSE(fleet::ParseRedirect(error, "me").has_value()) << error;
  }
}

}  // namespace
}  // namespace session_status::testing
