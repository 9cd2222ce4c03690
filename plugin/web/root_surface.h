// The path "/" has two tenants: browsers that want the page, and callers of the documented API,
// whose every request goes to "/". A request is the page's when it is a GET or HEAD, accepts HTML
// and carries no mark of a call (which the API knows: openapi/call_marks.h). All else, refusals
// included, is the API's.
//
// Threads:   any listener thread.
// Ownership: both surfaces outlive this one.
#ifndef SESSION_STATUS_PLUGIN_WEB_ROOT_SURFACE_H_
#define SESSION_STATUS_PLUGIN_WEB_ROOT_SURFACE_H_

#include "plugin/http/http_message.h"

namespace session_status::web {

class RootSurface : public http::Handler {
 public:
  RootSurface(http::Handler& page, http::Handler& api, bool (*is_call)(const http::Request&))
      : page_(page), api_(api), is_call_(is_call) {}

  void Handle(const http::Request& request, http::Reply* reply) override {
    (WantsPage(request) ? page_ : api_).Handle(request, reply);
  }
  void HandleRefused(const http::Request& request, int status, absl::string_view message,
                     http::Reply* reply) override {
    api_.HandleRefused(request, status, message, reply);
  }

 private:
  bool WantsPage(const http::Request& request) const;

  http::Handler& page_;
  http::Handler& api_;
  bool (*const is_call_)(const http::Request&);
};

}  // namespace session_status::web

#endif  // SESSION_STATUS_PLUGIN_WEB_ROOT_SURFACE_H_
