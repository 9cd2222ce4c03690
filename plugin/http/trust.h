// Who may use what needs no signature: the admin service, listings, the change feed, metrics.
//
// Trusted is whoever the operating system or a certificate vouches for: a peer on the Unix socket
// (the file's mode and the allowed users decide who gets there), a process on this machine
// (loopback), or a TLS peer with a client certificate of the configured CA. Everybody else gets the
// signed API only.
//
// A web page that a browser on this machine has loaded from elsewhere is not a process of this
// machine, and the browser's certificate is not the page's. Browsers tell: a request with a
// Sec-Fetch-Site other than "same-origin" and "none" (typed, a bookmark), or with an Origin that is
// not the host it asks, is not trusted whatever it came by. A page can also reach loopback by
// giving its own host name our address (DNS rebinding), and is of the same origin then: so a
// request over plain loopback TCP must name its host by an address of loopback or as
// "localhost". No other address does: 0.0.0.0 and [::ffff:127.0.0.1] lead to loopback as well,
// and browsers send neither header there.
//
// Nor is a proxy on this machine whom it lets in. What says that it was passed on (Forwarded, Via,
// X-Real-IP, X-Forwarded-…) is trusted only with a client certificate: who gives one to his proxy
// answers for it. A proxy that adds none of them cannot be told from a program.
//
// Whom the options name as one who may read the metrics only (Peer::metrics_only) is an observer:
// as far as he would be trusted otherwise, and held to that even on this machine.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_PLUGIN_HTTP_TRUST_H_
#define SESSION_STATUS_PLUGIN_HTTP_TRUST_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "plugin/http/http_message.h"

namespace session_status::http {

// For whom something is, and who asks. In rising order: each may ask what those before it may.
enum class Audience : uint8_t {
  kAnyone,     // a surface for them checks signatures, or tells nothing
  kObservers,  // metrics and health: figures about clients, none of a client
  kTrusted,
};

// The last of them that the request belongs to.
Audience AudienceOf(const Request& request);
inline bool IsTrusted(const Request& request) { return AudienceOf(request) == Audience::kTrusted; }

// "localhost", "127.0.0.1:8080", "[::1]": a name that no DNS answer can point here, and for which
// browsers tell whose page asks.
bool IsLocalHostName(absl::string_view host);

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_TRUST_H_
