#include "plugin/transport/wake_queue.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace session_status::transport {

WakeQueue::WakeQueue() : event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void WakeQueue::Push(uint64_t id) {
  {
    os::MutexLock lock(&mu_);
    ids_.push_back(id);
    if (ids_.size() > 1) return;  // the first one rang
  }
  Wake();
}

void WakeQueue::Wake() {
  const uint64_t one = 1;
  // The counter cannot overflow in practice, and a full one is readable just the same.
  [[maybe_unused]] const ssize_t written = ::write(fd(), &one, sizeof(one));
}

void WakeQueue::Take(std::vector<uint64_t>* ids) {
  uint64_t ignored;
  [[maybe_unused]] const ssize_t size = ::read(fd(), &ignored, sizeof(ignored));
  ids->clear();
  os::MutexLock lock(&mu_);
  ids->swap(ids_);
}

}  // namespace session_status::transport
