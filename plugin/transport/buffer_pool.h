// Memory for bytes that wait: parts of requests, replies for slow readers. Blocks come in powers
// of two and are kept for reuse, so that the steady state allocates nothing.
//
// Threads:   BufferPool: one loop's thread. BufferBudget: any.
// Ownership: a Buffer gives its block back when it is released or destroyed; the pool outlives it.
// Errors:    Reserve() says false when the budget of all loops, or the holder's part of it, is used
//            up; memory exhaustion throws
//            std::bad_alloc, which the loop turns into the end of that connection.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_BUFFER_POOL_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_BUFFER_POOL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "plugin/transport/standing.h"

namespace session_status::transport {

// Whom the budget charges. Changes only while nothing is held.
struct BufferHolder {
  Standing standing = Standing::kStranger;
  std::atomic<size_t>* address_bytes = nullptr;  // a stranger's: the sum of its address
};

// Bytes that all connections of all loops may hold together: strangers at most three quarters of
// them, those of one address at most one (standing.h says why there is a reserve). A request of
// listener_body_bytes_max fits into a stranger's quarter as long as the budget is kShareOfOneBody
// times that: while its buffer grows, it holds an old and a new block.
class BufferBudget {
 public:
  static constexpr size_t kShareOfOneBody = 16;

  explicit BufferBudget(size_t bytes_max);
  bool Take(const BufferHolder& holder, size_t bytes);
  void Return(const BufferHolder& holder, size_t bytes);
  size_t used() const { return used_.back().load(std::memory_order_relaxed); }

 private:
  static constexpr size_t kReserveShare = 4;
  static constexpr size_t kAddressShare = 4;

  const size_t bytes_max_;
  // By a standing and all below it. Relaxed throughout, here and in BufferHolder: numbers, they
  // publish nothing. Take() adds first and looks then, so that two never get the same bytes.
  std::array<std::atomic<size_t>, kStandings> used_{};
};

class BufferPool {
 public:
  static constexpr size_t kBlockBytesMin = 4096;
  // Free blocks kept for the next connection; more go back to the heap.
  static constexpr size_t kKeptBytesMax = 1024 * 1024;

  explicit BufferPool(BufferBudget& budget) : budget_(budget) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // A block of at least `bytes` (its size goes to `*block_bytes`), or nullptr over the budget.
  char* Acquire(const BufferHolder& holder, size_t bytes, size_t* block_bytes);
  void Release(const BufferHolder& holder, char* block, size_t block_bytes) noexcept;

 private:
  static constexpr int kClasses = 40;
  static int ClassOf(size_t bytes);

  BufferBudget& budget_;
  std::array<std::vector<std::unique_ptr<char[]>>, kClasses> free_;
  size_t kept_bytes_ = 0;
};

// A queue of bytes: written at the end, consumed from the front.
class Buffer {
 public:
  // `holder` outlives the buffer.
  Buffer(BufferPool& pool, const BufferHolder& holder) : pool_(pool), holder_(holder) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { Release(); }

  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  char* data() { return block_ + begin_; }
  size_t room() const { return block_bytes_ - end_; }
  char* room_data() { return block_ + end_; }

  // Makes room for `bytes` more; false over the budget (nothing changed then).
  bool Reserve(size_t bytes);
  bool Append(absl::string_view bytes);
  void Commit(size_t bytes) { end_ += bytes; }  // after writing to room_data()
  void Consume(size_t bytes) { begin_ += bytes; }
  void Truncate(size_t size) { end_ = begin_ + size; }
  void Release() noexcept;

 private:
  BufferPool& pool_;
  const BufferHolder& holder_;
  char* block_ = nullptr;
  size_t block_bytes_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_BUFFER_POOL_H_
