// A ring of bounded size between one producer and one consumer. Wait-free on both sides.
//
// Threads:  TryPush: one. Drain: one other. size: any, for display.
// Ordering: what was written before TryPush is seen by the Drain that takes the element.
#ifndef SESSION_STATUS_PLUGIN_FLEET_SPSC_RING_H_
#define SESSION_STATUS_PLUGIN_FLEET_SPSC_RING_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

namespace session_status::fleet {

template <typename T>
class SpscRing {
 public:
  explicit SpscRing(size_t capacity) : slots_(capacity) {}

  // Calls fill(slot) on an emptied slot. False: the ring is full.
  template <typename Fill>
  bool TryPush(Fill&& fill) {
    // relaxed: only this thread stores it.
    const size_t tail = tail_.load(std::memory_order_relaxed);
    // (1) acquire; pairs with (2): the consumer is done with the slot before we fill it again.
    if (tail - head_.load(std::memory_order_acquire) == slots_.size()) return false;
    fill(slots_[tail % slots_.size()]);
    // (3) release; pairs with (4): the slot is filled.
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }

  // Hands at most `limit` elements to `take`; returns how many.
  template <typename Take>
  size_t Drain(size_t limit, Take&& take) {
    // relaxed: only this thread stores it.
    size_t head = head_.load(std::memory_order_relaxed);
    // (4) acquire; pairs with (3).
    const size_t count = std::min(limit, tail_.load(std::memory_order_acquire) - head);
    for (size_t i = 0; i < count; ++i) {
      T element = std::move(slots_[head % slots_.size()]);
      // (2) release; pairs with (1): we are done with the slot.
      head_.store(++head, std::memory_order_release);
      take(std::move(element));
    }
    return count;
  }

  size_t size() const {
    // relaxed: for display.
    return tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_relaxed);
  }

 private:
  std::vector<T> slots_;
  alignas(64) std::atomic<size_t> tail_{0};
  alignas(64) std::atomic<size_t> head_{0};
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_SPSC_RING_H_
