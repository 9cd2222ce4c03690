// The page: "/" and what it loads below /ui/, and the API's description at /openapi.json.
//
// Everything comes from this listener and nothing else is ever fetched: the Content-Security-Policy
// allows no other source, no inline script or style, no framing, no form target. Without a built
// page "/" answers a short text that says how to ask.
//
// Whoever is not trusted (plugin/http/trust.h) gets the description without the instance's name:
// who may call knows it, and nobody else needs to.
//
// Threads:   any listener thread; constants only.
// Errors:    404 for other paths, 405 for other methods than GET and HEAD.
#ifndef SESSION_STATUS_PLUGIN_WEB_WEB_SURFACE_H_
#define SESSION_STATUS_PLUGIN_WEB_WEB_SURFACE_H_

#include <string>

#include "plugin/http/error_body.h"
#include "plugin/http/http_message.h"
#include "plugin/web/api_description.h"
#include "plugin/web/asset.h"

namespace session_status::web {

class WebSurface : public http::ConnectErrorHandler {
 public:
  static constexpr absl::string_view kPagePath = "/";
  static constexpr absl::string_view kAssetPrefix = "/ui/";
  static constexpr absl::string_view kDescriptionPath = "/openapi.json";

  // `assets` must have static lifetime.
  explicit WebSurface(const ApiFacts& facts, absl::Span<const Asset> assets = Assets());

  void Handle(const http::Request& request, http::Reply* reply) override;

 private:
  struct Description {
    explicit Description(const ApiFacts& facts);
    const std::string text;
    const std::string etag;
  };

  const absl::Span<const Asset> assets_;
  const Description description_;  // for the trusted
  const Description strangers_description_;
};

}  // namespace session_status::web

#endif  // SESSION_STATUS_PLUGIN_WEB_WEB_SURFACE_H_
