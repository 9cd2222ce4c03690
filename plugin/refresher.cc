#include "plugin/refresher.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "plugin/os/steady_clock.h"

namespace session_status {
namespace {

// Both clocks are read one after the other, and a thread may have to wait in between.
constexpr absl::Duration kClockStep = absl::Milliseconds(100);

}  // namespace

absl::Status Refresher::Start(int nice) {
  if (!stop_.ok()) return absl::ResourceExhaustedError("no file descriptor for the refresher");
  Publish();
  populated_at_ = os::SteadyNow();
  PopulateAhead();
  return thread_.Start("status-refresh", nice, [this] { Run(); });
}

void Refresher::Run() {
  absl::Duration publish_at = os::SteadyNow() + interval_;
  for (;;) {
    const absl::Duration next = std::min(publish_at, populated_at_ + populate_in_);
    if (stop_.WaitFor(std::max(next - os::SteadyNow(), absl::ZeroDuration()))) return;
    if (os::SteadyNow() >= publish_at || ClockWasSet()) {
      Publish();
      publish_at = os::SteadyNow() + interval_;
    }
    PopulateAhead();
  }
}

void Refresher::Publish() {
  if (first_) first_(absl::Now());
  const absl::Time now = absl::Now();
  const int64_t begin_ns = os::SteadyNs();
  registry_.PublishSnapshot(now, begin_ns / 1'000'000);
  publish_time_.Record(os::SteadyNs() - begin_ns);
  taken_at_ = now - absl::Nanoseconds(begin_ns);
}

bool Refresher::ClockWasSet() const {
  return absl::AbsDuration(absl::Now() - os::SteadyNow() - taken_at_) > kClockStep;
}

void Refresher::PopulateAhead() {
  const absl::Duration now = os::SteadyNow();
  const absl::Duration since_last = now - std::exchange(populated_at_, now);
  populate_in_ = registry_.PopulateAhead(since_last);
  if (too_) populate_in_ = std::min(populate_in_, too_(since_last));
}

void Refresher::Stop() {
  stop_.RequestStop();
  thread_.Join();
}

}  // namespace session_status
