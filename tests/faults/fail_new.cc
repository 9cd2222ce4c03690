#include "tests/faults/fail_new.h"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <new>

namespace {

using session_status::testing::FailNew;

// Before the first C++ object of the plugin exists: whatever calls us finds it.
FailNew* Page() {
  static FailNew* const page = []() -> FailNew* {
    const char* path = std::getenv(session_status::testing::kFailNewFile);
    const int fd = path == nullptr ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return nullptr;
    void* mapped = mmap(nullptr, sizeof(FailNew), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return mapped == MAP_FAILED ? nullptr : static_cast<FailNew*>(mapped);
  }();
  return page;
}

// Who did not expect the failure: into the broker's log, which the test shows.
void OnAbort(int) {
  void* frames[40];
  backtrace_symbols_fd(frames, backtrace(frames, 40), STDERR_FILENO);
  signal(SIGABRT, SIG_DFL);
}
[[gnu::constructor]] void ShowAborts() { signal(SIGABRT, OnAbort); }

bool Fails() {
  FailNew* page = Page();
  if (page == nullptr) return false;
  page->seen.fetch_add(1);
  uint64_t left = page->countdown.load();
  while (left > 0 && !page->countdown.compare_exchange_weak(left, left - 1)) {
  }
  if (left != 1) return false;
  page->failed.fetch_add(1);
  if (page->burst.load() > 0 && page->burst.fetch_sub(1) > 1) page->countdown.store(1);
  return true;
}

void* Allocate(size_t size, size_t alignment) {
  if (Fails()) return nullptr;
  if (size == 0) size = 1;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

void* OrThrow(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(size_t size) { return OrThrow(Allocate(size, 1)); }
void* operator new[](size_t size) { return OrThrow(Allocate(size, 1)); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return Allocate(size, 1); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return Allocate(size, 1); }
void* operator new(size_t size, std::align_val_t a) { return OrThrow(Allocate(size, size_t(a))); }
void* operator new[](size_t size, std::align_val_t a) { return OrThrow(Allocate(size, size_t(a))); }
void* operator new(size_t size, std::align_val_t a, const std::nothrow_t&) noexcept {
  return Allocate(size, size_t(a));
}
void* operator new[](size_t size, std::align_val_t a, const std::nothrow_t&) noexcept {
  return Allocate(size, size_t(a));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
