#include "plugin/fleet/eviction_watch.h"

#include "absl/strings/str_cat.h"
#include "plugin/fleet/shard_look.h"

namespace session_status::fleet {

void EvictionWatch::AddQuestions() {
  evicting_.clear();
  for (const Place place : engines_.OnePlaceOfEach()) {
    engines_.Add(place, {"INFO", "memory"},
                 [this, where = engines_.Of(place)->connection.endpoint()](const Reply& reply) {
                   if (reply.is_error()) return;  // an access list may forbid it
                   const std::string policy = EvictionPolicy(reply.text());
                   if (!policy.empty()) evicting_[where] = policy;
                 });
  }
}

std::string EvictionWatch::Warning() const {
  std::string warning;
  for (const auto& [engine, policy] : evicting_) {
    absl::StrAppend(&warning, warning.empty() ? "" : "; ", engine,
                    " may evict sessions (maxmemory-policy ", policy,
                    "), which are then answered offline: set it to noeviction");
  }
  return warning;
}

}  // namespace session_status::fleet
