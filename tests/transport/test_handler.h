// A handler whose answers show what it was asked, and a listener around it on free addresses.
#ifndef SESSION_STATUS_TESTS_TRANSPORT_TEST_HANDLER_H_
#define SESSION_STATUS_TESTS_TRANSPORT_TEST_HANDLER_H_

#include <functional>
#include <memory>
#include <string>

#include "plugin/http/http_message.h"
#include "plugin/transport/listener.h"

namespace session_status::transport {

// "METHOD path?query [name=value]… body" comes back as the body, unless `answer` is set.
class EchoHandler : public http::Handler {
 public:
  using Answer = std::function<void(const http::Request&, http::Reply*)>;

  void Handle(const http::Request& request, http::Reply* reply) override;
  // The reason comes back as the body, and the path in the header "Refused-Path".
  void HandleRefused(const http::Request& request, int status, absl::string_view message,
                     http::Reply* reply) override;

  Answer answer;  // set before the listener starts
};

// A listener on one Unix socket and one TCP port, both free.
class TestListener {
 public:
  explicit TestListener(ListenerOptions options = {}, EchoHandler::Answer answer = nullptr,
                        FailedHandshakeObserver on_failed_handshake = nullptr);
  ~TestListener();

  Listener& operator*() { return *listener; }
  Listener* operator->() { return listener.get(); }
  // By position in Listener::addresses().
  std::string unix_address() const { return listener->addresses()[0]; }
  std::string tcp_address() const { return listener->addresses()[1]; }

  EchoHandler handler;
  std::unique_ptr<Listener> listener;
  std::string directory;
};

// A new directory below TMPDIR.
std::string MakeTemporaryDirectory();

}  // namespace session_status::transport

#endif  // SESSION_STATUS_TESTS_TRANSPORT_TEST_HANDLER_H_
