#include "plugin/feed/change_stream.h"

#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace session_status::feed {

absl::StatusOr<std::unique_ptr<ChangeStream>> ChangeStream::Make(
    ChangeFeed& feed, WatchOptions options, std::unique_ptr<EventEncoder> encoder,
    absl::Duration time_limit) {
  FeedCounters& counters = feed.counters();
  counters.followers.Add();
  absl::Cleanup leave = [&counters] { counters.followers.Subtract(); };
  if (counters.followers.value() > feed.options().followers_max) {
    counters.refused.Add();
    return absl::ResourceExhaustedError(absl::StrCat("the feed has ", feed.options().followers_max,
                                                     " followers; it takes no more"));
  }
  // Its watch set may find no memory.
  std::unique_ptr<ChangeStream> stream(
      new ChangeStream(feed, std::move(options), std::move(encoder), time_limit));
  std::move(leave).Cancel();
  return stream;
}

ChangeStream::ChangeStream(ChangeFeed& feed, WatchOptions options,
                           std::unique_ptr<EventEncoder> encoder, absl::Duration time_limit)
    : feed_(feed),
      encoder_(std::move(encoder)),
      time_limit_(time_limit),
      subscription_(feed, std::move(options)),
      delivered_(feed.ring().newest_sequence()) {}

ChangeStream::~ChangeStream() {
  if (wake_ != nullptr) feed_.poller().Remove(this);
  feed_.counters().followers.Subtract();
}

void ChangeStream::Start(std::function<void()> wake) {
  wake_ = std::move(wake);
  feed_.poller().Add(this);
}

http::BodyStream::Progress ChangeStream::Next(size_t bytes_max, std::string* out) {
  waiting_.store(false, std::memory_order_relaxed);
  out_ = out;
  const size_t before = out->size();
  full_at_ = before + bytes_max;
  const bool more = subscription_.Deliver(this);
  if (out->size() == before && heartbeat_due_.exchange(false, std::memory_order_relaxed)) {
    encoder_->Heartbeat(subscription_.sequence(), out);
  }
  out_ = nullptr;
  if (out->size() != before) sent_.store(true, std::memory_order_relaxed);
  if (const uint64_t sequence = subscription_.sequence(); sequence != 0) {
    delivered_.store(sequence, std::memory_order_relaxed);
  }
  if (expired_.load(std::memory_order_relaxed)) {
    encoder_->End(absl::DeadlineExceededError("the call's time is over"), out);
    return Progress::kDone;
  }
  if (more) return Progress::kMore;
  waiting_at_.store(subscription_.position(), std::memory_order_relaxed);
  waiting_.store(true, std::memory_order_release);  // (1)
  return Progress::kWaiting;
}

void ChangeStream::Poll(absl::Duration now) {
  if (!polled_) quiet_since_ = started_at_ = now;
  polled_ = true;
  const uint64_t newest = feed_.ring().newest_sequence();
  const uint64_t delivered = delivered_.load(std::memory_order_relaxed);
  feed_.lag().Note(now, newest > delivered ? newest - delivered : 0);
  if (sent_.exchange(false, std::memory_order_relaxed)) quiet_since_ = now;
  if (!waiting_.load(std::memory_order_acquire)) return;  // (2)
  bool wake = feed_.ring().HasMore(waiting_at_.load(std::memory_order_relaxed));
  const bool heartbeat = now - quiet_since_ >= feed_.options().heartbeat;
  if (heartbeat) {
    heartbeat_due_.store(true, std::memory_order_relaxed);
    wake = true;
  }
  if (now - started_at_ >= time_limit_) {
    expired_.store(true, std::memory_order_relaxed);
    wake = true;
  }
  if (wake && waiting_.exchange(false, std::memory_order_relaxed)) {
    try {
      wake_();
    } catch (...) {
      waiting_.store(true, std::memory_order_relaxed);  // everything stays due for the next round
      throw;
    }
  }
  if (heartbeat) quiet_since_ = now;
}

}  // namespace session_status::feed
