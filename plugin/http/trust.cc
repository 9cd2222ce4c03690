#include "plugin/http/trust.h"

#include <arpa/inet.h>

#include <string>

#include "absl/strings/match.h"

namespace session_status::http {

bool IsLocalHostName(absl::string_view host) {
  if (!host.empty() && host[0] == '[') {
    const size_t end = host.find(']');
    if (end == absl::string_view::npos) return false;
    in6_addr address;
    return inet_pton(AF_INET6, std::string(host.substr(1, end - 1)).c_str(), &address) == 1;
  }
  const absl::string_view name = host.substr(0, host.find(':'));
  in_addr address;
  return absl::EqualsIgnoreCase(name, "localhost") ||
         inet_pton(AF_INET, std::string(name).c_str(), &address) == 1;
}

bool IsTrusted(const Request& request) {
  if (request.peer == nullptr) return false;
  const Peer& peer = *request.peer;
  if (peer.kind == Peer::Kind::kUnixSocket || peer.client_certificate) return true;
  if (!peer.loopback) return false;
  const Header* host = request.FindHeader("host");
  return host == nullptr || IsLocalHostName(host->value);  // none: HTTP/1.0, so no browser
}

}  // namespace session_status::http
