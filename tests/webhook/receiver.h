// An HTTP receiver for tests, on sockets of its own: takes posts, answers as it is told, can be
// slow, can die and come back on the same port.
//
// Threads: the test's; one connection at a time is served by a thread inside.
#ifndef SESSION_STATUS_TESTS_WEBHOOK_RECEIVER_H_
#define SESSION_STATUS_TESTS_WEBHOOK_RECEIVER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"

namespace session_status::testing {

class Receiver {
 public:
  struct Post {
    std::string target;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
    int answered = 0;
    absl::Time at;
  };

  Receiver();  // listens at once
  ~Receiver() { Die(); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  std::string url() const;
  void Die();  // nobody listens, open connections break
  void Revive();

  std::atomic<int> status{200};
  std::atomic<bool> hold{false};    // reads posts and does not answer
  std::atomic<int> retry_after{0};  // seconds; 0: asks for nothing

  std::vector<Post> posts() const;
  size_t count() const;

 private:
  void Run();
  void Serve(int fd);
  bool Answer(int fd, Post post);

  const uint16_t port_;
  int listen_fd_ = -1;
  std::atomic<bool> stop_{false};
  mutable std::mutex mu_;
  std::vector<Post> posts_;
  std::thread thread_;
};

// What Standard Webhooks has in Webhook-Signature for this post and secret.
std::string SignatureOf(const Receiver::Post& post, const std::string& secret);

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_WEBHOOK_RECEIVER_H_
