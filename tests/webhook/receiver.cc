#include "tests/webhook/receiver.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/testing/temp_dir.h"

namespace session_status::testing {

Receiver::Receiver() : port_(FreePort()) { Revive(); }

std::string Receiver::url() const {
  return absl::StrCat("http://127.0.0.1:", port_, "/hooks/sessions");
}

void Receiver::Revive() {
  listen_fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  setsockopt(listen_fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(listen_fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listen_fd_, 8), 0);
  stop_ = false;
  thread_ = std::thread([this] { Run(); });
}

void Receiver::Die() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  if (listen_fd_ >= 0) close(std::exchange(listen_fd_, -1));
}

std::vector<Receiver::Post> Receiver::posts() const {
  std::lock_guard<std::mutex> lock(mu_);
  return posts_;
}

size_t Receiver::count() const {
  std::lock_guard<std::mutex> lock(mu_);
  return posts_.size();
}

void Receiver::Run() {
  while (!stop_) {
    pollfd listening = {listen_fd_, POLLIN, 0};
    if (poll(&listening, 1, 10) <= 0) continue;
    const int fd = accept(listen_fd_, nullptr, nullptr);
    if (fd < 0) continue;
    Serve(fd);
    close(fd);
  }
}

// Posts of one connection, until the peer or the test ends it.
void Receiver::Serve(int fd) {
  std::string in;
  while (!stop_) {
    const size_t head_end = in.find("\r\n\r\n");
    Post post;
    size_t length = 0;
    if (head_end != std::string::npos) {
      const std::vector<std::string> lines = absl::StrSplit(in.substr(0, head_end), "\r\n");
      post.target = std::vector<std::string>(absl::StrSplit(lines[0], ' ')).at(1);
      for (size_t i = 1; i < lines.size(); ++i) {
        const std::pair<std::string, std::string> header =
            absl::StrSplit(lines[i], absl::MaxSplits(": ", 1));
        post.headers[absl::AsciiStrToLower(header.first)] = header.second;
      }
      EXPECT_TRUE(absl::SimpleAtoi(post.headers["content-length"], &length));
      if (in.size() >= head_end + 4 + length) {
        post.body = in.substr(head_end + 4, length);
        in.erase(0, head_end + 4 + length);
        if (!Answer(fd, std::move(post))) return;
        continue;
      }
    }
    pollfd readable = {fd, POLLIN, 0};
    if (poll(&readable, 1, 10) <= 0) continue;
    char buffer[65536];
    const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
    if (n <= 0) return;
    in.append(buffer, static_cast<size_t>(n));
  }
}

bool Receiver::Answer(int fd, Post post) {
  post.answered = hold ? 0 : status.load();
  post.at = absl::Now();
  const int answer = post.answered;
  {
    std::lock_guard<std::mutex> lock(mu_);
    posts_.push_back(std::move(post));
  }
  if (answer == 0) {  // the peer gives up first, or the test ends it
    pollfd gone = {fd, POLLIN, 0};
    while (!stop_ && poll(&gone, 1, 10) <= 0) {
    }
    return false;
  }
  const std::string asked =
      retry_after > 0 ? absl::StrCat("Retry-After: ", retry_after.load(), "\r\n") : "";
  const std::string reply = absl::StrCat("HTTP/1.1 ", answer, " Answer\r\nContent-Length: 2\r\n",
                                         "Location: /elsewhere\r\n", asked, "\r\nok");
  return send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(reply.size());
}

std::string SignatureOf(const Receiver::Post& post, const std::string& secret) {
  const std::string text = absl::StrCat(post.headers.at("webhook-id"), ".",
                                        post.headers.at("webhook-timestamp"), ".", post.body);
  unsigned char mac[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac, &length);
  unsigned char base64[64];
  const int n = EVP_EncodeBlock(base64, mac, static_cast<int>(length));
  return absl::StrCat("v1,", std::string(reinterpret_cast<char*>(base64), n));
}

}  // namespace session_status::testing
