#include "registry/lasting_time.h"

#include <algorithm>

namespace session_status::registry {

LastingTime::LastingTime(int64_t known_ms, int64_t monotonic_ms)
    : ahead_ms_(known_ms - monotonic_ms),
      ahead_before_ms_(ahead_ms_),
      hour_began_ms_(monotonic_ms) {}

int64_t LastingTime::Advance(int64_t wall_ms, int64_t monotonic_ms) {
  const int64_t ahead_ms = wall_ms - monotonic_ms;
  if (monotonic_ms - hour_began_ms_ >= kStepLastsMs) {
    ahead_before_ms_ = ahead_ms_;
    ahead_ms_ = ahead_ms;
    hour_began_ms_ = monotonic_ms;
  }
  ahead_ms_ = std::min(ahead_ms_, ahead_ms);
  return monotonic_ms + std::min(ahead_ms_, ahead_before_ms_);
}

}  // namespace session_status::registry
