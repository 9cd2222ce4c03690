#include "plugin/fleet/fleet.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "tests/fleet/fleet_world.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

using registry::AnswerSource;
using registry::EndReason;
using registry::SessionState;

TEST(FleetTest, AnExactAnswerBelievesTheEngineAndNotAnOldCopy) {
  FleetWorld world({.nodes = 2, .clients = 0, .lease = absl::Minutes(5)});
  FleetNode& holder = world.node(0);
  FleetNode& asked = world.node(1);
  holder.Connect("lamp");
  ASSERT_TRUE(WaitUntil([&] {
    world.Tick();
    return asked.OnlineInSnapshot("lamp");
  })) << world.Describe();
  // From here on its copy stands still; a query has a connection of its own.
  asked.fleet().AbandonForTest();
  holder.Disconnect("lamp", EndReason::kClientDisconnect);
  registry::OtherSession session;
  EXPECT_TRUE(WaitUntil([&] {
    EXPECT_TRUE(asked.fleet().Find("lamp", absl::Now(), &session).ok());
    return session.source == AnswerSource::kEngine && !session.status.online();
  })) << world.Describe();
  EXPECT_EQ(session.status.state, SessionState::kOffline);
  EXPECT_EQ(session.status.reason, EndReason::kUnknown) << "nobody has told this node how it ended";
  EXPECT_EQ(session.node, "");
  EXPECT_FALSE(asked.OnlineExactly("lamp"));
  EXPECT_TRUE(asked.OnlineInSnapshot("lamp")) << "the copy is the old one";
}

// As with a full disk, or without the replicas that it is told to want.
TEST(FleetTest, AnEngineThatTakesNoWritesMakesNobodyLost) {
  constexpr absl::Duration kLease = absl::Seconds(1);
  FleetWorld world({.nodes = 2, .clients = 0, .lease = kLease});
  world.node(0).Connect("lamp");
  const auto online = [&] {
    world.Tick();
    return world.node(1).OnlineInSnapshot("lamp");
  };
  ASSERT_TRUE(WaitUntil(online)) << world.Describe();
  ASSERT_EQ(world.engine().Command("CONFIG SET min-replicas-to-write 1"), "OK");
  const absl::Time begin = absl::Now();
  EXPECT_FALSE(WaitUntil([&] { return !online(); }, 4 * kLease))
      << "lost after " << absl::Now() - begin;
  ASSERT_EQ(world.engine().Command("CONFIG SET min-replicas-to-write 0"), "OK");
  EXPECT_FALSE(WaitUntil([&] { return !online(); }, 2 * kLease));
}

}  // namespace
}  // namespace session_status::testing
