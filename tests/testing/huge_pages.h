// What the system backs with huge pages.
//
// Threads: any.
#ifndef SESSION_STATUS_TESTS_TESTING_HUGE_PAGES_H_
#define SESSION_STATUS_TESTS_TESTING_HUGE_PAGES_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <string>

namespace session_status::testing {

// Of the whole process.
inline size_t HugePageBytes() {
  std::ifstream smaps("/proc/self/smaps_rollup");
  for (std::string name; smaps >> name;) {
    size_t kib = 0;
    if (name == "AnonHugePages:" && smaps >> kib) return kib * 1024;
  }
  return 0;
}

// Whether it gives them to who asks: a setting forbids it, and so does memory in small pieces.
inline bool SystemGivesHugePages() {
  constexpr size_t kBytes = size_t{16} << 20;
  void* const p = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return false;
  const size_t before = HugePageBytes();
  madvise(p, kBytes, MADV_HUGEPAGE);
  std::memset(p, 1, kBytes);
  const bool given = HugePageBytes() - before >= kBytes / 2;
  munmap(p, kBytes);
  return given;
}

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_HUGE_PAGES_H_
