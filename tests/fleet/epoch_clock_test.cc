#include "plugin/fleet/epoch_clock.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "plugin/fleet/fleet_loop.h"

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
  EXPECT_EQ(clock.EngineTime(absl::Seconds(102) + absl::Milliseconds(10)),
            kEngine + absl::Seconds(30));
}

TEST(EpochClockTest, WhileTheEngineIsBehindTheFleetItDoesNotStepBack) {
  EpochClock clock;
  clock.Sync(kEngine, absl::Seconds(100), absl::Seconds(100));
  clock.Next(absl::Seconds(101));
  // A fail-over to a host that is a minute behind, and told ten seconds after the last connect.
  clock.Sync(kEngine - absl::Seconds(49), absl::Seconds(111), absl::Seconds(111));
  EXPECT_EQ(clock.EngineTime(absl::Seconds(111)), kEngine + absl::Seconds(11));
  // Another node is further on.
  clock.Saw(static_cast<Epoch>(absl::ToUnixMicros(kEngine + absl::Seconds(20))));
  clock.Sync(kEngine - absl::Seconds(48), absl::Seconds(112), absl::Seconds(112));
  EXPECT_EQ(clock.EngineTime(absl::Seconds(112)), kEngine + absl::Seconds(20));
}

}  // namespace
}  // namespace session_status::fleet
