// The clock of cuts: which epoch changes are stamped with, and which epoch readers may read at.
//
// Epochs are numbered 0, 1, 2, … and partition the writer's events: every event carries the epoch
// that was current when it began. "The cut E" is the effect of all events of epochs <= E.
//
//   write_epoch_  W: what the next event will be stamped with. Advanced by Publish().
//   published_    P: the newest cut that readers start from. P <= W - 1.
//
// A cut E < W is *complete* when no event stamped <= E is still running. Because there is one
// writer, at most one event can be: the one that had begun when W advanced. Publish() waits for
// it (the writer never waits), then publishes. A reader that meets a record stamped E + 2 or later
// has been overtaken; it need not wait either, because an event stamped W has begun, so all events
// of the epochs before W have ended: the cut W - 1 is complete and the reader takes that one.
//
// Threads:   BeginEvent, EndEvent: writer, wait-free. Publish: refresher, waits for the event in
//            flight. All const methods and Adopt(): any, lock-free.
// The protocol is checked exhaustively in docs/models/snapshot_epochs.pml.
#ifndef SESSION_STATUS_REGISTRY_SNAPSHOT_EPOCHS_H_
#define SESSION_STATUS_REGISTRY_SNAPSHOT_EPOCHS_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "registry/session_registry.h"

namespace session_status::registry {

class SnapshotEpochs {
 public:
  // -- writer
  // The epoch to stamp this event with.
  uint64_t BeginEvent() {
    ++begun_and_ended_;
    // (s1) seq_cst store, then (s2) seq_cst load; against (s3) store, then (s4) load in Publish().
    // Dekker: either we see the new epoch, or Publish() sees that we are in flight.
    in_flight_.store(begun_and_ended_, std::memory_order_seq_cst);
    const uint64_t epoch = write_epoch_.load(std::memory_order_seq_cst);
    if (epoch != last_epoch_.load(std::memory_order_relaxed)) BeginFirstEventOf(epoch);
    return epoch;
  }

  // `counts`: the event takes the next sequence number.
  void EndEvent(bool counts) {
    if (counts) {
      // (s5) release; pairs with (s6): who reads this number sees what the event wrote.
      sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    // (s7) release; pairs with (s4): who sees the event ended sees what it wrote.
    in_flight_.store(++begun_and_ended_, std::memory_order_release);
  }

  // -- refresher
  // Ends the current epoch: everything whose EndEvent() came before this call is in the cut.
  // Returns the cut's epoch.
  uint64_t Publish(absl::Time now, int64_t steady_ms);

  // -- any
  uint64_t published() const {
    // (s8) acquire; pairs with (s9): who starts from cut E sees all events of the cut.
    return published_.load(std::memory_order_acquire);
  }
  // What Publish() would end now. The value may be old at once. Acquire; pairs with (s3).
  uint64_t write_epoch() const { return write_epoch_.load(std::memory_order_acquire); }

  // A reader found the cut `epoch` complete before its publication: nobody starts from an older one
  // afterwards, so that no thread sees time run backwards.
  void Adopt(uint64_t epoch);

  // False if the cut is so old that its entry was reused.
  bool Info(uint64_t epoch, SnapshotInfo* info) const;

  uint64_t sequence() const { return sequence_.load(std::memory_order_acquire); }  // (s6)

 private:
  // Cuts whose identity is remembered. A batch that takes longer than this many refreshes starts
  // over: at the shortest interval of 10 ms that is 1.2 s.
  static constexpr uint64_t kCutsKept = 128;
  struct Cut {
    std::atomic<int64_t> taken_at_ns{0};
    std::atomic<int64_t> steady_ms{0};
    std::atomic<uint64_t> sequence{0};
  };

  void BeginFirstEventOf(uint64_t epoch);
  Cut& cut(uint64_t epoch) { return cuts_[epoch % kCutsKept]; }

  // Written by the writer, per event.
  alignas(64) std::atomic<uint64_t> in_flight_{0};  // odd while an event runs
  uint64_t begun_and_ended_ = 0;                    // the writer's own copy
  std::atomic<uint64_t> sequence_{0};
  std::atomic<uint64_t> last_epoch_{0};  // of the last event that began

  // Written by the refresher, read by everybody.
  alignas(64) std::atomic<uint64_t> write_epoch_{1};
  std::atomic<uint64_t> published_{0};
  std::array<Cut, kCutsKept> cuts_;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_SNAPSHOT_EPOCHS_H_
