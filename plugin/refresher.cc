#include "plugin/refresher.h"

#include <chrono>

#include "absl/time/clock.h"

namespace session_status {

int64_t SteadyMillis() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

absl::Status Refresher::Start(int nice) {
  if (!stop_.ok()) return absl::ResourceExhaustedError("no file descriptor for the refresher");
  Publish();
  return thread_.Start("status-refresh", nice, [this] {
    while (!stop_.WaitFor(interval_)) Publish();
  });
}

void Refresher::Publish() {
  if (first_) first_(absl::Now());
  const absl::Time begin = absl::Now();
  registry_.PublishSnapshot(begin, SteadyMillis());
  publish_time_.Record(absl::ToInt64Nanoseconds(absl::Now() - begin));
  registry_.PopulateAhead();
}

void Refresher::Stop() {
  stop_.RequestStop();
  thread_.Join();
}

}  // namespace session_status
