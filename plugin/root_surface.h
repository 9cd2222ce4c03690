// The path "/" belongs to two: SDKs send every call of the documented API there, and people open
// the page there.
//
// A request is for the page when it is a plain GET (or HEAD) that asks for HTML and carries nothing
// of a call: no query, no Authorization, no x-acs-action. Everything else is for the API, whose
// errors are typed.
//
// Threads:   any listener thread.
// Ownership: both surfaces outlive this one.
#ifndef SESSION_STATUS_PLUGIN_ROOT_SURFACE_H_
#define SESSION_STATUS_PLUGIN_ROOT_SURFACE_H_

#include "plugin/http/http_message.h"

namespace session_status {

class RootSurface : public http::Handler {
 public:
  RootSurface(http::Handler& page, http::Handler& api) : page_(page), api_(api) {}

  void Handle(const http::Request& request, http::Reply* reply) override;
  void HandleRefused(const http::Request& request, int status, absl::string_view message,
                     http::Reply* reply) override;

 private:
  http::Handler& SurfaceFor(const http::Request& request) const;

  http::Handler& page_;
  http::Handler& api_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_ROOT_SURFACE_H_
