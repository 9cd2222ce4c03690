#include "plugin/feed/subscription.h"

#include <utility>

namespace session_status::feed {

Subscription::Subscription(ChangeFeed& feed, WatchOptions options)
    : feed_(feed), options_(std::move(options)) {
  sent_order_.reserve(options_.client_ids.size());
  for (const std::string& id : options_.client_ids) sent_order_.emplace(id, 0);
}

void Subscription::Restart() {
  // In this order: what is appended between the two is read once more and then skipped by number.
  feed_.ring().SeekNewest(&cursor_);
  sequence_ = feed_.ring().newest_sequence();
  next_state_ = 0;
}

void Subscription::Begin() {
  Restart();
  phase_ = Phase::kStates;
  if (!options_.has_after) return;
  const bool same_epoch = options_.epoch == 0 || options_.epoch == feed_.epoch();
  const uint64_t after = options_.after_sequence;
  if (same_epoch && after <= sequence_ &&
      feed_.ring().SeekAfter(after, &cursor_) != ChangeRing::Read::kOverrun) {
    sequence_ = after;
    // Whoever goes on has the states. Newer ones now would hide the changes that led to them.
    next_state_ = options_.client_ids.size();
    return;
  }
  missed_after_ = after;
  // Another life's number, or one from the future, says nothing about what was missed of this one.
  lost_changes_ = same_epoch && after < sequence_;
  phase_ = Phase::kGap;
}

void Subscription::DeliverStates(Sink* sink) {
  for (; next_state_ < options_.client_ids.size(); ++next_state_) {
    if (sink->Full()) return;
    const std::string& id = options_.client_ids[next_state_];
    registry::SessionDetails details;
    feed_.registry().FindDetails(id, &details);  // unknown: the defaults say so
    sent_order_[id] = OrderOf(details.incarnation, details.status.state);
    // The writer applies a change before it appends it: one more than the newest may be in the
    // state.
    states_contain_until_ = feed_.ring().newest_sequence() + 1;
    sink->OnState(MakeState(id, details, sequence_));
    feed_.counters().sent.Add();
  }
  sink->OnStarted(sequence_);
  phase_ = Phase::kChanges;
}

void Subscription::DeliverChange(const Change& change, Sink* sink) {
  if (!sent_order_.empty()) {
    const auto watched = sent_order_.find(change.client_id);
    if (watched == sent_order_.end()) return;
    // Behind that, order says nothing: an audit may find a session kept that was told as ended.
    if (change.sequence <= states_contain_until_ &&
        OrderOf(change.incarnation, change.after) <= watched->second) {
      return;  // the state that was sent contains it
    }
  }
  if (!options_.Wants(change)) return;
  sink->OnChange(change);
  feed_.counters().sent.Add();
}

bool Subscription::Deliver(Sink* sink) {
  if (phase_ == Phase::kBegin) Begin();
  for (int i = 0; i < kEntriesPerCall; ++i) {
    if (sink->Full()) return true;
    if (phase_ == Phase::kGap) {
      sink->OnGap(missed_after_, sequence_);
      if (lost_changes_) {
        feed_.counters().gaps.Add();
        missed_ += sequence_ - missed_after_;
      }
      phase_ = Phase::kStates;
    } else if (phase_ == Phase::kStates) {
      DeliverStates(sink);
    } else {
      Change change;
      const ChangeRing::Read read = feed_.ring().Next(&cursor_, &change);
      if (read == ChangeRing::Read::kUpToDate) return false;
      if (read == ChangeRing::Read::kChange && change.sequence <= sequence_) continue;
      if (read == ChangeRing::Read::kOverrun || change.sequence != sequence_ + 1) {
        missed_after_ = sequence_;
        Restart();
        lost_changes_ = true;
        phase_ = Phase::kGap;
        continue;
      }
      sequence_ = change.sequence;
      DeliverChange(change, sink);
    }
  }
  return true;
}

}  // namespace session_status::feed
