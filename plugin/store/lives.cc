#include "plugin/store/lives.h"

#include <algorithm>
#include <optional>

namespace session_status::store {

const Life* Lives::Find(int64_t number) const {
  const auto found = lives_.find(number);
  return found == lives_.end() ? nullptr : &found->second;
}

// The clock of the start may be ahead, as that of lives before may have been: one that began long
// after what was known, because the clock had stepped or the broker was down, has reached its time
// for sure when that has lasted, over however many starts.
int64_t Lives::ReachedMs(int64_t started_ms) const {
  int64_t known_ms = empty() ? started_ms : lives_.begin()->second.alive_ms;
  std::optional<int64_t> step_began_ms;
  for (const auto& [number, life] : lives_) {
    if (life.started_ms - known_ms > kAheadLastsMs) {
      step_began_ms = std::min(step_began_ms.value_or(life.started_ms), life.started_ms);
      if (life.alive_ms - *step_began_ms < kAheadLastsMs) continue;
    }
    known_ms = life.alive_ms;
    step_began_ms.reset();
  }
  return std::clamp<int64_t>(known_ms, 0, started_ms);
}

// A life that began with its clock still to be set says by its end only that it came later.
int64_t Lives::OverMs(int64_t number, int64_t now_ms) const {
  const Life* const life = Find(number);
  const int64_t alive_ms = life == nullptr ? 0 : life->alive_ms;
  for (auto later = lives_.upper_bound(number); later != lives_.end(); ++later) {
    if (later->second.started_ms >= alive_ms) return later->second.started_ms;
    if (later->second.alive_ms >= alive_ms) return later->second.alive_ms;
  }
  return now_ms;
}

// As rows of the history are forgotten, in their order: what looks old behind a life that is needed
// for sure had a clock that was wrong, and a time that is still to come says nothing.
int64_t Lives::FirstNeeded(int64_t needed_ms, int64_t now_ms) const {
  int64_t first = 0;
  for (const auto& [number, life] : lives_) {
    if (life.alive_ms < needed_ms) {
      first = number + 1;
    } else if (life.alive_ms <= now_ms) {
      break;
    }
  }
  return first;
}

}  // namespace session_status::store
