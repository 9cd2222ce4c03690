#include "plugin/store/history_gap.h"

#include <algorithm>

#include "absl/time/time.h"
#include "plugin/store/lives.h"

namespace session_status::store {

void HistoryGap::Add(int64_t from_ms, int64_t until_ms) {
  from_ms = std::min(from_ms, until_ms);
  from_ms_ = empty() ? from_ms : std::min(from_ms_, from_ms);
  until_ms_ = std::max(until_ms_, until_ms);
}

// It ended before the start. One that says a later time was noted by a clock that was ahead, and
// would cover all that is to come; by a little, the clock of this start may be the one that is
// wrong.
void HistoryGap::AddEarlier(int64_t from_ms, int64_t until_ms, int64_t started_ms) {
  const bool clock_is_set = started_ms >= absl::ToUnixMillis(kClockIsSetFrom);
  if (clock_is_set && until_ms - started_ms > kAheadLastsMs) until_ms = started_ms;
  Add(from_ms, until_ms);
}

// Within a life times of events do not step back, so what ends earlier than the gap does is in it.
void HistoryGap::Extend(int64_t until_ms, int64_t complete_ms, int64_t forgotten_ms) {
  if (until_ms <= until_ms_) return;
  if (empty() || until_ms_ < forgotten_ms) from_ms_ = complete_ms;
  until_ms_ = until_ms;
}

}  // namespace session_status::store
