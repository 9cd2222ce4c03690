// What nodes that are gone for good have left in the engine, and its removal: first their
// generations, and with them their rows' claim to count; the sweep then frees the rows' memory.
//
// Threads:   one (the fleet's). Add…() queue commands.
// Ownership: the round outlives this object.
#ifndef SESSION_STATUS_PLUGIN_FLEET_BURIALS_H_
#define SESSION_STATUS_PLUGIN_FLEET_BURIALS_H_

#include <cstdint>
#include <set>

#include "plugin/fleet/layout.h"
#include "plugin/fleet/round.h"

namespace session_status::fleet {

class Burials {
 public:
  explicit Burials(Round& round) : round_(round) {}

  // That node is gone. Should it come back, it sends everything again.
  void Schedule(NodeNumber number) { due_.insert(number); }
  void AddBurials(const Shape& shape);

  // One bucket, when that is due.
  void AddSweep(const Shape& shape);

 private:
  Round& round_;
  std::set<NodeNumber> due_;
  absl::Duration next_sweep_;
  uint32_t sweep_shard_ = 0;
  uint32_t sweep_bucket_ = 0;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_BURIALS_H_
