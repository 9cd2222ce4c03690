// The change feed: the ring of changes, fed by the registry's writer, and what its followers share.
//
// Threads:   OnChange: broker, wait-free. Everything else: any.
// Ownership: registry and poller outlive the feed; the feed outlives its followers.
#ifndef SESSION_STATUS_PLUGIN_FEED_CHANGE_FEED_H_
#define SESSION_STATUS_PLUGIN_FEED_CHANGE_FEED_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "plugin/feed/change_ring.h"
#include "plugin/feed/follower_lag.h"
#include "plugin/os/poller.h"
#include "registry/change_observer.h"
#include "registry/counter.h"
#include "registry/session_registry.h"

namespace session_status::feed {

struct FeedOptions {
  // 16 MiB hold about 170,000 changes of 22-byte identifiers: half a minute at 5,000 a second.
  size_t buffer_bytes = size_t{16} << 20;
  // Proxies and browsers give up on connections that are silent for a minute.
  absl::Duration heartbeat = absl::Seconds(15);
  // Each follower costs a connection and up to 4 MB for its watch set.
  uint64_t followers_max = 256;
};

struct FeedCounters {
  Counter followers;  // now
  Counter refused;    // over followers_max
  Counter gaps;       // told to followers
  Counter sent;       // changes and states, over all followers
};

class ChangeFeed : public registry::ChangeObserver {
 public:
  // `epoch`: when this numbering of changes began, milliseconds since 1970. What the registry has
  // taken before (sessions restored at the start) was told to nobody and is no change of this feed.
  ChangeFeed(const registry::SessionRegistry& registry, os::Poller& poller,
             const FeedOptions& options, int64_t epoch)
      : registry_(registry),
        poller_(poller),
        options_(options),
        epoch_(epoch),
        ring_(options.buffer_bytes, registry.sequence()) {}

  void OnChange(const registry::SessionEvent& event, const registry::ApplyResult& result) override {
    ring_.Append(MakeChange(event, result));
  }

  const registry::SessionRegistry& registry() const { return registry_; }
  const ChangeRing& ring() const { return ring_; }
  os::Poller& poller() { return poller_; }
  const FeedOptions& options() const { return options_; }
  int64_t epoch() const { return epoch_; }
  FeedCounters& counters() { return counters_; }
  const FeedCounters& counters() const { return counters_; }
  FollowerLag& lag() { return lag_; }
  const FollowerLag& lag() const { return lag_; }

 private:
  const registry::SessionRegistry& registry_;
  os::Poller& poller_;
  const FeedOptions options_;
  const int64_t epoch_;
  ChangeRing ring_;
  FeedCounters counters_;
  FollowerLag lag_;
};

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_CHANGE_FEED_H_
