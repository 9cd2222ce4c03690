#include "plugin/refresher.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "plugin/os/steady_clock.h"

namespace session_status {

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
    if (os::SteadyNow() >= publish_at) {
      Publish();
      publish_at = os::SteadyNow() + interval_;
    }
    PopulateAhead();
  }
}

void Refresher::Publish() {
  if (first_) first_(absl::Now());
  const absl::Time begin = absl::Now();
  registry_.PublishSnapshot(begin, absl::ToInt64Milliseconds(os::SteadyNow()));
  publish_time_.Record(absl::ToInt64Nanoseconds(absl::Now() - begin));
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
