// How many entries of each stream are asked for in a round.
//
// How many events an entry has depends on how busy the fleet is, 500 at most, and a round that
// reads more than so many takes so long that our own changes, and our lease, wait for it.
//
// Threads: one (the fleet's).
#ifndef SESSION_STATUS_PLUGIN_FLEET_READ_PACE_H_
#define SESSION_STATUS_PLUGIN_FLEET_READ_PACE_H_

#include <algorithm>
#include <cstddef>

namespace session_status::fleet {

class ReadPace {
 public:
  static constexpr size_t kEntriesPerReadMin = 4;
  static constexpr size_t kEntriesPerReadMax = 512;
  static constexpr size_t kEventsPerRound = 16'384;  // some 20 ms

  // A round begins: as the last one went.
  void OnRound() {
    if (events_read_ > kEventsPerRound) {
      entries_per_read_ = std::max(entries_per_read_ / 2, kEntriesPerReadMin);
    } else if (streams_left_ > 0) {
      entries_per_read_ = std::min(entries_per_read_ * 2, kEntriesPerReadMax);
    }
    events_read_ = 0;
    streams_left_ = 0;
  }
  size_t entries_per_read() const { return entries_per_read_; }
  void OnEvents(size_t count) { events_read_ += count; }
  // A stream had as many entries as were asked for.
  void OnMoreLeft() { ++streams_left_; }

 private:
  size_t entries_per_read_ = 32;
  size_t events_read_ = 0;
  size_t streams_left_ = 0;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_READ_PACE_H_
