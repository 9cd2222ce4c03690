// Everything that follows the registry's changes, built and routed in one place: the change feed,
// the history of connections, the frozen cuts of listings, their surfaces, and the webhook.
//
// Threads:   construction, AddRoutes, Start, BeginStop: the broker's (init and cleanup).
//            observers(): handed to the composition root, called by the broker's thread.
//            ReloadWebhookSecret: the reloader's.
// Errors:    Start names the option that is bad, and why.
// Ownership: the registry outlives this object; the listener is destroyed before it.
#ifndef SESSION_STATUS_PLUGIN_FOLLOWING_H_
#define SESSION_STATUS_PLUGIN_FOLLOWING_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "plugin/feed/change_feed.h"
#include "plugin/feed/changes_surface.h"
#include "plugin/history/history_follower.h"
#include "plugin/http/router.h"
#include "plugin/listing/frozen_cuts.h"
#include "plugin/listing/lister.h"
#include "plugin/listing/sessions_surface.h"
#include "plugin/metrics/readings.h"
#include "plugin/os/poller.h"
#include "plugin/webhook/webhook.h"
#include "registry/change_observer.h"
#include "registry/session_registry.h"

namespace session_status {

struct FollowingOptions {
  feed::FeedOptions feed;
  listing::CutOptions listing;
  history::FollowerOptions history;
  webhook::WebhookOptions webhook;
};

class Following {
 public:
  // `facts.started_at` names this life of the broker: sequences begin anew with it.
  Following(const registry::SessionRegistry& registry, const FollowingOptions& options,
            const api::ServerFacts& facts, webhook::Webhook::Log log);
  ~Following();

  // Before the admin service's own prefix: its stream has a path below it.
  void AddRoutes(http::Router* router);
  absl::Status Start(int nice);
  // After the last change: the destructor waits for what this begins.
  void BeginStop() { webhook_.BeginStop(); }

  bool has_webhook_secret() const { return has_webhook_secret_; }
  absl::Status ReloadWebhookSecret() { return webhook_.ReloadSecret(); }

  std::vector<registry::ChangeObserver*> observers() { return {&feed_}; }
  feed::ChangeFeed& feed() { return feed_; }
  listing::FrozenCuts& cuts() { return cuts_; }  // the writer tells it of every change
  listing::Lister& lister() { return lister_; }
  history::HistoryFollower& history() { return history_; }
  // Any thread.
  void Read(metrics::Readings* out);
  void Read(api::pb::GetServerStatusResponse* out) const;

 private:
  os::Poller poller_;
  feed::ChangeFeed feed_;
  feed::SseSurface sse_;
  feed::WatchSurface watch_;
  history::HistoryFollower history_;
  listing::FrozenCuts cuts_;
  listing::Lister lister_;
  listing::SessionsSurface sessions_;
  const bool has_webhook_;
  const bool has_webhook_secret_;
  webhook::Webhook webhook_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_FOLLOWING_H_
