// The clocks of this host. Given, so that tests can run hosts whose clocks differ.
//
// Threads: any.
#ifndef SESSION_STATUS_PLUGIN_FLEET_CLOCKS_H_
#define SESSION_STATUS_PLUGIN_FLEET_CLOCKS_H_

#include <functional>

#include "absl/time/time.h"

namespace session_status::fleet {

struct Clocks {
  std::function<absl::Time()> wall;
  // Runs on while the machine is suspended: the engine's clock does, too.
  std::function<absl::Duration()> monotonic;
};
Clocks SystemClocks();

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_CLOCKS_H_
