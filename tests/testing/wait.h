// Waiting for a condition with a deadline: tests never sleep for a fixed time.
#ifndef SESSION_STATUS_TESTS_TESTING_WAIT_H_
#define SESSION_STATUS_TESTS_TESTING_WAIT_H_

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace session_status::testing {

// Long enough for a sanitizer build on a busy machine; a passing test never waits for it.
inline constexpr absl::Duration kPatience = absl::Seconds(30);

// Polls `condition` until it is true or the patience is over. Returns its last value.
template <typename Condition>
bool WaitUntil(Condition&& condition, absl::Duration patience = kPatience,
               absl::Duration pause = absl::Milliseconds(5)) {
  const absl::Time deadline = absl::Now() + patience;
  while (!condition()) {
    if (absl::Now() > deadline) return condition();
    absl::SleepFor(pause);
  }
  return true;
}

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_TESTING_WAIT_H_
