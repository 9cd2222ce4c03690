// A thread of our own inside somebody else's process: named, with every signal blocked (the broker
// relies on its main thread being the one that is interrupted), at lower priority, joined when it
// is destroyed.
//
// Threads: created and destroyed by one thread, which must not be the thread itself.
// Errors:  Start says ResourceExhausted when the system gives no thread.
#ifndef SESSION_STATUS_PLUGIN_OS_SERVICE_THREAD_H_
#define SESSION_STATUS_PLUGIN_OS_SERVICE_THREAD_H_

#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace session_status::os {

// How long a stop of the broker waits for a thread that a disk may hold. Who has such threads tells
// all of them to stop before it waits for the first, so that this is for all of them together.
inline constexpr absl::Duration kDiskWaitMax = absl::Seconds(5);

class ServiceThread {
 public:
  ServiceThread() = default;
  // Joins. Whoever destroys it has told `body` to return before.
  ~ServiceThread() { Join(); }
  ServiceThread(const ServiceThread&) = delete;
  ServiceThread& operator=(const ServiceThread&) = delete;

  // `name`: at most 15 bytes reach the kernel. `nice`: 0 to 19, added to this thread alone (Linux
  // keeps it per thread); 10 to 19 keep a busy helper from delaying the broker on a shared core.
  absl::Status Start(std::string name, int nice, std::function<void()> body);
  void Join();
  // For a thread that has been told to stop and may be in a call of the system that nothing
  // interrupts.
  // True: `body` has returned by then, or was never started, and the thread is joined. False: this
  // object, and all that `body` uses, must not be destroyed before it returns, which may be never.
  [[nodiscard]] bool JoinBefore(std::chrono::steady_clock::time_point until);

 private:
  std::thread thread_;
  std::future<void> ended_;  // of thread_: `body` has returned
};

// A thread that nobody waits for, every signal blocked likewise: for a call of the system that
// nothing interrupts. It outlives whatever is not kept alive by `body`, the plugin itself included;
// an exception in there ends the process. Errors as Start().
absl::Status StartUnjoined(std::string name, std::function<void()> body);

}  // namespace session_status::os

#endif  // SESSION_STATUS_PLUGIN_OS_SERVICE_THREAD_H_
