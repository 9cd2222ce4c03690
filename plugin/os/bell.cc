#include "plugin/os/bell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace session_status::os {

Bell::Bell() : fd_(eventfd(0, EFD_CLOEXEC)) {}

Bell::~Bell() {
  if (fd_ >= 0) close(fd_);
}

void Bell::Ring() {
  const uint64_t one = 1;
  // Would wait only after 2^64 - 1 rings that nobody heard.
  [[maybe_unused]] const ssize_t written = write(fd_, &one, sizeof one);
}

void Bell::Wait() {
  uint64_t rings = 0;
  [[maybe_unused]] const ssize_t heard = read(fd_, &rings, sizeof rings);
}

}  // namespace session_status::os
