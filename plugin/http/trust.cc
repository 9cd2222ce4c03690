#include "plugin/http/trust.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace session_status::http {
namespace {

// What the headers say about where a request comes from; one pass finds all of it.
struct Provenance {
  const Header* host = nullptr;
  bool passed_on = false;      // by a proxy
  bool of_other_site = false;  // for a page that is not ours
};

bool IsForwardingHeader(absl::string_view name) {
  if (SameHeaderName(name, "via") || SameHeaderName(name, "forwarded")) return true;
  if (name.empty() || (name[0] | ('a' - 'A')) != 'x') return false;
  return absl::StartsWithIgnoreCase(name, "x-forwarded-") || SameHeaderName(name, "x-real-ip");
}

// Host and port; without a port that its scheme implies, because browsers leave that out.
absl::string_view Authority(absl::string_view host, absl::string_view implied_port) {
  return absl::StripSuffix(Trimmed(host), implied_port);
}

bool IsOriginOf(absl::string_view origin, absl::string_view host) {
  origin = Trimmed(origin);
  const bool https = absl::ConsumePrefix(&origin, "https://");
  if (!https && !absl::ConsumePrefix(&origin, "http://")) return false;
  const absl::string_view port = https ? ":443" : ":80";
  return absl::EqualsIgnoreCase(Authority(origin, port), Authority(host, port));
}

Provenance ProvenanceOf(const Request& request) {
  Provenance found;
  for (const Header& header : request.headers) {
    if (SameHeaderName(header.name, "host")) {
      if (found.host == nullptr) found.host = &header;
    } else if (SameHeaderName(header.name, "sec-fetch-site")) {
      const absl::string_view site = Trimmed(header.value);
      found.of_other_site |= site != "same-origin" && site != "none";
    } else if (SameHeaderName(header.name, "origin")) {
      const Header* host = request.FindHeader("host");
      found.of_other_site |= host == nullptr || !IsOriginOf(header.value, host->value);
    } else {
      found.passed_on |= IsForwardingHeader(header.name);
    }
  }
  return found;
}

bool IsNothingOrPort(absl::string_view text) {
  return text.empty() || (absl::ConsumePrefix(&text, ":") &&
                          std::all_of(text.begin(), text.end(), absl::ascii_isdigit));
}

// Whether the request bears out what the transport says of its peer.
bool IsVouchedFor(const Request& request) {
  if (request.peer == nullptr) return false;
  const Peer& peer = *request.peer;
  const bool unix_socket = peer.kind == Peer::Kind::kUnixSocket;
  if (!unix_socket && !peer.client_certificate && !peer.loopback) return false;
  const Provenance provenance = ProvenanceOf(request);
  if (provenance.of_other_site) return false;
  if (peer.client_certificate) return true;
  if (provenance.passed_on) return false;
  if (unix_socket) return true;
  // No host: HTTP/1.0, so no browser.
  return provenance.host == nullptr || IsLocalHostName(provenance.host->value);
}

}  // namespace

bool IsLocalHostName(absl::string_view host) {
  const bool bracketed = absl::StartsWith(host, "[");
  const size_t end = std::min(host.size(), host.find(bracketed ? ']' : ':'));
  absl::string_view port = host.substr(end);
  if (bracketed && !absl::ConsumePrefix(&port, "]")) return false;
  if (!IsNothingOrPort(port)) return false;
  if (bracketed) {
    in6_addr address;
    return inet_pton(AF_INET6, std::string(host.substr(1, end - 1)).c_str(), &address) == 1 &&
           IN6_IS_ADDR_LOOPBACK(&address);
  }
  const absl::string_view name = host.substr(0, end);
  in_addr address;
  return absl::EqualsIgnoreCase(name, "localhost") ||
         (inet_pton(AF_INET, std::string(name).c_str(), &address) == 1 &&
          ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET);
}

Audience AudienceOf(const Request& request) {
  if (!IsVouchedFor(request)) return Audience::kAnyone;
  return request.peer->metrics_only ? Audience::kObservers : Audience::kTrusted;
}

}  // namespace session_status::http
