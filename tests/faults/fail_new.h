// Allocations of C++ code inside a broker that fail when a test says so: fail_new.cc, preloaded,
// has its own operator new and looks into a page that the test shares with it.
//
// The broker itself is C and calls malloc: what fails is the plugin's own memory and
// that of the C++ libraries in it.
#ifndef SESSION_STATUS_TESTS_FAULTS_FAIL_NEW_H_
#define SESSION_STATUS_TESTS_FAULTS_FAIL_NEW_H_

#include <atomic>
#include <cstdint>

namespace session_status::testing {

inline constexpr char kFailNewFile[] = "SESSION_STATUS_FAIL_NEW";  // environment: where the page is

struct FailNew {
  // The allocation that takes this from 1 to 0 fails; 0: none does.
  std::atomic<uint64_t> countdown;
  // So many in a row fail, from that one on.
  std::atomic<uint64_t> burst;
  std::atomic<uint64_t> failed;
  std::atomic<uint64_t> seen;
};
static_assert(std::atomic<uint64_t>::is_always_lock_free, "shared between processes");

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_FAULTS_FAIL_NEW_H_
