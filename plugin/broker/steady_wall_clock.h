// Wall time that never runs backwards, for the times in answers.
//
// It follows the system's wall clock. When that is set forward, so is this at once; when it is set
// back, this one goes on at half speed until the wall clock has caught up, as adjtime(3) would.
//
// Threads: one at a time; the broker layer's instance belongs to `broker`.
#ifndef SESSION_STATUS_PLUGIN_BROKER_STEADY_WALL_CLOCK_H_
#define SESSION_STATUS_PLUGIN_BROKER_STEADY_WALL_CLOCK_H_

#include "absl/time/time.h"

namespace session_status::broker {

class SteadyWallClock {
 public:
  // Reads both system clocks.
  absl::Time Now() noexcept;

  // The same as a function of both readings. `monotonic` counts from any fixed moment.
  absl::Time Advance(absl::Time wall, absl::Duration monotonic) noexcept;

 private:
  bool started_ = false;
  absl::Time last_;
  absl::Duration last_monotonic_;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_STEADY_WALL_CLOCK_H_
