#include "plugin/openapi/fleet_source.h"

#include <gtest/gtest.h>

#include "tests/testing/fake_others.h"

namespace session_status::openapi {
namespace {

using registry::EndReason;
using registry::SessionState;

const absl::Time kNow = absl::FromUnixSeconds(1'767'323'045);

class FleetSourceTest : public ::testing::Test {
 protected:
  FleetSourceTest() {
    registry::SessionEvent event;
    event.client_id = "mine";
    event.incarnation = 1;
    event.time = kNow;
    registry_.Apply(event);
    registry_.PublishSnapshot(kNow);
    others_.as_of = kNow - absl::Seconds(1);
    others_.clients["theirs"] = {{SessionState::kOnline, EndReason::kNone}, "there", kNow};
  }
  BatchCut Batch(absl::Time now, absl::Span<bool> online) {
    const absl::string_view ids[] = {"mine", "theirs", "nobody"};
    return source_.Batch("any", ids, now, online);
  }

  registry::SessionRegistry registry_;
  testing::FakeOthers others_;
  FleetSource source_{registry_, others_, absl::Seconds(4)};
};

TEST_F(FleetSourceTest, ABatchCoversTheWholeFleet) {
  bool online[3] = {};
  const BatchCut cut = Batch(kNow, absl::MakeSpan(online));
  EXPECT_TRUE(online[0]);
  EXPECT_TRUE(online[1]);
  EXPECT_FALSE(online[2]);
  EXPECT_EQ(cut.scope, Scope::kFleet);
  EXPECT_EQ(cut.others_age, absl::Seconds(1));
}

TEST_F(FleetSourceTest, OldKnowledgeIsCalledStaleAndNoneLocal) {
  bool online[3] = {};
  EXPECT_EQ(Batch(kNow + absl::Seconds(4), absl::MakeSpan(online)).scope, Scope::kStale);
  others_.as_of = absl::InfinitePast();
  EXPECT_EQ(Batch(kNow, absl::MakeSpan(online)).scope, Scope::kLocal);
}

TEST_F(FleetSourceTest, AnExactAnswerFromTheCopyIsStale) {
  EXPECT_EQ(source_.Exact("any", "mine", kNow).scope, Scope::kFleet);
  const ExactAnswer copy = source_.Exact("any", "theirs", kNow);
  EXPECT_TRUE(copy.online);
  EXPECT_EQ(copy.scope, Scope::kStale);
  EXPECT_EQ(copy.age, absl::Seconds(1));
  others_.source = registry::AnswerSource::kEngine;
  EXPECT_EQ(source_.Exact("any", "theirs", kNow).scope, Scope::kFleet);
}

TEST_F(FleetSourceTest, AnEngineThatMustBeAskedAndIsAwayMakesItUnavailable) {
  others_.error = absl::UnavailableError("away");
  EXPECT_FALSE(source_.Exact("any", "theirs", kNow).available);
  EXPECT_TRUE(source_.Exact("any", "mine", kNow).available);
}

}  // namespace
}  // namespace session_status::openapi
