#include "plugin/root_surface.h"

#include "absl/strings/match.h"

namespace session_status {

http::Handler& RootSurface::SurfaceFor(const http::Request& request) const {
  const http::Header* accept = request.FindHeader("accept");
  const bool wants_page = (request.method == "GET" || request.method == "HEAD") &&
                          request.query.empty() && accept != nullptr &&
                          absl::StrContains(accept->value, "text/html") &&
                          request.FindHeader("authorization") == nullptr &&
                          request.FindHeader("x-acs-action") == nullptr;
  return wants_page ? page_ : api_;
}

void RootSurface::Handle(const http::Request& request, http::Reply* reply) {
  SurfaceFor(request).Handle(request, reply);
}

void RootSurface::HandleRefused(const http::Request& request, int status,
                                absl::string_view message, http::Reply* reply) {
  SurfaceFor(request).HandleRefused(request, status, message, reply);
}

}  // namespace session_status
