// Clients of ours that connected elsewhere, on their way to the broker's thread, which closes them.
//
// Threads: KickBacklog: one (the fleet's), which is the ring's producer. The ring's consumer: the
//          broker's.
#ifndef SESSION_STATUS_PLUGIN_FLEET_KICKS_H_
#define SESSION_STATUS_PLUGIN_FLEET_KICKS_H_

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "plugin/fleet/spsc_ring.h"

namespace session_status::fleet {

struct Kick {
  std::string client_id;
  uint64_t incarnation = 0;
};
using KickRing = SpscRing<Kick>;

// What does not fit into the ring waits here. Whether it is still that connection is looked at by
// who carries it out. By identifier: kicks stay due when the fleet is joined anew.
class KickBacklog {
 public:
  // `ring` outlives this object.
  explicit KickBacklog(KickRing& ring) : ring_(ring) {}

  void Add(Kick kick) { waiting_.push_back(std::move(kick)); }
  // Hands over what fits; returns how many those were.
  uint64_t Push() {
    const auto fill = [this](Kick& kick) { kick = std::move(waiting_.front()); };
    uint64_t pushed = 0;
    for (; !waiting_.empty() && ring_.TryPush(fill); waiting_.pop_front()) ++pushed;
    return pushed;
  }

 private:
  KickRing& ring_;
  std::deque<Kick> waiting_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_KICKS_H_
