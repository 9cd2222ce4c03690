#include "plugin/web/root_surface.h"

#include "absl/strings/match.h"

namespace session_status::web {

bool RootSurface::WantsPage(const http::Request& request) const {
  if (request.method != "GET" && request.method != "HEAD") return false;
  const http::Header* accept = request.FindHeader("accept");
  if (accept == nullptr || !absl::StrContains(accept->value, "text/html")) return false;
  return !is_call_(request);
}

}  // namespace session_status::web
