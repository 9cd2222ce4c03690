// A blocking HTTP client that sends exactly the bytes it is told to and reads replies strictly. It
// waits no longer than kPatience of tests/testing/wait.h.
#ifndef SESSION_STATUS_TESTS_TRANSPORT_TEST_CLIENT_H_
#define SESSION_STATUS_TESTS_TRANSPORT_TEST_CLIENT_H_

#include <openssl/ssl.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace session_status::transport {

struct TestReply {
  int status = 0;
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool complete = false;  // false: the connection ended first

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

class TestClient {
 public:
  // `address` as in Listener::addresses(): a path that starts with '/' or "host:port".
  explicit TestClient(absl::string_view address);
  // Speaks TLS; `context` may carry a client certificate.
  TestClient(absl::string_view address, SSL_CTX* context);
  ~TestClient();
  TestClient(TestClient&&) noexcept;

  bool connected() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  SSL* ssl() const { return ssl_; }

  // False when the connection broke.
  bool Send(absl::string_view bytes);
  void ShutdownWriting();
  // The next reply; `head_only` for an answer to HEAD. status 0: none came.
  TestReply Read(bool head_only = false);
  TestReply Ask(absl::string_view bytes) {
    Send(bytes);
    return Read();
  }
  // Whether the peer closed and nothing unread is left.
  bool AtEnd();
  // Up to the end of the connection.
  std::string ReadAll();
  // One read; empty at the end.
  std::string ReadSome();

 private:
  bool Fill();  // reads more into buffer_
  std::string Line();
  std::string Take(size_t size);

  int fd_ = -1;
  SSL* ssl_ = nullptr;
  std::string buffer_;
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_TESTS_TRANSPORT_TEST_CLIENT_H_
