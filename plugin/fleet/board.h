// What the fleet's thread shows to the threads that answer queries.
//
// Threads: Set…: the fleet's. Get…: any. Short locks; never taken by the broker's thread.
#ifndef SESSION_STATUS_PLUGIN_FLEET_BOARD_H_
#define SESSION_STATUS_PLUGIN_FLEET_BOARD_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "plugin/fleet/client_hash.h"
#include "plugin/fleet/layout.h"
#include "plugin/fleet/past_wall_clock.h"
#include "plugin/fleet/shard_look.h"
#include "plugin/os/mutex.h"
#include "registry/others_view.h"

namespace session_status::fleet {

// What a query needs to find a client; replaced as a whole.
struct Directions {
  struct Node {
    std::string name;
    bool lost = false;
  };
  ClientHasher hasher;
  Shape shape;
  NodeNumber me = kNobody;
  std::unordered_map<NodeNumber, Node> nodes;
};

// A moment on the monotonic clock that one thread sets and any may read: by the wall clock, which
// is set now and then, old knowledge could seem to be fresh.
class SharedMoment {
 public:
  // (1) release; pairs with (2): who sees the moment sees what was done before it was set.
  void Set(absl::Duration moment) {
    micros_.store(absl::ToInt64Microseconds(moment), std::memory_order_release);
  }
  // Never: minus infinity.
  absl::Duration Get() const {
    // (2) acquire; pairs with (1).
    const int64_t micros = micros_.load(std::memory_order_acquire);
    return micros == kNever ? -absl::InfiniteDuration() : absl::Microseconds(micros);
  }

 private:
  static constexpr int64_t kNever = INT64_MIN;  // what an infinite duration is in microseconds
  std::atomic<int64_t> micros_{kNever};
};

class Board {
 public:
  void SetDirections(std::shared_ptr<const Directions> directions) {
    os::MutexLock lock(&mutex_);
    directions_ = std::move(directions);
  }
  // nullptr: this node has not joined yet.
  std::shared_ptr<const Directions> GetDirections() const {
    os::MutexLock lock(&mutex_);
    return directions_;
  }
  // False: at the last look an engine refused a write. What it says then is true of the past only.
  void SetTakesWrites(bool taken) {
    os::MutexLock lock(&mutex_);
    takes_writes_ = taken;
  }
  bool TakesWrites() const {
    os::MutexLock lock(&mutex_);
    return takes_writes_;
  }
  // Told after it was applied to the registry.
  void SetFollowed(uint32_t shard, std::shared_ptr<const Followed> followed) {
    os::MutexLock lock(&mutex_);
    if (shard >= followed_.size()) followed_.resize(shard + 1);
    followed_[shard] = std::move(followed);
  }
  // By shard. A shard that is not there or is nullptr has not been followed yet.
  std::vector<std::shared_ptr<const Followed>> GetFollowed() const {
    os::MutexLock lock(&mutex_);
    return followed_;
  }
  void SetStatus(registry::FleetStatus status) {
    os::MutexLock lock(&mutex_);
    status_ = std::move(status);
  }
  registry::FleetStatus GetStatus() const {
    os::MutexLock lock(&mutex_);
    return status_;
  }

  // Everything that the others wrote until then is in the registry. Set after it was applied.
  void SetAsOf(absl::Duration monotonic) { as_of_.Set(monotonic); }
  absl::Duration GetAsOf() const { return as_of_.Get(); }

  // What the registry of the others calls the time of an end: when this node heard of it, by the
  // monotonic clock.
  static absl::Time DateOfEnd(absl::Duration monotonic) { return absl::UnixEpoch() + monotonic; }
  // Before anything of that moment is dated.
  void NoteClocks(absl::Time wall, absl::Duration monotonic) { wall_clock_.Note(wall, monotonic); }
  // That end as it is told; InfinitePast: there is none.
  absl::Time TimeOfEnd(absl::Time date) const {
    return date == absl::InfinitePast() ? date : wall_clock_.At(date - absl::UnixEpoch());
  }

 private:
  mutable os::Mutex mutex_;
  std::shared_ptr<const Directions> directions_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<const Followed>> followed_ ABSL_GUARDED_BY(mutex_);
  bool takes_writes_ ABSL_GUARDED_BY(mutex_) = true;
  registry::FleetStatus status_ ABSL_GUARDED_BY(mutex_);
  SharedMoment as_of_;
  PastWallClock wall_clock_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_BOARD_H_
