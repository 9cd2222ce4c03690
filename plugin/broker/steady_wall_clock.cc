#include "plugin/broker/steady_wall_clock.h"

#include <time.h>

#include <algorithm>

namespace session_status::broker {

absl::Time SteadyWallClock::Now() noexcept {
  timespec wall{};
  timespec monotonic{};
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  return Advance(absl::TimeFromTimespec(wall), absl::DurationFromTimespec(monotonic));
}

absl::Time SteadyWallClock::Advance(absl::Time wall, absl::Duration monotonic) noexcept {
  if (!started_) {
    started_ = true;
    last_ = wall;
  } else {
    const absl::Duration elapsed = std::max(monotonic - last_monotonic_, absl::ZeroDuration());
    last_ = std::max(wall, last_ + elapsed / 2);
  }
  last_monotonic_ = monotonic;
  return last_;
}

}  // namespace session_status::broker
