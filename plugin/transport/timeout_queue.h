// Deadlines of one kind. Because every member waits equally long, the queue is ordered by itself:
// starting, restarting and stopping are a few pointer writes.
//
// Threads:   one loop's thread.
// Ownership: a member unlinks itself when destroyed; the queue may not die before its members.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_TIMEOUT_QUEUE_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_TIMEOUT_QUEUE_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace session_status::transport {

class TimeoutQueue {
 public:
  class Member {
   public:
    Member() = default;
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    ~Member() { Stop(); }

    void Stop() {
      if (queue_ == nullptr) return;
      prev_->next_ = next_;
      next_->prev_ = prev_;
      --queue_->size_;
      queue_ = nullptr;
    }
    int64_t deadline_ns() const { return deadline_ns_; }

   private:
    friend class TimeoutQueue;
    Member* prev_ = nullptr;
    Member* next_ = nullptr;
    TimeoutQueue* queue_ = nullptr;
    int64_t deadline_ns_ = 0;
  };

  explicit TimeoutQueue(absl::Duration timeout) : timeout_ns_(absl::ToInt64Nanoseconds(timeout)) {
    ends_.prev_ = ends_.next_ = &ends_;
  }
  TimeoutQueue(const TimeoutQueue&) = delete;
  TimeoutQueue& operator=(const TimeoutQueue&) = delete;

  // Takes the member out of whatever queue it is in and puts it at the end of this one.
  void Start(Member& member, int64_t now_ns) {
    member.Stop();
    member.queue_ = this;
    member.deadline_ns_ = now_ns + timeout_ns_;
    member.prev_ = ends_.prev_;
    member.next_ = &ends_;
    ends_.prev_->next_ = &member;
    ends_.prev_ = &member;
    ++size_;
  }

  // The member that waits longest, or nullptr.
  Member* oldest() const { return size_ == 0 ? nullptr : ends_.next_; }
  size_t size() const { return size_; }

 private:
  const int64_t timeout_ns_;
  size_t size_ = 0;
  Member ends_;  // a ring: ends_.next_ is the oldest, ends_.prev_ the newest
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_TIMEOUT_QUEUE_H_
