#include "registry/forgetting_clock.h"

#include <gtest/gtest.h>

namespace session_status::registry {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

TEST(ForgettingClockTest, FollowsTheWallClock) {
  ForgettingClock clock;
  EXPECT_EQ(clock.Advance(kStart, absl::Seconds(5)), kStart);
  EXPECT_EQ(clock.Advance(kStart + absl::Seconds(1), absl::Seconds(6)), kStart + absl::Seconds(1));
  // Set forward by a minute, as often happens at a start.
  EXPECT_EQ(clock.Advance(kStart + absl::Seconds(62), absl::Seconds(7)),
            kStart + absl::Seconds(61));
  EXPECT_EQ(clock.Advance(kStart + absl::Seconds(63), absl::Seconds(8)),
            kStart + absl::Seconds(63));
}

TEST(ForgettingClockTest, AYearAheadForAMinuteIsAnHour) {
  ForgettingClock clock;
  clock.Advance(kStart, absl::ZeroDuration());
  const absl::Duration year = absl::Hours(24 * 365);
  EXPECT_EQ(clock.Advance(kStart + year + absl::Minutes(1), absl::Minutes(1)),
            kStart + absl::Hours(1));
  // Back again: it stands still until the wall clock has caught up.
  EXPECT_EQ(clock.Advance(kStart + absl::Minutes(2), absl::Minutes(2)), kStart + absl::Hours(1));
  EXPECT_EQ(clock.Advance(kStart + absl::Minutes(61), absl::Minutes(61)),
            kStart + absl::Minutes(61));
}

TEST(ForgettingClockTest, NeverRunsBackwards) {
  ForgettingClock clock;
  clock.Advance(kStart, absl::Seconds(10));
  EXPECT_EQ(clock.Advance(kStart - absl::Hours(1), absl::Seconds(11)), kStart);
  EXPECT_EQ(clock.Advance(kStart + absl::Hours(1), absl::Seconds(9)), kStart);
}

}  // namespace
}  // namespace session_status::registry
