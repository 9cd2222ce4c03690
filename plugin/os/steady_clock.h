// The monotonic clock, from any fixed moment: no operator sets it.
//
// Threads: any, wait-free.
#ifndef SESSION_STATUS_PLUGIN_OS_STEADY_CLOCK_H_
#define SESSION_STATUS_PLUGIN_OS_STEADY_CLOCK_H_

#include <chrono>
#include <cstdint>

#include "absl/time/time.h"

namespace session_status::os {

inline absl::Duration SteadyNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

// The same in nanoseconds, for measuring: no conversion.
inline int64_t SteadyNs() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace session_status::os

#endif  // SESSION_STATUS_PLUGIN_OS_STEADY_CLOCK_H_
