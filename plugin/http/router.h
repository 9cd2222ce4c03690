// The one routing table: which surface answers which path, and whom.
//
// Threads:   Add(), SetFallback(): before the listener starts. Handle(): any listener thread.
// Ownership: surfaces outlive the router.
// Errors:    a path that nobody serves gets 404 with a JSON body that says so; whoever is not of
//            the path's audience (see trust.h) gets 403 in the surface's own shape; a request line
//            that could not be read is refused in the shape of "/". What the fallback claims it is
//            told by the fallback instead.
#ifndef SESSION_STATUS_PLUGIN_HTTP_ROUTER_H_
#define SESSION_STATUS_PLUGIN_HTTP_ROUTER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/http/http_message.h"
#include "plugin/http/trust.h"

namespace session_status::http {

class Router : public Handler {
 public:
  enum class Match : uint8_t { kExact, kPrefix };

  using Audience = http::Audience;

  struct Route {
    Match match;
    std::string path;
    Handler* surface;
    Audience audience;
  };

  // The first row that matches wins, so add longer prefixes first.
  void Add(Match match, absl::string_view path, Handler* surface,
           Audience audience = Audience::kTrusted);

  // Some callers can read the errors of one surface only, and take those of others for answers.
  // Whatever of theirs no route serves (no such path, not by this method, not for this peer,
  // refused by the listener) is answered by that surface, if `claims` says that the request is one
  // of theirs. What a route does serve stays the route's.
  using Claim = bool (*)(const Request&);
  void SetFallback(Claim claims, Handler* surface);

  void Handle(const Request& request, Reply* reply) override;
  void HandleRefused(const Request& request, int status, absl::string_view message,
                     Reply* reply) override;

  // In the order in which they are tried.
  absl::Span<const Route> routes() const { return routes_; }

 private:
  const Route* Find(absl::string_view path) const;
  bool IsClaimed(const Request& request) const { return claims_ != nullptr && claims_(request); }

  std::vector<Route> routes_;
  Claim claims_ = nullptr;
  Handler* fallback_ = nullptr;
};

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_ROUTER_H_
