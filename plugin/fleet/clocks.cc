#include "plugin/fleet/clocks.h"

#include <time.h>

#include "absl/time/clock.h"

namespace session_status::fleet {

Clocks SystemClocks() {
  return {[] { return absl::Now(); },
          [] {
            timespec now{};
            clock_gettime(CLOCK_BOOTTIME, &now);
            return absl::DurationFromTimespec(now);
          }};
}

}  // namespace session_status::fleet
