// For surfaces that only read: GET and HEAD pass (the listener drops the body of a HEAD reply), all
// else is answered 405.
#ifndef SESSION_STATUS_PLUGIN_HTTP_GET_ONLY_H_
#define SESSION_STATUS_PLUGIN_HTTP_GET_ONLY_H_

#include "plugin/http/error_body.h"
#include "plugin/http/http_message.h"

namespace session_status::http {

// False: the reply is filled, and says what would be right.
inline bool AllowGetOnly(const Request& request, Reply* reply) {
  if (request.method == "GET" || request.method == "HEAD") return true;
  reply->headers.emplace_back("Allow", "GET, HEAD");
  SetNotServed(405, absl::StatusCode::kUnimplemented, "use GET", reply);
  return false;
}

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_GET_ONLY_H_
