// From the broker's thread to the fleet's: our own connections as they begin and end.
//
// Threads: Push: broker; wait-free, at most one allocation. Drain, TakeLost: the fleet's thread.
// Errors:  what does not fit is dropped and said once, by TakeLost(): the consumer then compares
//          its own view with the registry.
#ifndef SESSION_STATUS_PLUGIN_FLEET_CHANGE_QUEUE_H_
#define SESSION_STATUS_PLUGIN_FLEET_CHANGE_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/fleet/spsc_ring.h"
#include "registry/session_event.h"

namespace session_status::fleet {

struct LocalChange {
  std::string client_id;
  uint64_t incarnation = 0;
  absl::Duration at;  // on this host's monotonic clock
  bool online = false;
  registry::EndReason reason = registry::EndReason::kNone;
};

// A broker makes at most some 35,000 changes a second; the consumer may be held up by the engine's
// time-out, half a second.
inline constexpr size_t kQueuedChangesMax = 1 << 16;
// Identifiers have up to 65,535 bytes: the queue is bounded in bytes too.
inline constexpr size_t kQueuedBytesMax = 64 << 20;

class ChangeQueue {
 public:
  ChangeQueue() : ring_(kQueuedChangesMax) {}

  void Push(absl::string_view client_id, uint64_t incarnation, absl::Duration at, bool online,
            registry::EndReason reason) {
    // relaxed: a bound, not an order.
    const bool fits = bytes_.load(std::memory_order_relaxed) + client_id.size() <= kQueuedBytesMax;
    const bool pushed = fits && TryPush(client_id, incarnation, at, online, reason);
    // (1) release; pairs with (2): the registry already holds what is dropped here.
    if (!pushed) lost_.store(true, std::memory_order_release);
  }

  template <typename Take>
  size_t Drain(size_t limit, Take&& take) {
    return ring_.Drain(limit, [&](LocalChange&& change) {
      bytes_.fetch_sub(change.client_id.size(), std::memory_order_relaxed);
      take(std::move(change));
    });
  }

  // As if a change had been dropped. The fleet's thread.
  void Lose() { lost_.store(true, std::memory_order_release); }  // (1)

  // True once after changes were dropped.
  bool TakeLost() {
    // (2) acquire; pairs with (1).
    return lost_.exchange(false, std::memory_order_acquire);
  }

  size_t size() const { return ring_.size(); }

 private:
  bool TryPush(absl::string_view client_id, uint64_t incarnation, absl::Duration at, bool online,
               registry::EndReason reason) {
    try {
      return ring_.TryPush([&](LocalChange& slot) {
        slot.client_id.assign(client_id.data(), client_id.size());
        slot.incarnation = incarnation;
        slot.at = at;
        slot.online = online;
        slot.reason = reason;
        bytes_.fetch_add(client_id.size(), std::memory_order_relaxed);
      });
    } catch (const std::bad_alloc&) {  // lost like one that does not fit
      return false;
    }
  }

  SpscRing<LocalChange> ring_;
  std::atomic<size_t> bytes_{0};
  std::atomic<bool> lost_{false};
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_CHANGE_QUEUE_H_
