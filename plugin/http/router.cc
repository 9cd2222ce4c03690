#include "plugin/http/router.h"

#include "absl/strings/match.h"
#include "plugin/http/error_body.h"

namespace session_status::http {
namespace {

absl::string_view WhyNot(Audience caller) {
  if (caller == Audience::kObservers) {
    return "this user or certificate may read only /metrics, /healthz and /readyz: an option "
           "metrics_socket_uids, metrics_socket_gids or metrics_client_names names it, and none "
           "of those that say who may ask everything does";
  }
  return "only for the Unix socket, for programs on this machine that address it as localhost, and "
         "for TLS clients with a certificate; not for pages of other sites, nor through a proxy";
}

}  // namespace

void Router::Add(Match match, absl::string_view path, Handler* surface, Audience audience) {
  routes_.push_back({match, std::string(path), surface, audience});
}

const Router::Route* Router::Find(absl::string_view path) const {
  for (const Route& route : routes_) {
    const bool matches =
        route.match == Match::kExact ? path == route.path : absl::StartsWith(path, route.path);
    if (matches) return &route;
  }
  return nullptr;
}

void Router::SetFallback(Claim claims, Handler* surface) {
  claims_ = claims;
  fallback_ = surface;
}

void Router::Handle(const Request& request, Reply* reply) {
  const Route* route = Find(request.path);
  // What is for anyone is not asked who asks: to find out takes a look at every header.
  const bool open = route == nullptr || route->audience == Audience::kAnyone;
  const Audience caller = open ? Audience::kAnyone : AudienceOf(request);
  const bool allowed = route != nullptr && caller >= route->audience;
  if (allowed) {
    route->surface->Handle(request, reply);
    if (!reply->not_served) return;
  }
  if (IsClaimed(request)) {
    reply->Clear();
    return fallback_->Handle(request, reply);
  }
  if (allowed) return;
  if (route == nullptr) {
    return SetError(404, absl::StatusCode::kNotFound, "nothing is served at this path", reply);
  }
  reply->status = 403;
  route->surface->HandleRefused(request, 403, WhyNot(caller), reply);
}

void Router::HandleRefused(const Request& request, int status, absl::string_view message,
                           Reply* reply) {
  // A request line that could not be read names no path. The longest ones come from SDKs, which put
  // all they have to say there and always call "/".
  const absl::string_view path = request.path.empty() ? absl::string_view("/") : request.path;
  if (IsClaimed(request)) return fallback_->HandleRefused(request, status, message, reply);
  if (const Route* route = Find(path)) {
    return route->surface->HandleRefused(request, status, message, reply);
  }
  SetError(status, ConnectCodeForHttpStatus(status), message, reply);
}

}  // namespace session_status::http
