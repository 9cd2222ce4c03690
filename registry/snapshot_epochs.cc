#include "registry/snapshot_epochs.h"

#include <limits>
#include <thread>

namespace session_status::registry {

namespace {

// Nanoseconds reach from 1678 to 2262; what lies outside is as good as infinite.
int64_t ToNanos(absl::Time t) {
  return t == absl::InfinitePast() ? std::numeric_limits<int64_t>::min() : absl::ToUnixNanos(t);
}

absl::Time FromNanos(int64_t ns) {
  return ns == std::numeric_limits<int64_t>::min() ? absl::InfinitePast() : absl::FromUnixNanos(ns);
}

}  // namespace

void SnapshotEpochs::BeginFirstEventOf(uint64_t epoch) {
  // The cut epoch - 1 holds what was counted so far. Publish() computes the same number when no
  // event of the new epoch has begun; both may store it, the value is the same.
  // (s10) release; pairs with (s11).
  cut(epoch - 1).sequence.store(sequence_.load(std::memory_order_relaxed),
                                std::memory_order_release);
  // (s12) release; pairs with (s13): who sees the new epoch sees (s10), and knows that a sequence
  // number it read before may count events of the new epoch.
  last_epoch_.store(epoch, std::memory_order_release);
}

uint64_t SnapshotEpochs::Publish(absl::Time now, int64_t steady_ms) {
  const uint64_t epoch = write_epoch_.load(std::memory_order_relaxed);  // only we store it
  // (s14) release; pairs with (s15). The entry is that of the cut `epoch - kCutsKept` until here.
  cut(epoch).taken_at_ns.store(ToNanos(now), std::memory_order_release);
  cut(epoch).steady_ms.store(steady_ms, std::memory_order_release);
  write_epoch_.store(epoch + 1, std::memory_order_seq_cst);             // (s3)
  const uint64_t running = in_flight_.load(std::memory_order_seq_cst);  // (s4)
  for (int spins = 0; running % 2 == 1 && in_flight_.load(std::memory_order_acquire) == running;) {
    if (++spins > 100) std::this_thread::yield();
  }
  // Every event stamped <= epoch has ended. If none of epoch + 1 has begun by (s13), the sequence
  // read before it counts exactly the cut; otherwise (s10) has stored that number.
  const uint64_t counted = sequence_.load(std::memory_order_acquire);  // (s6)
  if (last_epoch_.load(std::memory_order_acquire) <= epoch) {          // (s13)
    cut(epoch).sequence.store(counted, std::memory_order_release);     // (s10)
  }
  Adopt(epoch);
  return epoch;
}

void SnapshotEpochs::Adopt(uint64_t epoch) {
  uint64_t seen = published_.load(std::memory_order_relaxed);
  // (s9) release; pairs with (s8). Fails only when somebody published meanwhile.
  while (seen < epoch &&
         !published_.compare_exchange_weak(seen, epoch, std::memory_order_acq_rel)) {
  }
}

bool SnapshotEpochs::Info(uint64_t epoch, SnapshotInfo* info) const {
  if (epoch == 0) {
    *info = SnapshotInfo();
    return true;
  }
  const Cut& c = cuts_[epoch % kCutsKept];
  info->taken_at = FromNanos(c.taken_at_ns.load(std::memory_order_acquire));  // (s15)
  info->steady_ms = c.steady_ms.load(std::memory_order_acquire);              // (s15)
  info->sequence = c.sequence.load(std::memory_order_acquire);                // (s11)
  // The entry is overwritten from when W == epoch + kCutsKept on, by (s14): who read such a value
  // by
  // (s15) sees the (s3) before it.
  return write_epoch_.load(std::memory_order_acquire) < epoch + kCutsKept;
}

}  // namespace session_status::registry
