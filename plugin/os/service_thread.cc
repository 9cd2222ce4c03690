#include "plugin/os/service_thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status::os {

namespace {

// Blocked before the thread exists, so that there is no moment at which it could take a signal.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  // Also when there was no memory for the thread: the caller, the broker, must hear its signals.
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

absl::Status Launch(std::string name, int nice, std::function<void()> body,
                    std::promise<void> ended, std::thread* out) {
  const AllSignalsBlocked blocked;
  try {
    *out = std::thread([name, nice, body = std::move(body), ended = std::move(ended)]() mutable {
      pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
      // Raising nice needs no privilege; a refusal would only cost priority, so it is not an error.
      if (nice > 0) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice);
      body();
      ended.set_value();
    });
  } catch (const std::system_error& e) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot start thread ", name, ": ", e.what(),
                     "; raise what the broker may have of threads (LimitNPROC, TasksMax) or of "
                     "memory (LimitAS)"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ServiceThread::Start(std::string name, int nice, std::function<void()> body) {
  std::promise<void> ended;
  ended_ = ended.get_future();
  return Launch(std::move(name), nice, std::move(body), std::move(ended), &thread_);
}

void ServiceThread::Join() {
  if (thread_.joinable()) thread_.join();
}

bool ServiceThread::JoinBefore(std::chrono::steady_clock::time_point until) {
  if (!thread_.joinable()) return true;
  if (ended_.wait_until(until) != std::future_status::ready) return false;
  thread_.join();
  return true;
}

absl::Status StartUnjoined(std::string name, std::function<void()> body) {
  std::thread thread;
  absl::Status status =
      Launch(std::move(name), /*nice=*/0, std::move(body), std::promise<void>(), &thread);
  if (status.ok()) thread.detach();
  return status;
}

}  // namespace session_status::os
