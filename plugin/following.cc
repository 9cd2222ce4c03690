#include "plugin/following.h"

#include <utility>

namespace session_status {
namespace {

// How late a follower may learn of a change: far below what people or networks notice, and a
// hundred looks a second cost nothing.
constexpr absl::Duration kPollInterval = absl::Milliseconds(10);

}  // namespace

Following::Following(const registry::SessionRegistry& registry, const FollowingOptions& options,
                     std::string instance_id, absl::Time started_at)
    : poller_(kPollInterval),
      feed_(registry, poller_, options.feed, absl::ToUnixMillis(started_at)),
      sse_(feed_),
      watch_(feed_, std::move(instance_id)) {}

Following::~Following() { poller_.Stop(); }

void Following::AddRoutes(http::Router* router) {
  router->Add(http::Router::Match::kExact, feed::SseSurface::kPath, &sse_);
  router->Add(http::Router::Match::kExact, feed::WatchSurface::kPath, &watch_);
}

absl::Status Following::Start(int nice) { return poller_.Start(nice); }

}  // namespace session_status
