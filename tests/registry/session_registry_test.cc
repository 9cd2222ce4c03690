#include "registry/session_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace session_status::registry {
namespace {

SessionEvent Connected(absl::string_view id, uint64_t incarnation) {
  SessionEvent e;
  e.kind = SessionEvent::Kind::kConnected;
  e.client_id = id;
  e.incarnation = incarnation;
  e.time = absl::FromUnixSeconds(1000);
  return e;
}

TEST(SessionRegistryTest, AClientThatConnectedIsOnline) {
  SessionRegistry registry;
  EXPECT_FALSE(registry.Find("a").online());
  EXPECT_EQ(registry.Apply(Connected("a", 1)).outcome, ApplyResult::Outcome::kApplied);
  EXPECT_TRUE(registry.Find("a").online());
}

TEST(SessionRegistryTest, AnEndOfAnOlderIncarnationChangesNothing) {
  SessionRegistry registry;
  registry.Apply(Connected("a", 1));
  registry.Apply(Connected("a", 2));
  SessionEvent end;
  end.kind = SessionEvent::Kind::kEnded;
  end.client_id = "a";
  end.incarnation = 1;
  end.reason = EndReason::kTakenOver;
  EXPECT_EQ(registry.Apply(end).outcome, ApplyResult::Outcome::kStale);
  EXPECT_TRUE(registry.Find("a").online());
}

}  // namespace
}  // namespace session_status::registry
