// Address space that is reserved once and touched as it is needed.
//
// Nothing in it ever moves or is given back while the registry lives ("type-stable"): a reader may
// follow a number it read long ago and will always find a word of the type it expects. That is what
// lets readers do without locks, hazard pointers and grace periods: they check what they found.
//
// Threads:   as(), used(): any. NoteUsed(): writer. PopulateX(): refresher.
// Ownership: one parent; the mapping ends with the object. All bytes start as zero.
// Errors:    std::bad_alloc when the system refuses that much address space.
#ifndef SESSION_STATUS_REGISTRY_RESERVED_MEMORY_H_
#define SESSION_STATUS_REGISTRY_RESERVED_MEMORY_H_

#include <atomic>
#include <cstddef>

#include "absl/time/time.h"

namespace session_status::registry {

class ReservedMemory {
 public:
  // kHuge: beyond the first 2 MiB, what is populated comes in pages of 2 MiB, where the system has
  // them. What the writer touches first is a small page: of a huge one it would have to wait until
  // all of it is zeroed, and 5 ms where a virtual machine's host has to find it. It does wait where
  // it comes to a huge page while that is being populated; PopulateAhead() begins none that it may
  // reach within 30 ms.
  enum class Pages { kSmall, kHuge };

  ReservedMemory(size_t bytes, Pages pages);
  ~ReservedMemory();
  ReservedMemory(const ReservedMemory&) = delete;
  ReservedMemory& operator=(const ReservedMemory&) = delete;

  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }
  size_t size() const { return size_; }

  // Whether the system would grant `bytes` now.
  static bool WouldGrant(size_t bytes);

  // The writer uses (or is about to use) the first `bytes` bytes. Wait-free.
  void NoteUsed(size_t bytes) {
    // (m1) relaxed: PopulateAhead() only needs a recent hint, no data hangs on it.
    if (bytes > used_.load(std::memory_order_relaxed)) {
      used_.store(bytes, std::memory_order_relaxed);
    }
  }

  // Lets the system back the memory just beyond the used part, so that the writer need not take
  // those page faults. Does nothing where the kernel cannot (before Linux 5.14). Blocking.
  // `since_last`: the time from the last call to this one, infinite when the writer waits for it.
  // Returns how long the next call may wait when the writer goes on as it did.
  absl::Duration PopulateAhead(absl::Duration since_last);
  // The same up to a size that the caller knows.
  void PopulateTo(size_t bytes);
  size_t used() const { return used_.load(std::memory_order_relaxed); }  // (m1)

  // Used or populated, rounded up to what the system hands out. May count what lies between both
  // for the moment until it is used.
  size_t TouchedBytes() const;

 private:
  // Populates up to `end`, in huge pages only where the writer will not be within the next `margin`
  // bytes that it uses.
  void Populate(size_t end, size_t margin);

  char* data_ = nullptr;
  size_t size_ = 0;
  bool huge_ = false;
  std::atomic<size_t> used_{0};       // written by the writer only
  std::atomic<size_t> populated_{0};  // written by the refresher only
  size_t used_before_ = 0;            // the refresher's own: at its last PopulateAhead()
  char* mapping_ = nullptr;           // data_ is aligned inside it
  size_t mapping_bytes_ = 0;
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_RESERVED_MEMORY_H_
