// HTTP requests and replies as values, and the interface between the listener that moves bytes
// and the surfaces that answer. No sockets here, no parser: plugin/transport fills a Request,
// calls the Handler, and writes the Reply.
//
// Threads:   a Handler is called from any listener thread; it must not block.
// Ownership: a Request's views live until Handle() returns. A Reply is owned by the listener and
//            reused from request to request: Handle() finds it cleared.
#ifndef SESSION_STATUS_PLUGIN_HTTP_HTTP_MESSAGE_H_
#define SESSION_STATUS_PLUGIN_HTTP_HTTP_MESSAGE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace session_status::http {

// Who is at the other end, as the kernel says. Never taken from a header.
struct Peer {
  enum class Kind : uint8_t { kUnixSocket, kTcp };
  Kind kind = Kind::kTcp;
  bool loopback = false;      // TCP from 127.0.0.0/8 or ::1
  bool tls = false;
  bool client_certificate = false;  // presented and verified
  uid_t uid = static_cast<uid_t>(-1);  // Unix socket only (SO_PEERCRED)
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = 0;
  absl::string_view address;  // TCP: numeric address without port; Unix socket: empty
};

struct Header {
  absl::string_view name;  // as received; compare ignoring case
  absl::string_view value;
};

struct Request {
  absl::string_view method;  // as received: GET, POST, …
  absl::string_view target;  // as received: path and query, still percent-encoded
  absl::string_view path;    // target up to the first '?'
  absl::string_view query;   // after it; empty when there is none
  absl::Span<const Header> headers;
  absl::string_view body;    // after removing chunked framing
  const Peer* peer = nullptr;
  absl::Time now;            // wall time when the request was complete

  // The first header of that name, or nullptr. Ignores case.
  const Header* FindHeader(absl::string_view name) const;
};

// A reply body that comes in pieces (listing, change feed). The listener pulls: it calls Next()
// whenever the connection can take more bytes.
//
// Threads: Next() and the destructor run on the connection's listener thread. `wake` (given by
//          the listener at Start) may be called from any thread, any number of times.
class BodyStream {
 public:
  enum class Progress : uint8_t {
    kMore,     // bytes were appended; call again when there is room
    kWaiting,  // nothing to send now; `wake` will be called
    kDone,     // bytes may have been appended; the body ends here
  };
  virtual ~BodyStream() = default;
  virtual void Start(std::function<void()> wake) = 0;
  // Appends at most about `bytes_max` bytes to `*out`.
  virtual Progress Next(size_t bytes_max, std::string* out) = 0;
};

struct Reply {
  int status = 200;
  absl::string_view content_type = "application/json";  // must have static lifetime
  // Further headers. Values are checked by the listener: no CR, LF or NUL reaches the wire.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::unique_ptr<BodyStream> stream;  // set: sent chunked after `body`
  bool close = false;                  // close the connection after this reply

  void Clear();
};

// Answers requests. Must not block, must not throw.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual void Handle(const Request& request, Reply* reply) = 0;

  // The listener refuses a request by itself (malformed, too large, too slow, overloaded) and asks
  // for a body in the shape of the surface that was asked. `request.path` may be empty when the
  // request line could not be read. `status` is the HTTP status, `message` says what was wrong.
  virtual void HandleRefused(const Request& request, int status, absl::string_view message,
                             Reply* reply) = 0;
};

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_HTTP_MESSAGE_H_
