#include "plugin/webhook/webhook.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

namespace session_status::webhook {
namespace {

absl::Status OfOption(absl::string_view option, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat("option plugin_opt_", option, ": ", status.message()));
}

bool Delivered(int status) { return status >= 200 && status < 300; }

// The receiver has read it and will never take it; every other failure may pass.
bool Rejected(int status) {
  return status == 400 || status == 413 || status == 415 || status == 422;
}

}  // namespace

absl::Duration RetryDelay(int failures, absl::Duration retry_max, absl::Duration retry_after,
                          double random) {
  const absl::Duration doubled = kRetryMin * (int64_t{1} << std::min(failures - 1, 30));
  return std::max(std::min(doubled, retry_max) * (0.5 + random / 2),
                  std::min(retry_after, kRetryAfterMax));
}

Webhook::Webhook(feed::ChangeFeed& feed, WebhookOptions options, Identity identity, Log log,
                 Clock now)
    : feed_(feed),
      options_(std::move(options)),
      identity_(std::move(identity)),
      log_(std::move(log)),
      now_(std::move(now)),
      subscription_(feed, {}),
      events_(identity_.instance_id, feed.epoch()) {}

absl::Status Webhook::Start(int nice) {
  if (options_.url.empty()) return absl::OkStatus();
  const absl::StatusOr<Libcurl> curl = Libcurl::Load();
  if (!curl.ok()) return OfOption("webhook_url", curl.status());
  if (absl::Status s = HttpPost::CheckUrl(*curl, options_.url); !s.ok()) {
    return OfOption("webhook_url", s);
  }
  if (absl::Status s = ReloadSecret(); !s.ok()) return s;
  if (!stop_.ok()) return absl::ResourceExhaustedError("no file descriptor for the webhook");
  post_ = std::make_unique<HttpPost>(
      *curl, HttpPost::Target{options_.url, options_.ca_file, options_.timeout, kStopWait}, stop_);
  // Begins here, not when the thread first runs: no change after Start() is missed.
  Collect();
  const absl::Status status = thread_.Start("status-webhook", nice, [this] { Run(); });
  running_ = status.ok();
  return status;
}

absl::Status Webhook::ReloadSecret() {
  if (options_.secret_file.empty()) return absl::OkStatus();
  auto loaded = Signer::Load(options_.secret_file);
  if (!loaded.ok()) return OfOption("webhook_secret_file", loaded.status());
  std::shared_ptr<const Signer> signer = *std::move(loaded);
  os::MutexLock lock(&signer_mu_);
  signer_.swap(signer);
  return absl::OkStatus();
}

void Webhook::Stop() {
  BeginStop();
  thread_.Join();
  if (!std::exchange(running_, false)) return;
  const uint64_t lost = stats().behind_changes;
  if (lost == 0) return;
  try {
    log_(absl::StrCat(
        "webhook: changes that the receiver has not taken before the stop, and will not get: ",
        lost));
  } catch (const std::bad_alloc&) {
    // A destructor may be calling; a line of log is what it can do without.
  }
}

WebhookStats Webhook::stats() const {
  WebhookStats out;
  out.delivered_events = delivered_events_.value();
  out.delivered_batches = delivered_batches_.value();
  out.failed_posts = failed_posts_.value();
  out.rejected_events = rejected_events_.value();
  out.dropped_changes = dropped_changes_.value();
  const uint64_t done = done_with_.load(std::memory_order_relaxed);  // (w1)
  const uint64_t newest = feed_.ring().newest_sequence();
  out.behind_changes = newest > done ? newest - done : 0;
  out.failures_in_a_row = failures_in_a_row_.load(std::memory_order_relaxed);  // (w1)
  return out;
}

// -- what the subscription tells ------------------------------------------------------------------

void Webhook::OnStarted(uint64_t sequence) {
  if (std::exchange(started_, true)) return;  // again after a gap, which has told as much
  events_.AddStarted(sequence, now_());
  done_with_.store(sequence, std::memory_order_relaxed);  // (w1)
}

void Webhook::OnGap(uint64_t missed_after, uint64_t restart) {
  gap_seen_ = true;
  if (!std::exchange(has_gap_, true)) missed_after_ = missed_after;
  restart_ = restart;
  if (restart > missed_after) dropped_changes_.Add(restart - missed_after);
  if (only_gaps_) return;  // the batch that waits is complete
  events_.AddGap(missed_after_, restart_, now_());
  has_gap_ = false;
}

bool Webhook::Full() const {
  if (only_gaps_) return gap_seen_;
  return events_.count() >= options_.batch_events_max || events_.bytes() >= kBatchBytesMax;
}

// -- the thread -----------------------------------------------------------------------------------

void Webhook::Collect() {
  if (std::exchange(has_gap_, false)) events_.AddGap(missed_after_, restart_, now_());
  while (subscription_.Deliver(this) && !Full()) {
  }
}

// While a batch waits: has the ring lost what comes after it?
void Webhook::NoticeLoss() {
  if (!feed_.ring().IsGone(subscription_.position())) return;
  only_gaps_ = true;
  gap_seen_ = false;
  subscription_.Deliver(this);
  only_gaps_ = false;
}

void Webhook::Run() {
  for (;;) {
    // As it was when the last batch was done with; a gap that waits to be told came after that.
    const uint64_t dropped =
        dropped_changes_.value() - (has_gap_ ? restart_ - missed_after_ : uint64_t{0});
    // Before the look, so that one look follows the stop, and another what it finds.
    bool go_on = !Stopping();
    try {
      Collect();
      if (events_.count() > 0) go_on = Deliver();
    } catch (const std::bad_alloc&) {
      // The batch may end in the midst of an event, and what is in it was taken from the ring: all
      // of it is dropped, and the next batch begins with a gap that says so.
      only_gaps_ = false;
      missed_after_ = done_with_.load(std::memory_order_relaxed);  // (w1)
      restart_ = subscription_.sequence();
      has_gap_ = restart_ > missed_after_;
      dropped_changes_.Add(restart_ - missed_after_ - (dropped_changes_.value() - dropped));
      events_.Clear();
    }
    if (!go_on) return;
    // A full batch has more behind it.
    if (!Full()) static_cast<void>(stop_.WaitFor(kLookInterval));
    events_.Clear();
  }
}

// False: the stop came first.
bool Webhook::Deliver() {
  const absl::string_view body = events_.Finish();
  batch_sequence_ = subscription_.sequence();
  const std::string id = absl::StrCat(feed_.epoch(), "-", batch_sequence_);
  for (int failures = 0;; ++failures) {
    // Once more, whatever the receiver asked for: there will be no later.
    const bool last = Stopping();
    if (Attempt(id, body, failures)) return true;
    if (last) return false;
    WaitBeforeRetry(wait_);
  }
}

std::vector<std::string> Webhook::HeadersOf(const std::string& id, absl::string_view body) {
  const int64_t now = absl::ToUnixSeconds(now_());
  std::vector<std::string> headers = {
      absl::StrCat("Content-Type: ", kBatchContentType),
      absl::StrCat("User-Agent: mosquitto-session-status/", identity_.version),
      absl::StrCat("Webhook-Id: ", id), absl::StrCat("Webhook-Timestamp: ", now)};
  std::shared_ptr<const Signer> signer;
  {
    os::MutexLock lock(&signer_mu_);
    signer = signer_;
  }
  if (signer != nullptr) {
    headers.push_back(absl::StrCat("Webhook-Signature: ", signer->Sign(id, now, body)));
  }
  return headers;
}

bool Webhook::Attempt(const std::string& id, absl::string_view body, int failures) {
  const HttpPost::Outcome outcome = post_->Post(HeadersOf(id, body), body);
  if (outcome.stopped) return false;
  if (Delivered(outcome.status) || Rejected(outcome.status)) {
    const bool delivered = Delivered(outcome.status);
    if (delivered) delivered_batches_.Add();
    LogAnswer(outcome.status, failures);
    Settle(delivered ? &delivered_events_ : &rejected_events_);
    return true;
  }
  failed_posts_.Add();
  failures_in_a_row_.store(static_cast<uint64_t>(failures) + 1, std::memory_order_relaxed);  // (w1)
  if (failures == 0 && !Stopping()) {
    log_(absl::StrCat("webhook: not delivered, will be tried again: ",
                      outcome.status == 0 ? outcome.error : absl::StrCat("HTTP ", outcome.status)));
  }
  absl::BitGen random;
  wait_ = RetryDelay(failures + 1, options_.retry_max, outcome.retry_after,
                     absl::Uniform(random, 0.0, 1.0));
  return false;
}

// Of batches that are rejected one after the other the first: there may be ten and more a second.
void Webhook::LogAnswer(int status, int failures) {
  if (!Delivered(status)) {
    if (rejected_in_a_row_++ > 0) return;
    log_(absl::StrCat("webhook: a batch was rejected with HTTP ", status,
                      "; those that follow are only counted until one is taken"));
    return;
  }
  if (const uint64_t rejected = std::exchange(rejected_in_a_row_, 0); rejected > 0) {
    log_(absl::StrCat("webhook: the receiver takes batches again, after ", rejected, " rejected"));
  }
  if (failures > 0) {
    log_(absl::StrCat("webhook: the receiver answers again, after ", failures, " failures; ",
                      dropped_changes_.value(), " changes dropped since the start"));
  }
}

void Webhook::Settle(Counter* events) {
  events->Add(events_.count());
  // Not the subscription's: a loss may have moved it on, and that is still to be told.
  done_with_.store(batch_sequence_, std::memory_order_relaxed);  // (w1)
  failures_in_a_row_.store(0, std::memory_order_relaxed);        // (w1)
}

void Webhook::WaitBeforeRetry(absl::Duration delay) {
  for (absl::Duration waited; waited < delay; waited += kLookInterval) {
    NoticeLoss();
    if (stop_.WaitFor(std::min(kLookInterval, delay))) return;
  }
}

}  // namespace session_status::webhook
