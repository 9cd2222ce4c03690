#include "plugin/refresher.h"

#include "absl/time/clock.h"

namespace session_status {

absl::Status Refresher::Start(int nice) {
  if (!stop_.ok()) return absl::ResourceExhaustedError("no file descriptor for the refresher");
  registry_.PublishSnapshot(absl::Now());
  return thread_.Start("status-refresh", nice, [this] {
    while (!stop_.WaitFor(interval_)) registry_.PublishSnapshot(absl::Now());
  });
}

void Refresher::Stop() {
  stop_.RequestStop();
  thread_.Join();
}

}  // namespace session_status
