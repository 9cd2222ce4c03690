// Calls the admin service of a running plugin over HTTP/1.1, by libcurl, on a Unix socket or TCP:
// unary calls and server streams of the Connect protocol, and plain GET.
//
// Threads:   one at a time per object.
// Ownership: owns its curl handles; the connection is kept between calls.
// Errors:    Unavailable when nobody answers (with what was tried), Cancelled when `stop_fd` became
//            readable, FailedPrecondition for TLS files that curl cannot use, otherwise the
//            server's own code and message. That may be Unavailable as well: IsUnanswered() tells,
//            and SilenceOf() what else is known of whom was asked.
#ifndef SESSION_STATUS_CLI_ADMIN_CLIENT_H_
#define SESSION_STATUS_CLI_ADMIN_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {

// Of https; PEM files, empty: none.
struct TlsFiles {
  std::string ca_file;           // none: the system's certificates
  std::string certificate_file;  // ours
  std::string key_file;          // of that; none: the certificate's file holds it
};

// Whether nobody answered, or the answer broke off; false: somebody says that he cannot serve now.
bool IsUnanswered(const absl::Status& error);

// What an error that IsUnanswered tells of whom was asked.
enum class Silence : uint8_t {
  kUnknown,    // not a thing
  kNobody,     // no such socket, or nobody listens there
  kForbidden,  // this user may not open the socket: somebody may well listen
  kMute,       // somebody listens, and did not answer in time
};
Silence SilenceOf(const absl::Status& error);

class AdminClient {
 public:
  // A piece of what comes; false: enough, the rest is not read and the call returns OK.
  using Sink = std::function<bool(absl::string_view)>;
  using OnEvent = std::function<bool(const ::mosquitto_session_status::v1::WatchSessionsResponse&)>;

  // `target`: the path of a Unix socket ("/…") or a URL ("http://127.0.0.1:8080", and
  // with a path but no '/' at its end where a proxy serves the plugin below one). `timeout`: for an
  // answer; of a stream, to be connected, until it has started, and for silence where it should not
  // be silent.
  AdminClient(std::string target, absl::Duration timeout, TlsFiles tls = {});
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  // Calls SessionStatusService/<method>. `stop_fd`: -1, or what interrupts.
  absl::Status Call(absl::string_view method, const google::protobuf::MessageLite& request,
                    google::protobuf::MessageLite* reply, int stop_fd = -1);

  // GET; a body of any length, in pieces. `stop_fd`: -1, or what interrupts.
  absl::Status Get(absl::string_view path_and_query, int stop_fd, const Sink& sink);

  // GET of a text that comes with any status, as /readyz does.
  struct Answer {
    long http_status = 0;
    std::string body;
  };
  absl::StatusOr<Answer> Fetch(absl::string_view path);

  // WatchSessions. Returns OK only when `on_event` said that it is enough: a feed has no
  // end, so one that the server ended, or that broke, is Unavailable or the server's error.
  // So is one without a byte for four of the heartbeats that the server announced, or for
  // the timeout if that is longer.
  absl::Status Watch(const ::mosquitto_session_status::v1::WatchSessionsRequest& request,
                     int stop_fd, const OnEvent& on_event);

 private:
  struct Exchange;
  struct Curl;
  absl::Status Perform(Exchange* exchange);
  absl::Status Transfer(Exchange* exchange, int* curl_code);
  absl::Duration SilenceMax(uint32_t heartbeat_ms) const;
  void SetTls() const;
  absl::Status Unreachable(int curl_code, const char* error) const;

  const std::string target_;
  const absl::Duration timeout_;
  const TlsFiles tls_;
  std::unique_ptr<Curl> curl_;
};

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_ADMIN_CLIENT_H_
