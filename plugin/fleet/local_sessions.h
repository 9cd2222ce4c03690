// Our own online sessions as the fleet's thread knows them: by hash, with the epoch of the
// connection. The registry is the truth; this table follows it through the change queue and can be
// rebuilt from it at any time.
//
// Threads: one (the fleet's).
#ifndef SESSION_STATUS_PLUGIN_FLEET_LOCAL_SESSIONS_H_
#define SESSION_STATUS_PLUGIN_FLEET_LOCAL_SESSIONS_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "plugin/fleet/change_queue.h"
#include "plugin/fleet/epoch_clock.h"
#include "plugin/fleet/layout.h"
#include "registry/session_registry.h"

namespace session_status::fleet {

struct LocalSession {
  Epoch epoch = 0;
  uint64_t incarnation = 0;
  std::string client_id;
  bool taken_over = false;  // a newer connection exists elsewhere
  uint8_t rebuild = 0;      // number of the rebuild that found it
};

// Ends remembered per shard; 65,536 in all with 16 shards.
inline constexpr size_t kEndsRememberedMax = 4096;

class LocalSessions {
 public:
  LocalSessions(const Shape& shape, const ClientHasher& hasher)
      : shape_(shape), hasher_(hasher), shards_(shape.shards), ends_(shape.shards) {}

  // Takes over the sessions of a table that is given up, with their epochs; its ends are forgotten.
  // REQUIRES: this table is empty. If memory runs out, nothing has changed.
  void TakeSessionsOf(LocalSessions& older);

  // The event to tell the others, if the change is news.
  std::optional<Event> Apply(LocalChange&& change, EpochClock& clock);

  // Compares with the registry, after changes were dropped; returns what the others have to be
  // told. Epochs of connections that are known stay. Others follow from the time that the registry
  // has for them, which is on the host's clock: one that was set makes them wrong, but no older
  // than `begun`, when this process began. `wall` and `monotonic`: now, on both clocks.
  std::vector<Event> Rebuild(const registry::SessionRegistry& registry, const EpochClock& clock,
                             absl::Time wall, absl::Duration monotonic, absl::Duration begun);

  void Prefetch(const ClientHash& hash) const { PrefetchIn(shards_[shape_.ShardOf(hash)], hash); }
  // nullptr: not connected here. Valid until the next change.
  LocalSession* Find(const ClientHash& hash);
  // What an engine that lost data has to be told again about a shard: all sessions, and the ends of
  // the last minutes. Without those, an older connection of such a client on a node that heard
  // neither of the newer one nor of its end would count again.
  std::vector<Event> Resend(uint32_t shard) const;
  size_t size() const;
  // visit(hash, session) for each; it must not change the table.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (const auto& sessions : shards_) {
      for (const auto& [hash, session] : sessions) visit(hash, session);
    }
  }

 private:
  using Sessions = std::unordered_map<ClientHash, LocalSession, ClientHash::Hasher>;
  using Epochs = std::unordered_map<ClientHash, Epoch, ClientHash::Hasher>;
  // Of each client with a remembered end, the newest one's.
  Epochs EndedEpochs() const;
  Event EndOf(const ClientHash& hash, const LocalSession& session, registry::EndReason reason);
  void RememberEnd(const Event& end);

  const Shape shape_;
  const ClientHasher hasher_;
  std::vector<Sessions> shards_;
  std::vector<std::deque<Event>> ends_;
  uint8_t rebuild_ = 0;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_LOCAL_SESSIONS_H_
