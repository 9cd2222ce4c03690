// Until when everything that the others wrote is known here, also when data turns out to be lost.
//
// Threads: one (the fleet's).
#ifndef SESSION_STATUS_PLUGIN_FLEET_FRESHNESS_H_
#define SESSION_STATUS_PLUGIN_FLEET_FRESHNESS_H_

#include <algorithm>
#include <utility>

#include "absl/time/time.h"
#include "plugin/fleet/board.h"

namespace session_status::fleet {

class Freshness {
 public:
  // `board`, where it is told, outlives this object.
  explicit Freshness(Board& board) : board_(board) {}

  // Everything up to then has been read.
  void OnAllRead(absl::Duration now) { board_.SetAsOf(now); }
  // Nothing is known any more.
  void OnNothingKnown() { board_.SetAsOf(-absl::InfiniteDuration()); }
  // A round of looks begins: is it the data that we know? Not this moment is noted: what was lost
  // between a look and the reads behind it was never read.
  void OnLooks() { same_data_until_ = std::exchange(as_of_at_look_, board_.GetAsOf()); }
  // Since the look before, the others may have written what nobody will read: a look found other
  // data, in which it was lost; or an engine refuses writes, and so refused theirs.
  void OnWritesLost() { board_.SetAsOf(std::min(board_.GetAsOf(), same_data_until_)); }

 private:
  Board& board_;
  // What was known when the last round of looks began, and the one before it.
  absl::Duration as_of_at_look_ = -absl::InfiniteDuration();
  absl::Duration same_data_until_ = -absl::InfiniteDuration();
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_FRESHNESS_H_
