#include "plugin/broker/steady_wall_clock.h"

#include <gtest/gtest.h>

namespace session_status::broker {
namespace {

const absl::Time kNoon = absl::FromUnixSeconds(1'700'000'000);

TEST(SteadyWallClockTest, FollowsTheWallClock) {
  SteadyWallClock clock;
  EXPECT_EQ(clock.Advance(kNoon, absl::Seconds(5)), kNoon);
  EXPECT_EQ(clock.Advance(kNoon + absl::Seconds(1), absl::Seconds(6)), kNoon + absl::Seconds(1));
}

TEST(SteadyWallClockTest, FollowsAStepForwardAtOnce) {
  SteadyWallClock clock;
  clock.Advance(kNoon, absl::Seconds(5));
  EXPECT_EQ(clock.Advance(kNoon + absl::Hours(24 * 300), absl::Seconds(6)),
            kNoon + absl::Hours(24 * 300));
}

TEST(SteadyWallClockTest, AfterAStepBackGoesOnAtHalfSpeedUntilTheWallClockHasCaughtUp) {
  SteadyWallClock clock;
  clock.Advance(kNoon, absl::Seconds(0));
  const absl::Time set_back = kNoon - absl::Hours(1);
  absl::Time last = kNoon;
  for (int minute = 1; minute <= 180; ++minute) {
    const absl::Time wall = set_back + absl::Minutes(minute);
    const absl::Time now = clock.Advance(wall, absl::Minutes(minute));
    EXPECT_GT(now, last);
    EXPECT_GE(now, wall);
    last = now;
  }
  EXPECT_EQ(last, set_back + absl::Minutes(180));
}

TEST(SteadyWallClockTest, ReadsTheSystemsClocks) {
  SteadyWallClock clock;
  const absl::Time first = clock.Now();
  EXPECT_GT(first, absl::FromCivil(absl::CivilYear(2020), absl::UTCTimeZone()));
  EXPECT_GE(clock.Now(), first);
}

}  // namespace
}  // namespace session_status::broker
