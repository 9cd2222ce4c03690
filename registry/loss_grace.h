// Grace for lost connections in the snapshot view: a client whose connection broke less than
// `grace` before the cut is answered as online, so that a client that comes back at once never
// shows offline. Live answers are not touched.
//
// An overlay: the registry knows nothing of it, and a cut stays one cut. An answer is a function of
// the cut and of the log of losses:
//
//   online in the cut, or lost in the cut and the client's last loss up to the cut's sequence is
//   younger than `grace` at the cut's time
//
// Lost: the last connection broke, whether or not the session that was kept of it has expired
// since.
//
// By a clock that is never set: on the wall's, which is, a loss could stay young for hours.
//
// Why the log is complete for every cut that a reader can hold: the writer logs a loss, with the
// sequence number it is about to get, before it applies it (BeginLoss, Apply, EndLoss). A reader
// that holds a cut with that number synchronised with the writer after the Apply (registry.md, D),
// so it sees the log entry. If the event was refused as stale, EndLoss took the entry back before
// the number went to another event, and whoever holds a cut with that event sees it taken back. So
// a reader believes every entry it finds whose number is not above its cut's.
//
// The log is a ring of kLossesMax entries, chained by hash; an entry's position never repeats. A
// reader that was suspended until an entry it may have needed was overwritten starts over with a
// newer cut. When the ring is too short for `grace` even so, the oldest losses lose the rest of
// their grace (counted): such a client shows offline early, never online late.
//
// Threads:   BeginLoss, EndLoss: writer, wait-free. QuerySnapshot: any, lock-free.
// Ownership: the registry outlives this object.
#ifndef SESSION_STATUS_REGISTRY_LOSS_GRACE_H_
#define SESSION_STATUS_REGISTRY_LOSS_GRACE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "registry/counter.h"
#include "registry/session_event.h"
#include "registry/session_registry.h"

namespace session_status::registry {

// The reasons that mean "the connection broke". Mosquitto 2.0 tells no reason: any end there.
bool IsLoss(EndReason reason);

class LossGrace {
 public:
  // At half a minute of grace: 4,000 losses a second. 5 MiB with its index.
  static constexpr size_t kLossesMax = size_t{1} << 17;

  // `losses_max`: a power of two.
  LossGrace(const SessionRegistry& registry, absl::Duration grace, size_t losses_max = kLossesMax);

  // Around Apply() of an event. `steady_ms`: now, by the clock of PublishSnapshot().
  void BeginLoss(const SessionEvent& event, int64_t steady_ms);
  void EndLoss(ApplyResult::Outcome outcome);

  // As SessionRegistry::QuerySnapshot, with grace: lost becomes kOnline and keeps its reason, by
  // which it can be told from a connection that is up.
  SnapshotInfo QuerySnapshot(absl::Span<const absl::string_view> client_ids,
                             absl::Span<SessionStatus> out) const;

  absl::Duration grace() const { return absl::Milliseconds(grace_ms_); }
  // Losses whose grace was cut short.
  uint64_t cut_short() const { return cut_short_.value(); }

 private:
  struct Entry {
    std::atomic<uint64_t> hash{0};
    std::atomic<uint64_t> sequence{0};
    std::atomic<int64_t> steady_ms{0};
    std::atomic<uint64_t> previous{0};  // position of an older entry of this chain, 0: none
  };
  Entry& entry(uint64_t position) const { return entries_[position & mask_]; }
  std::atomic<uint64_t>& head(uint64_t hash) const { return heads_[hash & mask_]; }
  enum class Grace : uint8_t { kNone, kHas, kForgotten };
  Grace Find(uint64_t hash, const SnapshotInfo& cut) const;
  // False: something was forgotten that a newer cut may not need.
  bool Extend(const SnapshotInfo& cut, absl::Span<const absl::string_view> client_ids,
              absl::Span<SessionStatus> statuses) const;

  const SessionRegistry& registry_;
  const int64_t grace_ms_;
  const uint64_t mask_;
  const std::unique_ptr<Entry[]> entries_;
  const std::unique_ptr<std::atomic<uint64_t>[]> heads_;  // positions
  // Positions below this one are, or are about to be, overwritten; time of the newest of them.
  std::atomic<uint64_t> tail_{1};
  std::atomic<int64_t> forgotten_ms_{0};

  // The writer's.
  uint64_t next_ = 1;
  bool begun_ = false;
  uint64_t begun_hash_ = 0;
  Counter cut_short_;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_LOSS_GRACE_H_
