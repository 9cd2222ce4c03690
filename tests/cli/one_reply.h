// A server on a Unix socket, or on TCP, that takes one connection and answers whatever is asked
// with `reply`.
//
// Threads: one; the server has its own.
#ifndef SESSION_STATUS_TESTS_CLI_ONE_REPLY_H_
#define SESSION_STATUS_TESTS_CLI_ONE_REPLY_H_

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>

#include "tests/testing/temp_dir.h"

namespace session_status::testing {

class OneReply {
 public:
  // `path`: in the place of what is there; empty: one of its own.
  explicit OneReply(std::string reply, const std::string& path = "")
      : reply_(std::move(reply)),
        path_(path.empty() ? dir_.File("sock") : path),
        fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    unlink(path_.c_str());
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    Serve();
  }
  struct Tcp {};
  OneReply(std::string reply, Tcp)
      : reply_(std::move(reply)), fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    Serve();
  }
  ~OneReply() {
    shutdown(fd_, SHUT_RDWR);  // nobody came
    thread_.join();
    close(fd_);
  }
  OneReply(const OneReply&) = delete;
  OneReply& operator=(const OneReply&) = delete;

  const std::string& path() const { return path_; }
  int port() const { return port_; }
  bool answered() const { return answered_; }
  // The beginning of what was asked; once answered().
  const std::string& request() const { return request_; }

 private:
  void Serve() {
    EXPECT_EQ(listen(fd_, 1), 0);
    thread_ = std::thread([this] {
      const int peer = accept(fd_, nullptr, nullptr);
      char request[4096];
      const ssize_t size = peer >= 0 ? read(peer, request, sizeof(request)) : 0;
      if (size > 0) {
        request_.assign(request, static_cast<size_t>(size));
        EXPECT_EQ(write(peer, reply_.data(), reply_.size()), static_cast<ssize_t>(reply_.size()));
        answered_ = true;
      }
      close(peer);
    });
  }

  const std::string reply_;
  const TempDir dir_;
  const std::string path_;
  const int fd_;
  int port_ = 0;
  std::string request_;
  std::atomic<bool> answered_{false};
  std::thread thread_;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_CLI_ONE_REPLY_H_
