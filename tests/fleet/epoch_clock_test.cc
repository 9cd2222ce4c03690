#include "plugin/fleet/epoch_clock.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "plugin/fleet/clocks.h"
#include "plugin/fleet/past_wall_clock.h"

namespace {
absl::Duration suspended;  // as the one clock that counts it says; before any thread is started
}  // namespace

extern "C" __attribute__((visibility("default"))) int clock_gettime(clockid_t clock,
                                                                    timespec* out) noexcept {
  const auto result = static_cast<int>(syscall(SYS_clock_gettime, clock, out));
  if (result == 0 && clock == CLOCK_BOOTTIME) {
    *out = absl::ToTimespec(absl::DurationFromTimespec(*out) + suspended);
  }
  return result;
}

namespace session_status::fleet {
namespace {

const absl::Time kEngine = absl::FromUnixSeconds(1'800'000'000);

Epoch EpochOf(absl::Time time) { return static_cast<Epoch>(absl::ToUnixMicros(time)); }

TEST(SystemClocksTest, TheTimeOfASuspensionCounts) {
  const absl::Duration before = SystemClocks().monotonic();
  suspended = absl::Hours(1);
  const absl::Duration after = SystemClocks().monotonic();
  suspended = absl::ZeroDuration();
  EXPECT_GE(after - before, absl::Hours(1));
}

TEST(EpochClockTest, ASlowAnswerIsBelievedOnlyIfItContradictsAFastOne) {
  EpochClock clock;
  clock.Sync(kEngine, absl::Seconds(100), absl::Seconds(100) + absl::Microseconds(100));
  const absl::Duration offset = clock.engine_minus_monotonic();
  // The engine was asked at once, and its answer was read late.
  clock.Sync(kEngine + absl::Seconds(1), absl::Seconds(101),
             absl::Seconds(101) + absl::Milliseconds(20));
  EXPECT_EQ(clock.engine_minus_monotonic(), offset);
  // This clock was paused.
  clock.Sync(kEngine + absl::Seconds(30), absl::Seconds(102),
             absl::Seconds(102) + absl::Milliseconds(20));
  EXPECT_EQ(clock.At(absl::Seconds(102) + absl::Milliseconds(10)),
            EpochOf(kEngine + absl::Seconds(30)));
}

TEST(EpochClockTest, WhileTheEngineIsBehindTheFleetItDoesNotStepBack) {
  EpochClock clock;
  clock.Sync(kEngine, absl::Seconds(100), absl::Seconds(100));
  clock.Next(absl::Seconds(101));
  // A fail-over to a host that is a minute behind, and told ten seconds after the last connect.
  clock.Sync(kEngine - absl::Seconds(49), absl::Seconds(111), absl::Seconds(111));
  EXPECT_EQ(clock.At(absl::Seconds(111)), EpochOf(kEngine + absl::Seconds(11)));
  // Another node is further on.
  clock.Saw(EpochOf(kEngine + absl::Seconds(20)));
  clock.Sync(kEngine - absl::Seconds(48), absl::Seconds(112), absl::Seconds(112));
  EXPECT_EQ(clock.At(absl::Seconds(112)), EpochOf(kEngine + absl::Seconds(20)));
}

TEST(PastWallClockTest, ATimeStaysAsItWasToldAndASlowDriftIsFollowed) {
  const absl::Time wall = kEngine;
  const absl::Duration day = absl::Hours(24);
  PastWallClock clock;
  clock.Note(wall, day);
  EXPECT_EQ(clock.At(day), wall);
  EXPECT_EQ(clock.At(day - absl::Hours(1)), wall - absl::Hours(1)) << "from before the first";
  // Set back in the millisecond of an end: that is not told anew, the next one is told by the new
  // time.
  clock.Note(wall - absl::Hours(2), day + absl::Microseconds(300));
  EXPECT_EQ(clock.At(day), wall);
  clock.Note(wall - absl::Hours(2), day + absl::Milliseconds(1) + absl::Microseconds(300));
  EXPECT_EQ(clock.At(day), wall);
  EXPECT_LT(clock.At(day + absl::Milliseconds(1)), wall - absl::Hours(1));
  for (int i = 1; i <= 1000; ++i) {  // and drifts by 10 s
    clock.Note(wall + absl::Seconds(i) + i * absl::Milliseconds(10), day + absl::Seconds(i));
    EXPECT_LT(absl::AbsDuration(clock.At(day + absl::Seconds(i)) - wall - absl::Seconds(i) -
                                i * absl::Milliseconds(10)),
              PastWallClock::kStep);
  }
}

}  // namespace
}  // namespace session_status::fleet
