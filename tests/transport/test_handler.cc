#include "tests/transport/test_handler.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status::transport {

void EchoHandler::Handle(const http::Request& request, http::Reply* reply) {
  if (answer) return answer(request, reply);
  reply->content_type = "text/plain";
  reply->body = absl::StrCat(request.method, " ", request.path, "?", request.query);
  for (const http::Header& header : request.headers) {
    absl::StrAppend(&reply->body, " [", header.name, "=", header.value, "]");
  }
  absl::StrAppend(&reply->body, " ", request.body);
}

void EchoHandler::HandleRefused(const http::Request& request, int, absl::string_view message,
                                http::Reply* reply) {
  reply->content_type = "text/plain";
  reply->headers.emplace_back("Refused-Path", std::string(request.path));
  reply->body = std::string(message);
}

TestListener::TestListener(ListenerOptions options, EchoHandler::Answer answer,
                           FailedHandshakeObserver on_failed_handshake)
    : directory(MakeTemporaryDirectory()) {
  handler.answer = std::move(answer);
  if (options.unix_socket_path.empty()) options.unix_socket_path = directory + "/http.sock";
  if (options.tcp_addresses.empty()) options.tcp_addresses = {"127.0.0.1:0"};
  // The limits under test are those of the options, not of the shell that runs the test.
  options.descriptors_percent_max = 100;
  options.nice_level = 0;
  listener = std::make_unique<Listener>(options, handler, std::move(on_failed_handshake));
  const absl::Status status = listener->Start();
  EXPECT_TRUE(status.ok()) << status;
}

TestListener::~TestListener() {
  listener.reset();
  std::filesystem::remove_all(directory);
}

std::string MakeTemporaryDirectory() {
  std::string path = ::testing::TempDir() + "session_status_XXXXXX";
  EXPECT_NE(::mkdtemp(path.data()), nullptr);
  return path;
}

}  // namespace session_status::transport
