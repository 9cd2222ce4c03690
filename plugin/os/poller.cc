#include "plugin/os/poller.h"

#include <algorithm>
#include <new>

#include "plugin/os/steady_clock.h"

namespace session_status::os {

absl::Status Poller::Start(int nice) {
  if (!stop_.ok()) return absl::ResourceExhaustedError("no file descriptor for the poller");
  return thread_.Start("status-poll", nice, [this] { Run(); });
}

void Poller::Stop() {
  {
    MutexLock lock(&mu_);
    stopping_ = true;
    changed_.Signal();
  }
  stop_.RequestStop();
  thread_.Join();
}

void Poller::Add(Member* member) {
  MutexLock lock(&mu_);
  members_.push_back(member);
  changed_.Signal();
}

void Poller::Remove(Member* member) {
  MutexLock lock(&mu_);
  members_.erase(std::remove(members_.begin(), members_.end(), member), members_.end());
}

void Poller::PollOnce(absl::Duration now) {
  MutexLock lock(&mu_);
  for (Member* member : members_) {
    try {
      member->Poll(now);
    } catch (const std::bad_alloc&) {  // its next turn comes in one interval
    }
  }
}

void Poller::Run() {
  do {
    {
      MutexLock lock(&mu_);
      while (members_.empty() && !stopping_) changed_.Wait(&mu_);
    }
    PollOnce(SteadyNow());
  } while (!stop_.WaitFor(interval_));
}

}  // namespace session_status::os
