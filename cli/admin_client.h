// Calls the admin service of a running plugin: one Connect unary call over HTTP/1.1, by libcurl,
// on a Unix socket or TCP.
//
// Threads:   one at a time per object.
// Ownership: owns its curl handle; the connection is kept between calls.
// Errors:    Unavailable when nobody answers (with what was tried), otherwise the server's own
//            code and message.
#ifndef SESSION_STATUS_CLI_ADMIN_CLIENT_H_
#define SESSION_STATUS_CLI_ADMIN_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"

namespace session_status::cli {

class AdminClient {
 public:
  // `target`: the path of a Unix socket ("/…") or a URL ("http://127.0.0.1:8080").
  AdminClient(std::string target, absl::Duration timeout);
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  // Calls SessionStatusService/<method>.
  absl::Status Call(absl::string_view method, const google::protobuf::MessageLite& request,
                    google::protobuf::MessageLite* reply);

 private:
  struct Curl;
  const std::string target_;
  const absl::Duration timeout_;
  std::unique_ptr<Curl> curl_;
};

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_ADMIN_CLIENT_H_
