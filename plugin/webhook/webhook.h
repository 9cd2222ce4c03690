// Posts every change to one receiver, in order, at least once, as batches of CloudEvents.
//
//   ring ──Subscription──▶ batch ──▶ POST ─┬─ 2xx ─────────────────────▶ next batch
//                            ▲             ├─ 400, 413, 415, 422 ─▶ batch rejected, counted, next
//                            └── waits ◀───┴─ anything else, or no answer
//
// The ring is the queue: while the receiver is away the one batch is tried again, later each time,
// and changes that the ring loses meanwhile are counted at once and told by a gap event in the next
// batch. Memory: one batch; time: none of the broker's, but at its stop: what is there is sent
// then, as long as the receiver takes it, within kStopWait.
//
// Threads:   Start, BeginStop, Stop: the broker's (init and cleanup). stats(): any.
//            ReloadSecret: any but the broker's, it reads a file.
// Ownership: the feed outlives this object.
// Errors:    Start says which option is bad, and why. Failures of the receiver and rejected batches
//            go to `log`, once per series, and the end of the series; Stop tells there how many
//            changes the receiver has not taken.
#ifndef SESSION_STATUS_PLUGIN_WEBHOOK_WEBHOOK_H_
#define SESSION_STATUS_PLUGIN_WEBHOOK_WEBHOOK_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/feed/change_feed.h"
#include "plugin/feed/subscription.h"
#include "plugin/os/mutex.h"
#include "plugin/os/service_thread.h"
#include "plugin/os/stop_signal.h"
#include "plugin/webhook/cloud_events.h"
#include "plugin/webhook/http_post.h"
#include "plugin/webhook/signer.h"
#include "registry/counter.h"

namespace session_status::webhook {

struct WebhookOptions {
  std::string url;          // empty: no webhook
  std::string secret_file;  // empty: unsigned
  std::string ca_file;      // empty: the system's
  size_t batch_events_max = 500;
  absl::Duration timeout = absl::Seconds(10);
  absl::Duration retry_max = absl::Seconds(60);
};

// Beside batch_events_max: client identifiers may be long.
inline constexpr size_t kBatchBytesMax = size_t{1} << 20;
// How late a change may leave, and how often the ring is looked at during a wait.
inline constexpr absl::Duration kLookInterval = absl::Milliseconds(100);
// How long a stop of the broker waits for what is still to be delivered: some round trips over the
// world, and what nobody minds who stops a broker.
inline constexpr absl::Duration kStopWait = absl::Seconds(1);
// The longest wait that a receiver may ask for with Retry-After.
inline constexpr absl::Duration kRetryAfterMax = absl::Hours(1);
// The first wait; each following one is twice as long, up to retry_max.
inline constexpr absl::Duration kRetryMin = absl::Seconds(1);

// How long to wait after `failures` (> 0) in a row. `random`: in [0, 1), spreads the senders.
absl::Duration RetryDelay(int failures, absl::Duration retry_max, absl::Duration retry_after,
                          double random);

struct WebhookStats {
  uint64_t delivered_events = 0;
  uint64_t delivered_batches = 0;
  uint64_t failed_posts = 0;
  uint64_t rejected_events = 0;
  uint64_t dropped_changes = 0;
  uint64_t behind_changes = 0;     // newest change minus the last one delivered or given up
  uint64_t failures_in_a_row = 0;  // 0: the receiver answers
};

class Webhook : private feed::Subscription::Sink {
 public:
  struct Identity {
    std::string instance_id;
    std::string version;
  };
  using Log = std::function<void(absl::string_view)>;
  using Clock = std::function<absl::Time()>;

  Webhook(feed::ChangeFeed& feed, WebhookOptions options, Identity identity, Log log, Clock now);
  ~Webhook() override { Stop(); }

  absl::Status Start(int nice);
  // After the last change. Stop() waits for what this begins.
  void BeginStop() { stop_.RequestStop(); }
  void Stop();
  WebhookStats stats() const;

  // Reads secret_file again: the next attempt is signed with what it holds. Whatever is wrong with
  // it leaves the old secret in force. After Start(); nothing to do without a secret_file.
  absl::Status ReloadSecret() ABSL_LOCKS_EXCLUDED(signer_mu_);

 private:
  void Run();
  void Collect();
  void NoticeLoss();
  bool Deliver();
  std::vector<std::string> HeadersOf(const std::string& id, absl::string_view body)
      ABSL_LOCKS_EXCLUDED(signer_mu_);
  bool Stopping() const { return stop_.WaitFor(absl::ZeroDuration()); }
  // True: this batch is done with, one way or the other.
  bool Attempt(const std::string& id, absl::string_view body, int failures);
  void LogAnswer(int status, int failures);
  void Settle(Counter* events);
  void WaitBeforeRetry(absl::Duration delay);

  // Subscription::Sink
  void OnStarted(uint64_t sequence) override;
  void OnState(const feed::Change&) override {}  // only with a watch set
  void OnChange(const feed::Change& change) override { events_.AddChange(change); }
  void OnGap(uint64_t missed_after, uint64_t restart) override;
  bool Full() const override;

  feed::ChangeFeed& feed_;
  const WebhookOptions options_;
  const Identity identity_;
  const Log log_;
  const Clock now_;
  os::Mutex signer_mu_;  // held for the copy of a pointer
  std::shared_ptr<const Signer> signer_ ABSL_GUARDED_BY(signer_mu_);  // nullptr: unsigned

  // The thread's own.
  feed::Subscription subscription_;
  CloudEvents events_;
  bool started_ = false;
  bool only_gaps_ = false;  // a batch is waiting to be sent: take note of losses, nothing else
  bool gap_seen_ = false;
  bool has_gap_ = false;  // to be told at the head of the next batch
  uint64_t missed_after_ = 0;
  uint64_t restart_ = 0;
  uint64_t batch_sequence_ = 0;  // of the last change in the batch that is being sent
  uint64_t rejected_in_a_row_ = 0;
  absl::Duration wait_;  // asked for by the last failed attempt

  // Statistics. (w1) relaxed: ordered with nothing.
  Counter delivered_events_;
  Counter delivered_batches_;
  Counter failed_posts_;
  Counter rejected_events_;
  Counter dropped_changes_;
  std::atomic<uint64_t> done_with_{0};
  std::atomic<uint64_t> failures_in_a_row_{0};

  bool running_ = false;  // the broker's
  os::StopSignal stop_;
  std::unique_ptr<HttpPost> post_;
  os::ServiceThread thread_;
};

}  // namespace session_status::webhook

#endif  // SESSION_STATUS_PLUGIN_WEBHOOK_WEBHOOK_H_
