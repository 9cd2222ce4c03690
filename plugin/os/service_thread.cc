#include "plugin/os/service_thread.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status::os {

absl::Status ServiceThread::Start(std::string name, int nice, std::function<void()> body) {
  // Blocked before the thread exists, so that there is no moment at which it could take a signal.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  absl::Status status;
  try {
    thread_ = std::thread([name, nice, body = std::move(body)] {
      pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
      // Raising nice needs no privilege; a refusal would only cost priority, so it is not an error.
      if (nice > 0) setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice);
      body();
    });
  } catch (const std::system_error& e) {
    status =
        absl::ResourceExhaustedError(absl::StrCat("cannot start thread ", name, ": ", e.what()));
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return status;
}

void ServiceThread::Join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace session_status::os
