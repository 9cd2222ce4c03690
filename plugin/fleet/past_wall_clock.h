// What this host's wall clock showed at a moment of its monotonic one.
//
// Ends of other nodes' clients are kept by the monotonic clock, which nobody sets, so that they are
// forgotten in the order of their ends; and told by the wall clock as it was when this node heard
// of them. That is how our own ends are dated, with which they are compared; and a time that was
// told once stays as it is, whoever's clock is set afterwards, the engine's or this host's.
//
// Threads: Note: one. At: any. Short locks; never taken by the broker's thread.
#ifndef SESSION_STATUS_PLUGIN_FLEET_PAST_WALL_CLOCK_H_
#define SESSION_STATUS_PLUGIN_FLEET_PAST_WALL_CLOCK_H_

#include <cstddef>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "plugin/os/mutex.h"

namespace session_status::fleet {

class PastWallClock {
 public:
  // Two clocks that run a little differently are a step every few hours.
  static constexpr absl::Duration kStep = absl::Milliseconds(100);
  // What is from before them all is told as if it were from the first of them.
  static constexpr size_t kStepsMax = 64;

  // Both clocks, now.
  void Note(absl::Time wall, absl::Duration monotonic) {
    // Ends are kept in whole milliseconds. No step begins in one that may have seen an end
    // already; it is seen in the next.
    const absl::Duration moment = absl::Floor(monotonic, absl::Milliseconds(1));
    const absl::Duration ahead = wall - absl::UnixEpoch() - monotonic;
    os::MutexLock lock(&mutex_);
    if (moment == std::exchange(last_noted_, moment)) return;
    if (!steps_.empty() && absl::AbsDuration(ahead - steps_.back().ahead) < kStep) return;
    steps_.push_back({moment, ahead});
    if (steps_.size() > kStepsMax) steps_.pop_front();
  }

  // REQUIRES: Note() was called.
  absl::Time At(absl::Duration monotonic) const {
    os::MutexLock lock(&mutex_);
    auto step = steps_.rbegin();
    while (step + 1 != steps_.rend() && monotonic < step->since) ++step;
    return absl::UnixEpoch() + step->ahead + monotonic;
  }

 private:
  struct Step {
    absl::Duration since;  // monotonic
    absl::Duration ahead;  // the wall clock of the monotonic one
  };
  mutable os::Mutex mutex_;
  std::deque<Step> steps_ ABSL_GUARDED_BY(mutex_);
  absl::Duration last_noted_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_PAST_WALL_CLOCK_H_
