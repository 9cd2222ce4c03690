// std::mutex with clang's thread-safety annotations.
//
// Not absl::Mutex, because Debian's Abseil is built without the thread sanitizer, which then sees
// no lock at all and reports everything under it as a race. It is also built with deadlock
// detection, which costs several hundred instructions each time a lock is taken.
//
// Threads: any; blocking, but for TryLock.
#ifndef SESSION_STATUS_PLUGIN_OS_MUTEX_H_
#define SESSION_STATUS_PLUGIN_OS_MUTEX_H_

#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace session_status::os {

class ABSL_LOCKABLE Mutex {
 public:
  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mu_.lock(); }
  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) { return mu_.try_lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() { mu_.unlock(); }
  // For the analysis, where it cannot follow (a lambda): checks nothing.
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() {}

 private:
  friend class CondVar;
  std::mutex mu_;
};

class CondVar {
 public:
  // May return without a Signal().
  void Wait(Mutex* mu) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    std::unique_lock<std::mutex> held(mu->mu_, std::adopt_lock);
    changed_.wait(held);
    held.release();
  }
  void Signal() { changed_.notify_one(); }

 private:
  std::condition_variable changed_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mu) ABSL_EXCLUSIVE_LOCK_FUNCTION(mu) : mu_(mu) { mu_->Lock(); }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mu_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mu_;
};

}  // namespace session_status::os

#endif  // SESSION_STATUS_PLUGIN_OS_MUTEX_H_
