#include "plugin/os/stop_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

namespace session_status::os {

StopSignal::StopSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

StopSignal::~StopSignal() {
  if (fd_ >= 0) close(fd_);
}

void StopSignal::RequestStop() {
  const uint64_t one = 1;
  // Cannot fail but by overflow, and then the descriptor is readable already.
  [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
}

bool StopSignal::WaitFor(absl::Duration timeout) const {
  const int64_t millis = absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1)));
  pollfd stop = {fd_, POLLIN, 0};
  // A wait cut short (EINTR: all signals are blocked, so only by a debugger) counts as a time-out.
  return poll(&stop, 1, static_cast<int>(std::min<int64_t>(millis, INT32_MAX))) > 0;
}

}  // namespace session_status::os
