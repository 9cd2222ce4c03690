#include "registry/lasting_time.h"

#include <gtest/gtest.h>

namespace session_status::registry {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);
constexpr absl::Duration kYear = absl::Hours(24 * 365);

TEST(LastingTimeTest, FollowsTheWallClock) {
  LastingTime time(kStart, absl::Seconds(5));
  EXPECT_EQ(time.Advance(kStart, absl::Seconds(5)), kStart);
  EXPECT_EQ(time.Advance(kStart + absl::Hours(5), absl::Seconds(5) + absl::Hours(5)),
            kStart + absl::Hours(5));
}

TEST(LastingTimeTest, AYearAheadForAMomentIsAMoment) {
  LastingTime time(kStart, absl::ZeroDuration());
  EXPECT_EQ(time.Advance(kStart + kYear, absl::Minutes(1)), kStart + absl::Minutes(1));
  EXPECT_EQ(time.Advance(kStart + absl::Minutes(2), absl::Minutes(2)), kStart + absl::Minutes(2));
}

TEST(LastingTimeTest, AStepForwardCountsWhenItHasLasted) {
  LastingTime time(kStart, absl::ZeroDuration());
  absl::Duration passed;
  for (; passed < absl::Hours(1); passed += absl::Minutes(10)) {
    EXPECT_EQ(time.Advance(kStart + kYear + passed, passed), kStart + passed);
  }
  for (; passed < absl::Hours(3); passed += absl::Minutes(10)) {
    time.Advance(kStart + kYear + passed, passed);
  }
  EXPECT_EQ(time.Advance(kStart + kYear + passed, passed), kStart + kYear + passed);
}

TEST(LastingTimeTest, AStepBackCountsAtOnce) {
  LastingTime time(kStart, absl::ZeroDuration());
  EXPECT_EQ(time.Advance(kStart - absl::Hours(1), absl::Seconds(1)), kStart - absl::Hours(1));
}

}  // namespace
}  // namespace session_status::registry
