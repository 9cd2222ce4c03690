// One follower's way through the feed: present states of its watch set, then changes, and gaps
// where it was too slow. Knows nothing of connections or encodings.
//
//   begin ──(watch set)──▶ states ──▶ started ──▶ changes ⟲
//     │ │                    ▲           ▲           │ overrun
//     │ └─(position is gone)─┴── gap ◀───┼───────────┘
//     └───(position is there)────────────┘
//
// Consistency: after `started` with sequence s every wanted change with a higher sequence is
//              delivered once, in order, or a gap says which were not. A state in the watch set is
//              never followed by a change that it contains already. Whoever goes on from a position
//              gets no states, unless after a gap: the changes say all that is newer.
// Threads:     one at a time.
// Ownership:   the feed outlives the subscription. Memory: the watch set and one entry.
#ifndef SESSION_STATUS_PLUGIN_FEED_SUBSCRIPTION_H_
#define SESSION_STATUS_PLUGIN_FEED_SUBSCRIPTION_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "absl/hash/hash.h"
#include "plugin/feed/change_feed.h"
#include "plugin/feed/change_filter.h"

namespace session_status::feed {

class Subscription {
 public:
  // What a follower gets. `sequence`: as in pb::FeedPosition.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void OnStarted(uint64_t sequence) = 0;
    virtual void OnState(const Change& state) = 0;
    virtual void OnChange(const Change& change) = 0;
    virtual void OnGap(uint64_t missed_after, uint64_t restart_sequence) = 0;
    virtual bool Full() const = 0;  // true: enough for this call
  };

  Subscription(ChangeFeed& feed, WatchOptions options);

  // Delivers until the sink is full (true: there is more) or nothing is left (false). Looks at no
  // more than kEntriesPerCall entries, so that a filter that wants nothing does not hold a thread.
  bool Deliver(Sink* sink);

  // Where in the ring it stands, for ChangeRing::HasMore().
  uint64_t position() const { return cursor_.position(); }
  // Up to and including this change everything was delivered or is not wanted.
  uint64_t sequence() const { return sequence_; }
  uint64_t missed() const { return missed_; }  // changes lost in gaps, before filtering

 private:
  enum class Phase : uint8_t { kBegin, kGap, kStates, kChanges };
  static constexpr int kEntriesPerCall = 4096;

  void Begin();
  void Restart();  // at the newest change
  void DeliverStates(Sink* sink);
  void DeliverChange(const Change& change, Sink* sink);

  ChangeFeed& feed_;
  const WatchOptions options_;
  Phase phase_ = Phase::kBegin;
  ChangeRing::Cursor cursor_;
  uint64_t sequence_ = 0;
  uint64_t missed_after_ = 0;
  bool lost_changes_ = false;  // in the gap that is to be told: changes of this life of the broker
  uint64_t missed_ = 0;
  size_t next_state_ = 0;
  // No state that was sent contains a later change.
  uint64_t states_contain_until_ = 0;
  // Watch set: the order (OrderOf) of the state that was sent last; 0: none was.
  std::unordered_map<absl::string_view, uint64_t, absl::Hash<absl::string_view>> sent_order_;
};

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_SUBSCRIPTION_H_
