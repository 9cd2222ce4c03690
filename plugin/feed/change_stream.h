// A follower's reply body: a Subscription, written by an encoder, pulled by the listener. Whatever
// the reader does, it holds one watch set and at most one message more than the listener asked for.
//
// Threads:   Start, Next, destructor: the connection's listener thread. Poll: the poller's.
// Ownership: the feed outlives the stream.
// Errors:    Poll: what `wake` throws (std::bad_alloc); its next round wakes again.
#ifndef SESSION_STATUS_PLUGIN_FEED_CHANGE_STREAM_H_
#define SESSION_STATUS_PLUGIN_FEED_CHANGE_STREAM_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "plugin/feed/event_encoder.h"
#include "plugin/feed/subscription.h"
#include "plugin/http/http_message.h"
#include "plugin/os/poller.h"

namespace session_status::feed {

class ChangeStream : public http::BodyStream,
                     private os::Poller::Member,
                     private Subscription::Sink {
 public:
  // ResourceExhausted when the feed has as many followers as it may have. `time_limit`: the stream
  // then ends with DeadlineExceeded.
  static absl::StatusOr<std::unique_ptr<ChangeStream>> Make(
      ChangeFeed& feed, WatchOptions options, std::unique_ptr<EventEncoder> encoder,
      absl::Duration time_limit = absl::InfiniteDuration());
  ~ChangeStream() override;

  void Start(std::function<void()> wake) override;
  Progress Next(size_t bytes_max, std::string* out) override;

 private:
  ChangeStream(ChangeFeed& feed, WatchOptions options, std::unique_ptr<EventEncoder> encoder,
               absl::Duration time_limit);

  void Poll(absl::Duration now) override;

  void OnStarted(uint64_t sequence) override { encoder_->Started(sequence, out_); }
  void OnState(const Change& state) override { encoder_->State(state, out_); }
  void OnChange(const Change& change) override { encoder_->Change(change, out_); }
  void OnGap(uint64_t missed_after, uint64_t restart) override {
    encoder_->Gap(missed_after, restart, out_);
  }
  bool Full() const override { return out_->size() >= full_at_; }

  ChangeFeed& feed_;
  const std::unique_ptr<EventEncoder> encoder_;
  const absl::Duration time_limit_;
  Subscription subscription_;
  std::function<void()> wake_;
  std::string* out_ = nullptr;  // during Next()
  size_t full_at_ = 0;

  // Between Next() and Poll(). (1) release, when Next() has nothing more; pairs with (2) acquire in
  // Poll(): who sees that it waits sees where. All else is relaxed: each is a message of its own,
  // what it is about (the ring) orders itself, wake_() orders what Poll() has stored before it, and
  // what the other side misses in one round it finds in the next.
  std::atomic<bool> waiting_{false};     // Next() said kWaiting; Poll() may wake
  std::atomic<uint64_t> waiting_at_{0};  // … at this position of the ring
  std::atomic<bool> sent_{false};        // something was sent since the last Poll()
  std::atomic<uint64_t> delivered_;      // up to this sequence
  std::atomic<bool> heartbeat_due_{false};
  std::atomic<bool> expired_{false};

  // Poll()'s own.
  bool polled_ = false;
  absl::Duration quiet_since_;
  absl::Duration started_at_;
};

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_CHANGE_STREAM_H_
