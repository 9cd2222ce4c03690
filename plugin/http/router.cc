#include "plugin/http/router.h"

#include "absl/strings/match.h"
#include "plugin/http/error_body.h"

namespace session_status::http {

void Router::Add(Match match, absl::string_view path, Handler* surface) {
  routes_.push_back({match, std::string(path), surface});
}

Handler* Router::Find(absl::string_view path) const {
  for (const Route& route : routes_) {
    const bool matches = route.match == Match::kExact ? path == route.path
                                                      : absl::StartsWith(path, route.path);
    if (matches) return route.surface;
  }
  return nullptr;
}

void Router::Handle(const Request& request, Reply* reply) {
  if (Handler* surface = Find(request.path)) return surface->Handle(request, reply);
  SetError(404, absl::StatusCode::kNotFound, "nothing is served at this path", reply);
}

void Router::HandleRefused(const Request& request, int status, absl::string_view message,
                           Reply* reply) {
  if (Handler* surface = Find(request.path)) {
    return surface->HandleRefused(request, status, message, reply);
  }
  SetError(status, ConnectCodeForHttpStatus(status), message, reply);
}

}  // namespace session_status::http
