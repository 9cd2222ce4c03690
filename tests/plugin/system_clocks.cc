#include "tests/plugin/system_clocks.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "absl/time/clock.h"

namespace {

constexpr int64_t kSecond = 1'000'000'000;

std::atomic<int64_t> passed_ns{0};
std::atomic<int64_t> set_ns{0};

}  // namespace

extern "C" __attribute__((visibility("default"))) int clock_gettime(clockid_t clock,
                                                                    timespec* out) noexcept {
  const long result = syscall(SYS_clock_gettime, clock, out);
  if (result != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)) {
    return static_cast<int>(result);
  }
  int64_t ns = out->tv_sec * kSecond + out->tv_nsec + passed_ns.load();
  if (clock == CLOCK_REALTIME) ns += set_ns.load();
  out->tv_sec = ns / kSecond;
  out->tv_nsec = ns % kSecond;
  return 0;
}

namespace session_status::testing {

namespace {

// absl::Now() may go by the processor's counter for two seconds before it asks the clock again.
constexpr absl::Duration kNoticed = absl::Seconds(1);

void WaitUntilAbslNotices() {
  timespec now{};
  do {
    clock_gettime(CLOCK_REALTIME, &now);
  } while (absl::AbsDuration(absl::Now() - absl::TimeFromTimespec(now)) > kNoticed);
}

}  // namespace

SystemClocks::~SystemClocks() {
  passed_ns = 0;
  set_ns = 0;
  WaitUntilAbslNotices();
}

void SystemClocks::Pass(absl::Duration time) {
  passed_ns += absl::ToInt64Nanoseconds(time);
  if (time > kNoticed) WaitUntilAbslNotices();
}

void SystemClocks::Set(absl::Duration step) {
  set_ns += absl::ToInt64Nanoseconds(step);
  WaitUntilAbslNotices();
}

}  // namespace session_status::testing
