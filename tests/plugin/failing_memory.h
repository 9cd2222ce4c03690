// Memory that runs out in one thread: malloc, calloc and realloc, and with them operator new and
// every library of the program. failing_memory.cc has them in place of the C library's; it belongs
// into a program of its own, without a sanitizer.
//
//   FailingMemory failing(3);
//   Work();  // its third allocation fails
//
// Threads: one such object at a time; failed() from any.
#ifndef SESSION_STATUS_TESTS_PLUGIN_FAILING_MEMORY_H_
#define SESSION_STATUS_TESTS_PLUGIN_FAILING_MEMORY_H_

#include <cstdint>
#include <new>
#include <string>

namespace session_status::testing {

inline constexpr uint64_t kForEver = UINT64_MAX;

class FailingMemory {
 public:
  // From the `nth` allocation on `burst` in a row fail, of the threads of that name; empty: of
  // those that are called like the caller.
  explicit FailingMemory(uint64_t nth, uint64_t burst = 1, const std::string& thread = "");
  ~FailingMemory() { End(); }
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;

  static void End();
  static uint64_t failed();  // since the last one began
};

// Calls work() with its first, second, third… allocation failing, `burst` in a row, and after each
// time check(whether it came to its end), with memory. Until nothing is left that could fail.
template <typename Work, typename Check>
void FailEachAllocation(uint64_t burst, Work work, Check check) {
  for (uint64_t nth = 1; nth == 1 || FailingMemory::failed() > 0; ++nth) {
    bool done = false;
    {
      const FailingMemory failing(nth, burst);
      try {
        work();
        done = true;
      } catch (const std::bad_alloc&) {
      }
    }
    check(done);
  }
}

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_PLUGIN_FAILING_MEMORY_H_
