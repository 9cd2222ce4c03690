#include "tests/transport/test_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "plugin/transport/socket_address.h"
#include "tests/testing/wait.h"

namespace session_status::transport {

TestClient::TestClient(absl::string_view address) {
  const auto parsed =
      absl::StartsWith(address, "/") ? ParseUnixAddress(address) : ParseTcpAddress(address);
  if (!parsed.ok()) return;
  fd_ = ::socket(parsed->family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience = absl::ToTimeval(testing::kPatience);
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  if (::connect(fd_, parsed->get(), parsed->size) != 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

TestClient::TestClient(absl::string_view address, SSL_CTX* context) : TestClient(address) {
  if (fd_ < 0) return;
  ssl_ = SSL_new(context);
  SSL_set_fd(ssl_, fd_);
  if (SSL_connect(ssl_) == 1) return;
  ::close(fd_);
  fd_ = -1;
}

TestClient::TestClient(TestClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      ssl_(std::exchange(other.ssl_, nullptr)),
      buffer_(std::move(other.buffer_)) {}

TestClient::~TestClient() {
  if (ssl_ != nullptr) SSL_free(ssl_);
  if (fd_ >= 0) ::close(fd_);
}

bool TestClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ssl_ != nullptr
                             ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                             : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void TestClient::ShutdownWriting() { ::shutdown(fd_, SHUT_WR); }

bool TestClient::Fill() {
  char bytes[16384];
  const ssize_t size =
      ssl_ != nullptr ? SSL_read(ssl_, bytes, sizeof(bytes)) : ::recv(fd_, bytes, sizeof(bytes), 0);
  if (size <= 0) return false;
  buffer_.append(bytes, static_cast<size_t>(size));
  return true;
}

std::string TestClient::Line() {
  size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!Fill()) return "";
  }
  std::string line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return line;
}

std::string TestClient::Take(size_t size) {
  while (buffer_.size() < size && Fill()) {
  }
  std::string taken = buffer_.substr(0, size);
  buffer_.erase(0, taken.size());
  return taken;
}

TestReply TestClient::Read(bool head_only) {
  TestReply reply;
  const std::string status_line = Line();
  if (!absl::StartsWith(status_line, "HTTP/1.1 ")) return reply;
  if (!absl::SimpleAtoi(status_line.substr(9, 3), &reply.status)) return reply;
  for (std::string line = Line(); !line.empty(); line = Line()) {
    const size_t colon = std::min(line.find(": "), line.size());
    reply.headers.emplace(absl::AsciiStrToLower(line.substr(0, colon)),
                          line.substr(std::min(colon + 2, line.size())));
  }
  if (head_only || reply.status == 204 || reply.status == 304 || reply.status < 200) {
    reply.complete = true;
  } else if (reply.header("transfer-encoding") == "chunked") {
    for (;;) {
      const std::string size_line = Line();
      if (size_line.empty()) return reply;
      const size_t size = std::strtoul(size_line.c_str(), nullptr, 16);
      const std::string chunk = Take(size + 2);
      if (chunk.size() < size + 2) return reply;
      reply.body.append(chunk, 0, size);
      if (size == 0) break;
    }
    reply.complete = true;
  } else if (size_t size = 0; absl::SimpleAtoi(reply.header("content-length"), &size)) {
    reply.body = Take(size);
    reply.complete = reply.body.size() == size;
  } else {
    reply.body = ReadAll();
    reply.complete = true;
  }
  return reply;
}

bool TestClient::AtEnd() {
  if (!buffer_.empty()) return false;
  return !Fill();
}

std::string TestClient::ReadAll() {
  while (Fill()) {
  }
  return std::exchange(buffer_, "");
}

std::string TestClient::ReadSome() {
  if (buffer_.empty()) Fill();
  return std::exchange(buffer_, "");
}

}  // namespace session_status::transport
