// Asks the engine who holds a client, for queries. On connections of its own, so that no query
// waits for the fleet's thread and none delays it.
//
// Threads: any; one asks at a time, the others wait for it.
// Errors:  Unavailable. After one, nobody asks for kPauseAfterError: an engine that hangs may cost
//          one query its time-out, not every query.
#ifndef SESSION_STATUS_PLUGIN_FLEET_ENGINE_LOOKUP_H_
#define SESSION_STATUS_PLUGIN_FLEET_ENGINE_LOOKUP_H_

#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "plugin/fleet/board.h"
#include "plugin/fleet/engines.h"
#include "plugin/fleet/fleet_options.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/shard_look.h"
#include "plugin/os/mutex.h"

namespace session_status::fleet {

// Shorter than the fleet's own: somebody is waiting for the answer.
inline constexpr absl::Duration kLookupTimeout = absl::Milliseconds(100);
inline constexpr absl::Duration kPauseAfterError = absl::Seconds(1);

class EngineLookup {
 public:
  explicit EngineLookup(const FleetOptions& options)
      : keys_(options.name), engines_(options, kLookupTimeout, nullptr) {}

  struct Holder {
    NodeNumber node = kNobody;  // kNobody: not online anywhere
    Epoch epoch = 0;
  };
  struct Answer {
    std::vector<Holder> holders;           // of client_ids[i]
    std::map<uint32_t, ShardLook> shards;  // that the clients lie in, a moment after
  };
  // `now`: any steady clock.
  absl::StatusOr<Answer> Find(const Directions& directions,
                              absl::Span<const absl::string_view> client_ids, absl::Duration now)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::StatusOr<Answer> Ask(const Directions& directions,
                             absl::Span<const absl::string_view> client_ids, absl::Duration now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status OpenAll(const std::vector<ClientHash>& hashes, const Shape& shape,
                       absl::Duration now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const KeyNames keys_;
  os::Mutex mutex_;
  Engines engines_ ABSL_GUARDED_BY(mutex_);
  absl::Duration retry_at_ ABSL_GUARDED_BY(mutex_);
  absl::Status last_error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_ENGINE_LOOKUP_H_
