// What nodes that are gone for good have left in the engine, and its removal: first their
// generations, and with them their rows' claim to count; the sweep then frees the rows' memory.
//
// Threads:   one (the fleet's). Add…() queue commands.
// Ownership: what the constructor is given outlives this object.
#ifndef SESSION_STATUS_PLUGIN_FLEET_BURIALS_H_
#define SESSION_STATUS_PLUGIN_FLEET_BURIALS_H_

#include <cstdint>
#include <set>

#include "absl/time/time.h"
#include "plugin/fleet/enrolment.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/round.h"

namespace session_status::fleet {

class Burials {
 public:
  Burials(Round& round, const Joined& as) : round_(round), as_(as) {}

  // That node is gone. Should it come back, it sends everything again.
  void Schedule(NodeNumber number) { due_.insert(number); }
  void AddBurials();

  // One bucket, when that is due.
  void AddSweep();

 private:
  Round& round_;
  const Joined& as_;
  std::set<NodeNumber> due_;
  absl::Duration next_sweep_;
  uint32_t sweep_shard_ = 0;
  uint32_t sweep_bucket_ = 0;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_BURIALS_H_
