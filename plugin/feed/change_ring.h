// The last changes, in a ring of bytes: one writer that waits for nobody, any number of readers
// that cost it nothing. A reader that is slower than the ring is long finds out, for certain.
//
//        tail                                head
//   ┌─────┴────┬────────┬──────────┬────────┬─┴───────┐     positions count words since the start
//   │ seq 1007 │  1008  │   1009   │  1010  │ (free)  │     and never wrap; a position modulo the
//   └──────────┴────────┴──────────┴────────┴─────────┘     size is a place
//
// Append() moves the tail beyond what it is about to overwrite, writes the words, then moves the
// head. A reader copies an entry out and believes it only if the tail has not passed it meanwhile.
//
// Threads:   Append: the one writer (`broker`), wait-free, allocates nothing. All const methods:
//            any, lock-free.
// Ownership: a reader's Change borrows from the reader's own buffer.
// Errors:    kOverrun tells a reader that changes are gone.
#ifndef SESSION_STATUS_PLUGIN_FEED_CHANGE_RING_H_
#define SESSION_STATUS_PLUGIN_FEED_CHANGE_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "plugin/feed/change.h"

namespace session_status::feed {

// The longest entry: an identifier of 65,535 bytes and 255 of address. Eight of them must fit.
inline constexpr size_t kRingBytesMin = size_t{1} << 20;

class ChangeRing {
 public:
  // Preallocates `bytes`, rounded up to a power of two and to kRingBytesMin at least.
  explicit ChangeRing(size_t bytes);

  // REQUIRES: change.sequence is the previous one's plus one (any number for the first).
  void Append(const Change& change) noexcept;

  // Where a reader is, and the memory of what it read last.
  class Cursor {
   public:
    uint64_t position() const { return position_; }

   private:
    friend class ChangeRing;
    uint64_t position_ = 0;
    std::vector<uint64_t> words_;
  };
  enum class Read : uint8_t {
    kChange,    // *change is filled; valid until the next call with this cursor
    kUpToDate,  // nothing newer is there
    kOverrun,   // what the cursor stood at is gone
  };
  // The entry at the cursor; moves the cursor behind it.
  Read Next(Cursor* cursor, Change* change) const;

  // Behind the newest change.
  void SeekNewest(Cursor* cursor) const;
  // To the first change with a sequence above `sequence`: kChange or kUpToDate; kOverrun when
  // changes after `sequence` are gone (the cursor is then unchanged).
  Read SeekAfter(uint64_t sequence, Cursor* cursor) const;

  // Of the newest change, 0 before the first. Never behind what Next() has returned.
  uint64_t newest_sequence() const {
    // (f1) acquire; pairs with (f2): who sees the number finds the change's predecessors.
    return newest_sequence_.load(std::memory_order_acquire);
  }
  // True when a reader whose cursor stands at `position` would get something from Next().
  bool HasMore(uint64_t position) const {
    return position != head_.load(std::memory_order_acquire);  // (f8)
  }
  size_t bytes() const { return (mask_ + 1) * sizeof(uint64_t); }

 private:
  using Word = std::atomic<uint64_t>;
  // One entry in so many has its position in the index.
  static constexpr uint64_t kIndexStep = 64;

  // (f3) release; pairs with (f4): who reads a word of a newer entry also sees the tail that was
  // moved before it was written, and so knows that its copy is spoilt.
  void Store(uint64_t position, uint64_t word) {
    words_[position & mask_].store(word, std::memory_order_release);
  }
  uint64_t Load(uint64_t position) const {
    return words_[position & mask_].load(std::memory_order_acquire);  // (f4)
  }
  // After a word was read: is it still what it was?
  bool Overrun(uint64_t position) const {
    // (f5) relaxed: (f4) has ordered it behind the tail's store (f6).
    return position < tail_.load(std::memory_order_relaxed);
  }
  void MakeRoom(uint64_t words);
  void StoreBytes(uint64_t position, absl::string_view id, absl::string_view address);
  uint64_t IndexedStart(uint64_t sequence, uint64_t tail) const;

  const uint64_t mask_;  // words in the ring, minus one
  const std::unique_ptr<Word[]> words_;
  const uint64_t index_mask_;
  const std::unique_ptr<Word[]> index_;  // position of every kIndexStep-th sequence
  // Written by the writer, read by everybody, on a line of their own.
  alignas(64) std::atomic<uint64_t> head_{0};  // (f7) release, (f8) acquire: the entry is complete
  std::atomic<uint64_t> tail_{0};
  std::atomic<uint64_t> newest_sequence_{0};
  alignas(64) uint64_t own_tail_ = 0;  // the writer's copies
  uint64_t own_head_ = 0;
};

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_CHANGE_RING_H_
