// The broker's lives, as a session database tells of them: when who was online at the end of one
// was gone, which time had been reached, and which of them nobody needs any more. In any of them
// the clock may have been wrong: still to be set, ahead, or set back.
//
// Threads: one at a time; values, no file.
// Errors:  none.
#ifndef SESSION_STATUS_PLUGIN_STORE_LIVES_H_
#define SESSION_STATUS_PLUGIN_STORE_LIVES_H_

#include <cstdint>
#include <iterator>
#include <map>
#include <utility>

#include "absl/time/time.h"
#include "registry/lasting_time.h"

namespace session_status::store {

// Times: milliseconds since 1970; 0: not known.
struct Life {
  int64_t started_ms = 0;
  int64_t alive_ms = 0;  // everything that happened until then is in the database
  int64_t ended_ms = 0;  // 0: not ended in order
};

// 2020: a clock that says less has not been set since the machine started.
inline constexpr absl::Time kClockIsSetFrom = absl::FromUnixSeconds(1'577'836'800);

// A wall clock that was ahead for longer is taken to be right.
inline constexpr int64_t kAheadLastsMs = 2 * registry::LastingTime::kStepLastsMs;

class Lives {
 public:
  using ByNumber = std::map<int64_t, Life>;

  Lives() = default;
  explicit Lives(ByNumber lives) : lives_(std::move(lives)) {}

  bool empty() const { return lives_.empty(); }
  const Life& last() const { return lives_.rbegin()->second; }  // there is one
  void RemoveLast() { lives_.erase(std::prev(lives_.end())); }  // there is one
  int64_t next_number() const { return empty() ? 1 : lives_.rbegin()->first + 1; }
  const Life* Find(int64_t number) const;  // nullptr: it is not known

  // What the wall clock had reached for sure when the life after these began, at `started_ms`.
  int64_t ReachedMs(int64_t started_ms) const;

  // When life `number`, which did not end in order, was over for sure; `now_ms` if none that came
  // after it says. kSelect in session_history.cc asks the same.
  int64_t OverMs(int64_t number, int64_t now_ms) const;

  // Those with lower numbers were over before `needed_ms`.
  int64_t FirstNeeded(int64_t needed_ms, int64_t now_ms) const;

 private:
  ByNumber lives_;
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_LIVES_H_
