// What time it is for ended_sessions_ttl: the wall clock's, but never far from what a clock that is never
// set has counted since.
//
// What is forgotten cannot be brought back, so a wall clock that is ahead by a year for a minute must
// not cost every client that has left. This one runs at most sixty times as fast as time goes by: it has
// followed a day's step after 24 minutes. It never runs backwards.
//
// Threads: one at a time.
#ifndef SESSION_STATUS_REGISTRY_FORGETTING_CLOCK_H_
#define SESSION_STATUS_REGISTRY_FORGETTING_CLOCK_H_

#include <algorithm>

#include "absl/time/time.h"

namespace session_status::registry {

class ForgettingClock {
 public:
  // `steady`: of a clock that is never set.
  absl::Time Advance(absl::Time wall, absl::Duration steady) {
    constexpr int kSpeedMax = 60;
    if (!started_) {
      started_ = true;
      now_ = wall;
    } else {
      now_ =
          std::clamp(wall, now_, now_ + kSpeedMax * std::max(steady - last_, absl::ZeroDuration()));
    }
    last_ = steady;
    return now_;
  }

 private:
  bool started_ = false;
  absl::Time now_;
  absl::Duration last_;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_FORGETTING_CLOCK_H_
