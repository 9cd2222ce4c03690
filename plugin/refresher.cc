#include "plugin/refresher.h"

#include "absl/time/clock.h"

namespace session_status {

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
  registry_.PublishSnapshot(begin);
  publish_time_.Record(absl::ToInt64Nanoseconds(absl::Now() - begin));
  registry_.PopulateAhead();
}

void Refresher::Stop() {
  stop_.RequestStop();
  thread_.Join();
}

}  // namespace session_status
