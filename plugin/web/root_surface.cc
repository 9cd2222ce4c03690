#include "plugin/web/root_surface.h"

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace session_status::web {
namespace {

constexpr absl::string_view kApiParameters[] = {"Action=", "Signature=", "AccessKeyId="};
constexpr absl::string_view kApiHeaders[] = {"authorization", "x-acs-action", "x-acs-version"};

bool HasApiParameter(absl::string_view query) {
  for (absl::string_view pair : absl::StrSplit(query, '&')) {
    for (absl::string_view name : kApiParameters) {
      if (absl::StartsWith(pair, name)) return true;
    }
  }
  return false;
}

}  // namespace

bool WantsPage(const http::Request& request) {
  if (request.method != "GET" && request.method != "HEAD") return false;
  if (HasApiParameter(request.query)) return false;
  for (absl::string_view name : kApiHeaders) {
    if (request.FindHeader(name) != nullptr) return false;
  }
  const http::Header* accept = request.FindHeader("accept");
  return accept != nullptr && absl::StrContains(accept->value, "text/html");
}

}  // namespace session_status::web
