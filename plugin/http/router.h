// The one routing table: which surface answers which path, and whom.
//
// Threads:   Add(): before the listener starts. Handle(): any listener thread.
// Ownership: surfaces outlive the router.
// Errors:    a path that nobody serves gets 404 with a JSON body that says so; a peer that is not
//            trusted gets 403 in the surface's own shape (see trust.h); a request line that could
//            not be read is refused in the shape of "/".
#ifndef SESSION_STATUS_PLUGIN_HTTP_ROUTER_H_
#define SESSION_STATUS_PLUGIN_HTTP_ROUTER_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "plugin/http/http_message.h"

namespace session_status::http {

class Router : public Handler {
 public:
  enum class Match : uint8_t { kExact, kPrefix };

  enum class Audience : uint8_t {
    kTrusted,  // see trust.h
    kAnyone,   // the surface sees to its own security: it checks signatures, or tells nothing
  };

  // The first row that matches wins, so add longer prefixes first.
  void Add(Match match, absl::string_view path, Handler* surface,
           Audience audience = Audience::kTrusted);

  void Handle(const Request& request, Reply* reply) override;
  void HandleRefused(const Request& request, int status, absl::string_view message,
                     Reply* reply) override;

 private:
  struct Route {
    Match match;
    std::string path;
    Handler* surface;
    Audience audience;
  };
  const Route* Find(absl::string_view path) const;

  std::vector<Route> routes_;
};

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_ROUTER_H_
