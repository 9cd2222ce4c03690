// The error body of the Connect protocol, also used where no surface claims the path:
//   {"code":"invalid_argument","message":"…"}
// (connectrpc.com, "Connect Protocol Reference", section "Error end-stream"/"Unary-Response".)
#ifndef SESSION_STATUS_PLUGIN_HTTP_ERROR_BODY_H_
#define SESSION_STATUS_PLUGIN_HTTP_ERROR_BODY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "plugin/http/http_message.h"

namespace session_status::http {

// The wire name of a code ("invalid_argument") and the HTTP status that belongs to it (400).
absl::string_view ConnectCodeName(absl::StatusCode code);
int ConnectHttpStatus(absl::StatusCode code);

// The nearest code for a status that the HTTP layer chose by itself (413 -> resource_exhausted).
absl::StatusCode ConnectCodeForHttpStatus(int http_status);

// Fills status, content type and body. The one-argument form uses the code's own HTTP status.
void SetError(const absl::Status& error, Reply* reply);
void SetError(int http_status, absl::StatusCode code, absl::string_view message, Reply* reply);
// A surface's own 404 and 405: nothing at this path, or not by this method (Reply::not_served).
void SetNotServed(int http_status, absl::StatusCode code, absl::string_view message, Reply* reply);

// A surface whose errors have this body, those of the listener too.
class ConnectErrorHandler : public Handler {
 public:
  void HandleRefused(const Request& request, int status, absl::string_view message,
                     Reply* reply) override;
};

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_ERROR_BODY_H_
