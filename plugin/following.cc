#include "plugin/following.h"

namespace session_status {
namespace {

// How late a follower may learn of a change: far below what people or networks notice, and a
// hundred looks a second cost nothing.
constexpr absl::Duration kPollInterval = absl::Milliseconds(10);

}  // namespace

Following::Following(const registry::SessionRegistry& registry, const FollowingOptions& options,
                     const api::ServerFacts& facts)
    : poller_(kPollInterval),
      feed_(registry, poller_, options.feed, absl::ToUnixMillis(facts.started_at)),
      sse_(feed_),
      watch_(feed_, facts.instance_id),
      history_(feed_, options.history),
      cuts_(registry, poller_, options.listing),
      lister_(cuts_, feed_.epoch(), facts.keepalive_check_grain),
      sessions_(lister_) {}

Following::~Following() { poller_.Stop(); }

void Following::AddRoutes(http::Router* router) {
  router->Add(http::Router::Match::kExact, feed::SseSurface::kPath, &sse_);
  router->Add(http::Router::Match::kExact, feed::WatchSurface::kPath, &watch_);
  router->Add(http::Router::Match::kExact, listing::SessionsSurface::kPath, &sessions_);
}

absl::Status Following::Start(int nice) { return poller_.Start(nice); }

}  // namespace session_status
