// HTTP requests and replies as values, and the interface between the listener that moves bytes
// and the surfaces that answer. No sockets here, no parser: plugin/transport fills a Request,
// calls the Handler, and writes the Reply.
//
// Threads:   a Handler is called from any listener thread; may wait 250 ms at most.
// Ownership: a Request's views live until Handle() returns. A Reply is owned by the listener and
//            reused from request to request: Handle() finds it cleared.
#ifndef SESSION_STATUS_PLUGIN_HTTP_HTTP_MESSAGE_H_
#define SESSION_STATUS_PLUGIN_HTTP_HTTP_MESSAGE_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "plugin/http/header_name.h"

namespace session_status::http {

// Who is at the other end, as the kernel says. Never taken from a header.
struct Peer {
  enum class Kind : uint8_t { kUnixSocket, kTcp };
  Kind kind = Kind::kTcp;
  bool loopback = false;  // TCP from 127.0.0.0/8 or ::1
  bool tls = false;
  bool client_certificate = false;     // verified, and of a name that may ask something
  bool metrics_only = false;           // named as one who may read the metrics and no more
  uid_t uid = static_cast<uid_t>(-1);  // Unix socket only (SO_PEERCRED)
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = 0;
  absl::string_view address;  // TCP: numeric address without port; Unix socket: empty
};

struct Header {
  absl::string_view name;  // as received; compare with SameHeaderName()
  absl::string_view value;
};

// Ignores case. Other names mostly differ in length, first or last letter; the same spelling, which
// is the rule, costs one comparison of bytes.
inline bool SameHeaderName(absl::string_view a, absl::string_view b) {
  constexpr int kCaseBit = 'a' - 'A';
  if (a.size() != b.size()) return false;
  if (a.empty()) return true;
  if ((((a.front() ^ b.front()) | (a.back() ^ b.back())) & ~kCaseBit) != 0) return false;
  return std::memcmp(a.data(), b.data(), a.size()) == 0 || absl::EqualsIgnoreCase(a, b);
}

// A header's value without white space around it, of which parsers leave little.
inline absl::string_view Trimmed(absl::string_view value) {
  if (!value.empty() && value.front() > ' ' && value.back() > ' ') return value;
  return absl::StripAsciiWhitespace(value);
}

struct Request {
  absl::string_view method;  // as received: GET, POST, …
  absl::string_view target;  // as received: path and query, still percent-encoded
  absl::string_view path;    // target up to the first '?'
  absl::string_view query;   // after it; empty when there is none
  absl::Span<const Header> headers;
  absl::string_view body;  // after removing chunked framing
  const Peer* peer = nullptr;
  absl::Time now;  // wall time when the request was complete

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

// The headers of a reply. Keeps the strings it once had: a reply that is reused allocates nothing.
class ReplyHeaders {
 public:
  using value_type = std::pair<absl::string_view, std::string>;
  using const_iterator = std::vector<value_type>::const_iterator;
  using iterator = const_iterator;

  void emplace_back(HeaderName name, absl::string_view value);
  void clear() { size_ = 0; }

  size_t size() const { return size_; }
  const value_type& operator[](size_t i) const { return entries_[i]; }
  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.begin() + static_cast<ptrdiff_t>(size_); }

 private:
  std::vector<value_type> entries_;  // those beyond size_ are kept for later
  size_t size_ = 0;
};

struct Reply {
  int status = 200;
  absl::string_view content_type = "application/json";  // must have static lifetime
  // Further headers. Values are checked by the listener: no CR, LF or NUL reaches the wire.
  ReplyHeaders headers;
  std::string body;
  std::unique_ptr<BodyStream> stream;  // set: sent chunked after `body`
  bool close = false;                  // close the connection after this reply
  // The surface has nothing at this path, or not by this method; see Router::SetFallback().
  bool not_served = false;

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
