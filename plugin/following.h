// Everything that follows the registry's changes, built and routed in one place: the change feed
// and its surfaces.
//
// Threads:   construction, AddRoutes, Start, Stop: the broker's (init and cleanup). observers():
//            handed to the composition root, called by the broker's thread.
// Ownership: the registry outlives this object; the listener is destroyed before it.
#ifndef SESSION_STATUS_PLUGIN_FOLLOWING_H_
#define SESSION_STATUS_PLUGIN_FOLLOWING_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "plugin/feed/change_feed.h"
#include "plugin/feed/changes_surface.h"
#include "plugin/http/router.h"
#include "plugin/os/poller.h"
#include "registry/change_observer.h"
#include "registry/session_registry.h"

namespace session_status {

struct FollowingOptions {
  feed::FeedOptions feed;
};

class Following {
 public:
  // `started_at` names this life of the broker: sequences begin anew with it.
  Following(const registry::SessionRegistry& registry, const FollowingOptions& options,
            std::string instance_id, absl::Time started_at);
  ~Following();

  // Before the admin service's own prefix: its stream has a path below it.
  void AddRoutes(http::Router* router);
  absl::Status Start(int nice);

  std::vector<registry::ChangeObserver*> observers() { return {&feed_}; }
  feed::ChangeFeed& feed() { return feed_; }

 private:
  os::Poller poller_;
  feed::ChangeFeed feed_;
  feed::SseSurface sse_;
  feed::WatchSurface watch_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_FOLLOWING_H_
