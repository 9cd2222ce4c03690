#include "plugin/following.h"

#include <utility>

#include "absl/time/clock.h"

namespace session_status {
namespace {

// How late a follower may learn of a change: far below what people or networks notice, and a
// hundred looks a second cost nothing.
constexpr absl::Duration kPollInterval = absl::Milliseconds(10);

}  // namespace

Following::Following(const registry::SessionRegistry& registry, const FollowingOptions& options,
                     const api::ServerFacts& facts, webhook::Webhook::Log log)
    : poller_(kPollInterval),
      feed_(registry, poller_, options.feed, absl::ToUnixMillis(facts.started_at)),
      sse_(feed_),
      watch_(feed_, facts.instance_id),
      history_(feed_, options.history),
      cuts_(registry, poller_, options.listing),
      lister_(cuts_, feed_.epoch(), facts.keepalive_check_grain),
      sessions_(lister_),
      has_webhook_(!options.webhook.url.empty()),
      has_webhook_secret_(has_webhook_ && !options.webhook.secret_file.empty()),
      webhook_(feed_, options.webhook, {facts.instance_id, facts.version}, std::move(log),
               absl::Now) {}

Following::~Following() { poller_.Stop(); }

void Following::AddRoutes(http::Router* router) {
  router->Add(http::Router::Match::kExact, feed::SseSurface::kPath, &sse_);
  router->Add(http::Router::Match::kExact, feed::WatchSurface::kPath, &watch_);
  router->Add(http::Router::Match::kExact, listing::SessionsSurface::kPath, &sessions_);
}

absl::Status Following::Start(int nice) {
  if (absl::Status s = poller_.Start(nice); !s.ok()) return s;
  return webhook_.Start(nice);
}

void Following::Read(metrics::Readings* out) {
  const feed::FeedCounters& counters = feed_.counters();
  metrics::FeedReadings& feed = out->feed.emplace();
  feed.followers = counters.followers.value();
  feed.refused = counters.refused.value();
  feed.gaps = counters.gaps.value();
  feed.sent = counters.sent.value();
  if (feed.followers > 0) feed.lag_changes = feed_.lag().changes();
  const history::FollowerFigures history = history_.Read();
  out->history = metrics::HistoryReadings{history.clients, history.bytes, history.clients_forgotten,
                                          history.flaps, history.gaps};
  out->listings = metrics::ListingReadings{cuts_.given_up()};
  if (!has_webhook_) return;
  const webhook::WebhookStats stats = webhook_.stats();
  metrics::WebhookReadings& readings = out->webhook.emplace();
  readings.delivered_events = stats.delivered_events;
  readings.delivered_batches = stats.delivered_batches;
  readings.failed_posts = stats.failed_posts;
  readings.rejected_events = stats.rejected_events;
  readings.dropped_changes = stats.dropped_changes;
  readings.behind_changes = stats.behind_changes;
  readings.failures_in_a_row = stats.failures_in_a_row;
}

void Following::Read(api::pb::GetServerStatusResponse* out) const {
  if (!has_webhook_) return;
  const webhook::WebhookStats stats = webhook_.stats();
  api::pb::WebhookStatus* status = out->mutable_webhook();
  status->set_delivered_events(stats.delivered_events);
  status->set_delivered_batches(stats.delivered_batches);
  status->set_failed_posts(stats.failed_posts);
  status->set_rejected_events(stats.rejected_events);
  status->set_dropped_changes(stats.dropped_changes);
  status->set_behind_changes(stats.behind_changes);
  status->set_failures_in_a_row(stats.failures_in_a_row);
}

}  // namespace session_status
