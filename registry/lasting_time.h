// Wall time for what is forgotten by age. A clock that is set forward makes everything old at once,
// and what is forgotten then stays so when the clock is set right again; so a step forward counts
// only once it has lasted. A step back counts at once; so the wall clock must be the system's own,
// none that waits instead of stepping back.
//
// Threads: one at a time.
#ifndef SESSION_STATUS_REGISTRY_LASTING_TIME_H_
#define SESSION_STATUS_REGISTRY_LASTING_TIME_H_

#include <cstdint>

#include "absl/time/time.h"

namespace session_status::registry {

class LastingTime {
 public:
  // By the monotonic clock; a step counts after this at the earliest, after twice this for sure
  // (and only while somebody looks). A clock that is set wrong by hand, or by a server of NTP that
  // is, is usually noticed earlier.
  static constexpr int64_t kStepLastsMs = 3'600'000;

  // `known_ms`: the wall clock had reached it. All milliseconds; the monotonic ones from any
  // moment.
  LastingTime(int64_t known_ms, int64_t monotonic_ms);
  LastingTime(absl::Time known, absl::Duration monotonic)
      : LastingTime(absl::ToUnixMillis(known), absl::ToInt64Milliseconds(monotonic)) {}

  // The time, given what both clocks say now.
  int64_t Advance(int64_t wall_ms, int64_t monotonic_ms);
  absl::Time Advance(absl::Time wall, absl::Duration monotonic) {
    return absl::FromUnixMillis(
        Advance(absl::ToUnixMillis(wall), absl::ToInt64Milliseconds(monotonic)));
  }

 private:
  // How far the wall clock was before the monotonic one, at the least: in the hour that
  // runs, and in the one before it.
  int64_t ahead_ms_;
  int64_t ahead_before_ms_;
  int64_t hour_began_ms_;  // monotonic
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_LASTING_TIME_H_
