// Numbers connections across the fleet: an epoch is the engine's clock, in microseconds, at the
// moment of the connect. Host clocks and their jumps do not matter; the error is half a round trip.
//
// Should the engine's clock go back (a fail-over to a host that is behind), epochs do not: they go
// on from the highest one seen in the fleet, and from where this clock was.
//
// Threads: one.
#ifndef SESSION_STATUS_PLUGIN_FLEET_EPOCH_CLOCK_H_
#define SESSION_STATUS_PLUGIN_FLEET_EPOCH_CLOCK_H_

#include <algorithm>

#include "absl/time/time.h"
#include "plugin/fleet/layout.h"

namespace session_status::fleet {

// Smaller differences are round trips and queues, larger ones a clock that was set.
inline constexpr absl::Duration kClockStep = absl::Seconds(1);

class EpochClock {
 public:
  // The engine said `engine_time` between `asked` and `answered` of our monotonic clock. A slower
  // answer than the best so far is believed only if it contradicts what we have, each being
  // right to half its round trip.
  void Sync(absl::Time engine_time, absl::Duration asked, absl::Duration answered) {
    const absl::Duration round_trip = answered - asked;
    const absl::Time highest = absl::FromUnixMicros(static_cast<int64_t>(highest_));
    absl::Duration offset = engine_time - absl::UnixEpoch() - (asked + round_trip / 2);
    if (highest > engine_time + kClockStep) {
      offset += highest - engine_time;
      if (synced_) offset = std::max(offset, engine_minus_monotonic_);
    }
    const absl::Duration contradiction = absl::AbsDuration(offset - engine_minus_monotonic_);
    if (synced_ && round_trip > best_round_trip_ &&
        contradiction <= (round_trip + best_round_trip_) / 2) {
      return;
    }
    engine_minus_monotonic_ = offset;
    best_round_trip_ = round_trip;
    synced_ = true;
  }
  bool synced() const { return synced_; }
  absl::Duration engine_minus_monotonic() const { return engine_minus_monotonic_; }

  // Of a connection made at that moment of our monotonic clock. REQUIRES: synced().
  Epoch At(absl::Duration monotonic) const {
    const int64_t micros = absl::ToInt64Microseconds(engine_minus_monotonic_ + monotonic);
    return static_cast<Epoch>(std::max<int64_t>(micros, 1));
  }
  // The same for a new connection: strictly rising.
  Epoch Next(absl::Duration monotonic) {
    last_ = std::max(last_ + 1, At(monotonic));
    Saw(last_);
    return last_;
  }

  // An epoch that some node gave.
  void Saw(Epoch epoch) { highest_ = std::max(highest_, epoch); }

 private:
  absl::Duration engine_minus_monotonic_;
  absl::Duration best_round_trip_;
  Epoch last_ = 0;
  Epoch highest_ = 0;
  bool synced_ = false;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_EPOCH_CLOCK_H_
