#include "tests/plugin/failing_memory.h"

#include <sys/prctl.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>

// The C library's own, under the names that it has for who replaces them.
extern "C" {
void* __libc_malloc(size_t size) noexcept;
void* __libc_calloc(size_t count, size_t size) noexcept;
void* __libc_realloc(void* memory, size_t size) noexcept;
}

namespace {

constexpr size_t kNameBytes = 16;  // with its end; as much as the kernel keeps

std::atomic<bool> armed{false};
std::atomic<uint64_t> before{0};  // allocations that are still granted
std::atomic<uint64_t> burst_left{0};
std::atomic<uint64_t> failures{0};
char failing_thread[kNameBytes];  // written while nothing is armed

bool TakeOne(std::atomic<uint64_t>* left) {
  uint64_t value = left->load();
  while (value > 0 && !left->compare_exchange_weak(value, value - 1)) {
  }
  return value > 0;
}

bool Fails() {
  if (!armed.load()) return false;
  char own[kNameBytes] = {};
  prctl(PR_GET_NAME, own);
  if (std::strcmp(own, failing_thread) != 0 || TakeOne(&before) || !TakeOne(&burst_left)) {
    return false;
  }
  failures.fetch_add(1);
  errno = ENOMEM;
  return true;
}

}  // namespace

#define REPLACEMENT extern "C" __attribute__((visibility("default"))) void*
REPLACEMENT malloc(size_t size) noexcept { return Fails() ? nullptr : __libc_malloc(size); }
REPLACEMENT calloc(size_t count, size_t size) noexcept {
  return Fails() ? nullptr : __libc_calloc(count, size);
}
REPLACEMENT realloc(void* memory, size_t size) noexcept {
  return Fails() ? nullptr : __libc_realloc(memory, size);
}

namespace session_status::testing {

FailingMemory::FailingMemory(uint64_t nth, uint64_t burst, const std::string& thread) {
  End();
  std::memset(failing_thread, 0, kNameBytes);
  if (thread.empty()) {
    prctl(PR_GET_NAME, failing_thread);
  } else {
    thread.copy(failing_thread, kNameBytes - 1);
  }
  before.store(nth - 1);
  burst_left.store(burst);
  failures.store(0);
  armed.store(true);
}

void FailingMemory::End() { armed.store(false); }

uint64_t FailingMemory::failed() { return failures.load(); }

}  // namespace session_status::testing
