// "Come back to connection N": from any thread to one loop.
//
// Threads:     Push, Wake, Close: any. Take: the loop.
// Ownership:   shared by the loop and by every wake function it handed out; those may outlive the
//              loop and then do nothing.
// Consistency: what a thread did before Push(id) is seen by the loop after a Take() that gave id.
// Errors:      Push, StreamWaker::Wake: std::bad_alloc; nobody was woken, a later call tries again.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_WAKE_QUEUE_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_WAKE_QUEUE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "plugin/os/mutex.h"
#include "plugin/transport/file_descriptor.h"

namespace session_status::transport {

class WakeQueue {
 public:
  WakeQueue();

  // Readable when there is something to Take(); -1 when no descriptor was free.
  int fd() const { return event_fd_.get(); }

  void Push(uint64_t id);  // see StreamWaker: at most once per connection until it was taken
  // Only makes fd() readable.
  void Wake();
  // Moves the queued ids to `*ids` (cleared first) and makes fd() unreadable.
  void Take(std::vector<uint64_t>* ids);

 private:
  const FileDescriptor event_fd_;
  os::Mutex mu_;
  std::vector<uint64_t> ids_ ABSL_GUARDED_BY(mu_);
};

// The wake function of one stream: however often it is called, its connection is queued once.
class StreamWaker {
 public:
  StreamWaker(std::shared_ptr<WakeQueue> queue, uint64_t id) : queue_(std::move(queue)), id_(id) {}

  void Wake() {
    // (1) acq_rel; what the caller prepared happens before (2) of the loop that answers this ring,
    // also when an earlier call already rang.
    if (rung_.exchange(true, std::memory_order_acq_rel)) return;
    try {
      queue_->Push(id_);
    } catch (...) {
      Acknowledge();  // it did not ring
      throw;
    }
  }
  // By the loop, before it looks for new bytes.
  void Acknowledge() {
    rung_.exchange(false, std::memory_order_acq_rel);  // (2) pairs with (1)
  }

 private:
  const std::shared_ptr<WakeQueue> queue_;
  const uint64_t id_;
  std::atomic<bool> rung_{false};
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_WAKE_QUEUE_H_
