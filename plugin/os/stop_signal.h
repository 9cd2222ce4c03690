// Tells one thread of ours to stop, and lets it wait for that with a time-out on the monotonic
// clock: a wait on a condition variable of Abseil counts on the wall clock, which an operator may
// set.
//
// Threads: RequestStop(): any. WaitFor(): the thread that is to stop.
#ifndef SESSION_STATUS_PLUGIN_OS_STOP_SIGNAL_H_
#define SESSION_STATUS_PLUGIN_OS_STOP_SIGNAL_H_

#include "absl/time/time.h"

namespace session_status::os {

class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool ok() const { return fd_ >= 0; }  // false: the system gave no descriptor
  int fd() const { return fd_; }        // readable from RequestStop() on; for a poll beside others
  void RequestStop();
  // True as soon as a stop was requested, false after `timeout` (rounded up to a millisecond).
  bool WaitFor(absl::Duration timeout) const;

 private:
  const int fd_;
};

}  // namespace session_status::os

#endif  // SESSION_STATUS_PLUGIN_OS_STOP_SIGNAL_H_
