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

}  // namespace
}  // namespace session_status::testing
