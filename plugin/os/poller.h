// One helper thread that looks at things every few milliseconds, so that the broker's thread need
// not wake anybody: it writes memory, the poller notices. Sleeps for good while there is nothing to
// look at.
//
// Threads:   Add, Remove: any; blocking for the time of one round at most. Poll() of the members:
//            the poller's thread.
// Ownership: members belong to others; after Remove() returned, Poll() is not running and will not
//            be called.
// Errors:    a member that finds no memory (std::bad_alloc) misses this turn, and no other does.
//            Start says ResourceExhausted when the system gives no thread.
#ifndef SESSION_STATUS_PLUGIN_OS_POLLER_H_
#define SESSION_STATUS_PLUGIN_OS_POLLER_H_

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "plugin/os/mutex.h"
#include "plugin/os/service_thread.h"
#include "plugin/os/stop_signal.h"

namespace session_status::os {

class Poller {
 public:
  class Member {
   public:
    virtual ~Member() = default;
    // `now` counts from any fixed moment and never runs backwards. Must not block, and must not
    // call Add() or Remove().
    virtual void Poll(absl::Duration now) = 0;
  };

  explicit Poller(absl::Duration interval) : interval_(interval) {}
  ~Poller() { Stop(); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  absl::Status Start(int nice);
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  void Add(Member* member) ABSL_LOCKS_EXCLUDED(mu_);
  void Remove(Member* member) ABSL_LOCKS_EXCLUDED(mu_);

  // One round, as the thread makes it. Tests drive time with it.
  void PollOnce(absl::Duration now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const absl::Duration interval_;
  StopSignal stop_;
  ServiceThread thread_;
  Mutex mu_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<Member*> members_ ABSL_GUARDED_BY(mu_);
};

}  // namespace session_status::os

#endif  // SESSION_STATUS_PLUGIN_OS_POLLER_H_
