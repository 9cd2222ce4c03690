// How far the follower that is furthest behind is behind, found out in rounds of the poller.
//
// Threads: Note(): the poller's. changes(): any.
#ifndef SESSION_STATUS_PLUGIN_FEED_FOLLOWER_LAG_H_
#define SESSION_STATUS_PLUGIN_FEED_FOLLOWER_LAG_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace session_status::feed {

class FollowerLag {
 public:
  // Each follower once a round; `round` names it and only rises. A round counts when the next one
  // begins: before, not everybody has spoken.
  void Note(absl::Duration round, uint64_t changes_behind) {
    if (round != round_) {
      // relaxed: a statistic, nobody concludes anything about other memory from it.
      last_round_.store(worst_, std::memory_order_relaxed);
      worst_ = 0;
      round_ = round;
    }
    worst_ = std::max(worst_, changes_behind);
  }

  // Of the last complete round; says nothing when there is no follower.
  uint64_t changes() const { return last_round_.load(std::memory_order_relaxed); }

 private:
  absl::Duration round_;
  uint64_t worst_ = 0;
  std::atomic<uint64_t> last_round_{0};
};

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_FOLLOWER_LAG_H_
