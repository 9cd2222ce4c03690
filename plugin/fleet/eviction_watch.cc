#include "plugin/fleet/eviction_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "plugin/fleet/shard_look.h"

namespace session_status::fleet {

void EvictionWatch::AddQuestions(std::function<void()> on_evicted) {
  evicting_.clear();
  for (const Place place : engines_.OnePlaceOfEach()) {
    const std::string where = engines_.Of(place)->connection.endpoint();
    engines_.Add(place, {"INFO", "memory"}, [this, where](const Reply& reply) {
      if (reply.is_error()) return;  // an access list may forbid it
      const std::string policy = EvictionPolicy(reply.text());
      if (!policy.empty()) evicting_[where] = policy;
    });
    engines_.Add(place, {"INFO", "stats"}, [this, where, on_evicted](const Reply& reply) {
      if (!reply.is_error()) OnEvicted(where, EvictedKeys(reply.text()), on_evicted);
    });
  }
}

// What was evicted before the first question was so before we wrote, or the others noticed.
void EvictionWatch::OnEvicted(const std::string& engine, uint64_t keys,
                              const std::function<void()>& on_evicted) {
  const auto [known, is_first] = evicted_.emplace(engine, keys);
  const uint64_t before = std::exchange(known->second, keys);
  if (!is_first && keys > before) on_evicted();
}

std::string EvictionWatch::Warning() const {
  std::string warning;
  for (const auto& [engine, policy] : evicting_) {
    absl::StrAppend(&warning, warning.empty() ? "" : "; ", engine,
                    " may evict sessions (maxmemory-policy ", policy,
                    "), which are then answered offline for up to a minute: set it to noeviction");
  }
  return warning;
}

}  // namespace session_status::fleet
