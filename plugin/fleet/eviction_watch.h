// Engines that are set up to evict keys when their memory is full, and that have evicted some. A
// bucket that was evicted is a hundred clients that an exact answer calls offline, and nothing else
// tells of it: the shards' numbers stay as they were.
//
// Threads:   one (the fleet's).
// Ownership: the engines outlive this object.
#ifndef SESSION_STATUS_PLUGIN_FLEET_EVICTION_WATCH_H_
#define SESSION_STATUS_PLUGIN_FLEET_EVICTION_WATCH_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "plugin/fleet/engines.h"

namespace session_status::fleet {

class EvictionWatch {
 public:
  explicit EvictionWatch(Engines& engines) : engines_(engines) {}

  // Queues questions to each engine that is open. `on_evicted`: one has evicted keys since it was
  // asked last, whoever's they were.
  void AddQuestions(std::function<void()> on_evicted);
  // For the operator; empty: none may evict anything, as far as they may be asked.
  std::string Warning() const;

 private:
  void OnEvicted(const std::string& engine, uint64_t keys, const std::function<void()>& on_evicted);

  Engines& engines_;
  std::map<std::string, std::string> evicting_;  // engine, and its maxmemory-policy
  std::map<std::string, uint64_t> evicted_;      // engine, and how many keys since its start
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_EVICTION_WATCH_H_
