// Engines that are set up to evict keys when their memory is full. A bucket that was evicted is a
// hundred clients that an exact answer calls offline, and nothing else tells of it.
//
// Threads:   one (the fleet's).
// Ownership: the engines outlive this object.
#ifndef SESSION_STATUS_PLUGIN_FLEET_EVICTION_WATCH_H_
#define SESSION_STATUS_PLUGIN_FLEET_EVICTION_WATCH_H_

#include <map>
#include <string>

#include "plugin/fleet/engines.h"

namespace session_status::fleet {

class EvictionWatch {
 public:
  explicit EvictionWatch(Engines& engines) : engines_(engines) {}

  // Queues a question to each engine that is open.
  void AddQuestions();
  // For the operator; empty: none may evict anything, as far as they may be asked.
  std::string Warning() const;

 private:
  Engines& engines_;
  std::map<std::string, std::string> evicting_;  // engine, and its maxmemory-policy
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_EVICTION_WATCH_H_
