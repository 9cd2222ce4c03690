// The system's clocks as a test sets them, for the whole process: absl::Now(), the steady clock of
// std and whoever else asks clock_gettime(). What waits in the kernel waits by the true ones.
//
// Threads: one object at a time; set by one thread.
#ifndef SESSION_STATUS_TESTS_PLUGIN_SYSTEM_CLOCKS_H_
#define SESSION_STATUS_TESTS_PLUGIN_SYSTEM_CLOCKS_H_

#include "absl/time/time.h"

namespace session_status::testing {

class SystemClocks {
 public:
  SystemClocks() = default;
  ~SystemClocks();  // the true ones again
  SystemClocks(const SystemClocks&) = delete;
  SystemClocks& operator=(const SystemClocks&) = delete;

  static void Pass(absl::Duration time);  // nobody can tell
  static void Set(absl::Duration step);   // somebody sets the time of day, forward or back
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_PLUGIN_SYSTEM_CLOCKS_H_
