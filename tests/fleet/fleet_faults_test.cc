// The table of faults: random clients on three nodes, one fault at a time, and in the end every
// node must know the truth about every client. SESSION_STATUS_FLEET_SEEDS=20 runs more seeds than
// CI.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/fleet/change_queue.h"
#include "tests/fleet/fleet_world.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

uint64_t Seeds() {
  uint64_t seeds = 2;
  const char* text = std::getenv("SESSION_STATUS_FLEET_SEEDS");
  if (text != nullptr && !absl::SimpleAtoi(text, &seeds)) abort();
  return seeds;
}

struct Fault {
  const char* name;
  void (*happen)(FleetWorld&);
  WorldOptions options{};
  friend std::ostream& operator<<(std::ostream& out, const Fault& f) { return out << f.name; }
};

void Partition(FleetWorld& world, TcpProxy::Link how, absl::Duration duration) {
  const size_t i = world.random()() % world.size();
  world.link(i).Set(how);
  world.Churn(300, duration);
  world.link(i).Set(TcpProxy::Link::kUp);
}

const Fault kFaults[] = {
    {"NothingButChurnAndRoaming",
     [](FleetWorld& world) { world.Churn(3000, absl::Milliseconds(500)); }},
    {"FewClientsThatMoveAllTheTime",
     [](FleetWorld& world) { world.Churn(3000, absl::Milliseconds(500)); },
     {.clients = 8}},
    {"HostClocksTenMinutesApart",
     [](FleetWorld& world) { world.Churn(3000, absl::Milliseconds(500)); },
     {.clock_skew = absl::Minutes(10)}},
    {"NodeKilled",
     [](FleetWorld& world) {
       world.KillNode(world.random()() % world.size());
       world.Churn(300, absl::Milliseconds(500));
     }},
    {"NodeKilledAndRestarted",
     [](FleetWorld& world) {
       const size_t i = world.random()() % world.size();
       world.KillNode(i);
       world.Churn(100, absl::Milliseconds(100));
       world.node(i).Start();
       world.Churn(300, absl::Milliseconds(500));
     }},
    {"NodeCutOff",
     [](FleetWorld& world) { Partition(world, TcpProxy::Link::kDown, absl::Seconds(2)); }},
    {"NodeSilentForLongerThanItsLease",
     [](FleetWorld& world) { Partition(world, TcpProxy::Link::kSilent, absl::Seconds(2)); }},
    {"EngineRestartedEmpty",
     [](FleetWorld& world) {
       world.engine().Kill();
       world.Churn(300, absl::Seconds(1));
       world.engine().Start();
       world.Churn(300, absl::Milliseconds(300));
     }},
    {"EngineFlushed",
     [](FleetWorld& world) {
       world.engine().Command("FLUSHALL");
       world.Churn(300, absl::Milliseconds(300));
     }},
    {"EngineRestoredFromAnOldCopy",
     [](FleetWorld& world) {
       world.engine().Save();
       world.Churn(1000, absl::Seconds(2));
       world.engine().Kill();
       world.engine().Start();
       world.Churn(300, absl::Milliseconds(300));
     }},
    {"EngineHangs",
     [](FleetWorld& world) {
       world.engine().Signal(SIGSTOP);
       world.Churn(300, absl::Seconds(2));
       world.engine().Signal(SIGCONT);
     }},
    {"DirectModeWithoutACopy",
     [](FleetWorld& world) { world.Churn(1000, absl::Milliseconds(300)); },
     {.clients = 50, .mode = fleet::Mode::kDirect}},
    {"DirectModeEngineFlushed",
     [](FleetWorld& world) {
       world.engine().Command("FLUSHALL");
       world.Churn(100, absl::Seconds(1));
     },
     {.clients = 50, .mode = fleet::Mode::kDirect}},
    {"DirectModeEngineRestoredFromAnOldCopy",
     [](FleetWorld& world) {
       world.engine().Save();
       world.Churn(100, absl::Seconds(1));
       world.engine().Kill();
       world.engine().Start();
       world.Churn(100, absl::Seconds(1));
     },
     {.clients = 50, .mode = fleet::Mode::kDirect}},
    {"TwoEnginesOneRestartedEmpty",
     [](FleetWorld& world) {
       world.second_engine().Kill();
       world.Churn(300, absl::Milliseconds(500));
       world.second_engine().Start();
       world.Churn(300, absl::Milliseconds(300));
     },
     {.second_engine = true}},
    {"EngineRefusesWrites",
     [](FleetWorld& world) {
       world.engine().Command("CONFIG SET maxmemory 1");
       world.Churn(300, absl::Seconds(2));
       world.engine().Command("CONFIG SET maxmemory 0");
     }},
};

class FleetFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(FleetFaultTest, LeavesEveryNodeWithTheTruth) {
  for (uint64_t seed = 1; seed <= Seeds(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    WorldOptions options = GetParam().options;
    options.seed = seed;
    FleetWorld world(options);
    world.Churn(1000, absl::Milliseconds(200));
    world.ExpectTruthEverywhere();
    if (HasFailure()) return;
    GetParam().happen(world);
    world.ExpectTruthEverywhere();
    if (HasFailure()) return;  // one seed's account is enough
  }
}

INSTANTIATE_TEST_SUITE_P(Fleet, FleetFaultTest, ::testing::ValuesIn(kFaults),
                         [](const auto& param) { return std::string(param.param.name); });

// Whoever stays connected, to a node that lives and whose lease outlasts the fault, is
// online in every answer meanwhile.
class FleetResidentTest : public FleetFaultTest {};

TEST_P(FleetResidentTest, WhoStaysIsOnlineInEveryAnswer) {
  for (uint64_t seed = 1; seed <= Seeds(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    WorldOptions options = GetParam().options;
    options.seed = seed;
    options.clients = 50;
    options.residents = 3;
    // A node that was killed cannot come back before its lease has run out.
    const bool kills = absl::StrContains(GetParam().name, "NodeKilled");
    if (!kills) options.lease = absl::Minutes(5);
    FleetWorld world(options);
    world.ExpectTruthEverywhere();
    world.WatchResidents();
    GetParam().happen(world);
    world.ExpectTruthEverywhere();
    EXPECT_EQ(world.forgotten_residents().size(), 0u) << world.forgotten_residents().front();
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Fleet, FleetResidentTest, ::testing::ValuesIn(kFaults),
                         [](const auto& param) { return std::string(param.param.name); });

// A connection whose end was dropped must not come back when its beginning, still queued, is taken
// after the registry was read.
TEST(FleetFloodTest, MoreChangesThanTheQueueHoldsLeaveNoGhost) {
  FleetWorld world({.clients = 10});
  FleetNode& busy = world.node(0);
  std::vector<std::string> ids;
  for (int i = 0; i < 20'000; ++i) ids.push_back(absl::StrCat("busy-", i));
  world.engine().Signal(SIGSTOP);  // nothing leaves the queue for long
  for (size_t i = 0; i < 3 * fleet::kQueuedChangesMax; ++i) {
    const std::string& id = ids[world.random()() % ids.size()];
    if (busy.Holds(id)) {
      busy.Disconnect(id, registry::EndReason::kClientDisconnect);
    } else {
      busy.Connect(id);
    }
  }
  world.engine().Signal(SIGCONT);
  size_t wrong = 0;
  const auto all_right = [&] {
    world.Tick();
    wrong = 0;
    for (const std::string& id : ids) {
      wrong += world.node(1).OnlineInSnapshot(id) != busy.Holds(id) ? 1 : 0;
    }
    return wrong == 0;
  };
  EXPECT_TRUE(WaitUntil(all_right, absl::Seconds(30), absl::Milliseconds(100)))
      << wrong << " wrong\n"
      << world.Describe();
}

}  // namespace
}  // namespace session_status::testing
