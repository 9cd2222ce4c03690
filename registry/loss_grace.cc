#include "registry/loss_grace.h"

namespace session_status::registry {
namespace {

// With a log that is too short, more attempts would not help.
constexpr int kAttemptsMax = 4;

}  // namespace

bool IsLoss(EndReason reason) {
  return reason == EndReason::kNetworkError || reason == EndReason::kKeepaliveTimeout ||
         reason == EndReason::kUnknown;
}

LossGrace::LossGrace(const SessionRegistry& registry, absl::Duration grace, size_t losses_max)
    : registry_(registry),
      grace_ms_(absl::ToInt64Milliseconds(grace)),
      mask_(losses_max - 1),
      entries_(std::make_unique<Entry[]>(losses_max)),
      heads_(std::make_unique<std::atomic<uint64_t>[]>(losses_max)) {}

void LossGrace::BeginLoss(const SessionEvent& event, int64_t steady_ms) {
  // What the audit found happened long ago.
  begun_ = event.kind == SessionEvent::Kind::kEnded && IsLoss(event.reason) && !event.repaired;
  if (!begun_) return;
  begun_hash_ = registry_.PositionOf(event.client_id);
  Entry& e = entry(next_);
  if (next_ > mask_ + 1) {
    const int64_t forgotten_ms = e.steady_ms.load(std::memory_order_relaxed);
    if (forgotten_ms + grace_ms_ > steady_ms) cut_short_.Add();
    forgotten_ms_.store(forgotten_ms, std::memory_order_relaxed);
    // (l1) release; pairs with (l6): who finds an entry gone sees how young it can have been. The
    // words below, stored later with release, do not pass it.
    tail_.store(next_ - mask_, std::memory_order_release);
  }
  std::atomic<uint64_t>& chain = head(begun_hash_);
  // (l2) release; pairs with (l3): who reads a word of this entry also sees the tail (l1) that gave
  // up the one before.
  e.hash.store(begun_hash_, std::memory_order_release);
  e.sequence.store(registry_.sequence() + 1, std::memory_order_release);
  e.steady_ms.store(steady_ms, std::memory_order_release);                             // (l2)
  e.previous.store(chain.load(std::memory_order_relaxed), std::memory_order_release);  // (l2)
  // (l4) release; pairs with (l5): the entry is filled.
  chain.store(next_, std::memory_order_release);
}

void LossGrace::EndLoss(ApplyResult::Outcome outcome) {
  if (!begun_) return;
  begun_ = false;
  const Entry& e = entry(next_);
  // A position is used once, even for an event that was refused: a reader may still stand on it.
  ++next_;
  if (outcome == ApplyResult::Outcome::kApplied) return;
  head(begun_hash_)
      .store(e.previous.load(std::memory_order_relaxed),
             std::memory_order_release);  // (l4)
}

LossGrace::Grace LossGrace::Find(uint64_t hash, const SnapshotInfo& cut) const {
  uint64_t position = head(hash).load(std::memory_order_acquire);  // (l5)
  while (position != 0) {
    const Entry& e = entry(position);
    const uint64_t found_hash = e.hash.load(std::memory_order_acquire);    // (l3)
    const uint64_t sequence = e.sequence.load(std::memory_order_acquire);  // (l3)
    const int64_t lost_ms = e.steady_ms.load(std::memory_order_acquire);   // (l3)
    const uint64_t previous = e.previous.load(std::memory_order_acquire);  // (l3)
    // (l6) acquire; after (l3). This entry and all older ones of the chain are gone.
    if (position < tail_.load(std::memory_order_acquire)) {
      const bool too_old =
          forgotten_ms_.load(std::memory_order_relaxed) + grace_ms_ <= cut.steady_ms;
      return too_old ? Grace::kNone : Grace::kForgotten;
    }
    // Times do not rise towards older entries.
    if (sequence <= cut.sequence) {
      if (lost_ms + grace_ms_ <= cut.steady_ms) return Grace::kNone;
      if (found_hash == hash) return Grace::kHas;
    }
    position = previous;
  }
  return Grace::kNone;
}

bool LossGrace::Extend(const SnapshotInfo& cut, absl::Span<const absl::string_view> client_ids,
                       absl::Span<SessionStatus> statuses) const {
  bool complete = true;
  for (size_t i = 0; i < statuses.size(); ++i) {
    SessionStatus& status = statuses[i];
    const bool ended =
        status.state == SessionState::kOffline || status.state == SessionState::kOfflineSessionKept;
    // A session that expired since was kept, and its connection's loss is still the client's last.
    if (!ended || !(IsLoss(status.reason) || status.expired_after_loss)) continue;
    const Grace found = Find(registry_.PositionOf(client_ids[i]), cut);
    if (found == Grace::kHas) status.state = SessionState::kOnline;
    if (found == Grace::kForgotten) complete = false;
  }
  return complete;
}

SnapshotInfo LossGrace::QuerySnapshot(absl::Span<const absl::string_view> client_ids,
                                      absl::Span<SessionStatus> out) const {
  for (int attempt = 1;; ++attempt) {
    const SnapshotInfo cut = registry_.QuerySnapshot(client_ids, out);
    if (Extend(cut, client_ids, out) || attempt == kAttemptsMax) return cut;
  }
}

}  // namespace session_status::registry
