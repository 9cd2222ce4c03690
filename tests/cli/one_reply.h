// A server on a Unix socket that takes one connection and answers whatever is asked with `reply`.
//
// Threads: one; the server has its own.
#ifndef SESSION_STATUS_TESTS_CLI_ONE_REPLY_H_
#define SESSION_STATUS_TESTS_CLI_ONE_REPLY_H_

#include <gtest/gtest.h>
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
      : reply_(std::move(reply)), path_(path.empty() ? dir_.File("sock") : path) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof(address.sun_path) - 1);
    unlink(path_.c_str());
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    thread_ = std::thread([this] {
      const int peer = accept(fd_, nullptr, nullptr);
      char request[4096];
      if (peer >= 0 && read(peer, request, sizeof(request)) > 0) {
        EXPECT_EQ(write(peer, reply_.data(), reply_.size()), static_cast<ssize_t>(reply_.size()));
        answered_ = true;
      }
      close(peer);
    });
  }
  ~OneReply() {
    shutdown(fd_, SHUT_RDWR);  // nobody came
    thread_.join();
    close(fd_);
  }
  OneReply(const OneReply&) = delete;
  OneReply& operator=(const OneReply&) = delete;

  const std::string& path() const { return path_; }
  bool answered() const { return answered_; }

 private:
  const std::string reply_;
  const TempDir dir_;
  const std::string path_;
  const int fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::atomic<bool> answered_{false};
  std::thread thread_;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_CLI_ONE_REPLY_H_
