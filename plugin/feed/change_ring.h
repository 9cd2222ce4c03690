// The last changes in a WordRing, found by their sequence.
//
// Threads:   Append: the one writer (`broker`), wait-free, allocates nothing. All const methods:
//            any, lock-free.
// Ownership: a reader's Change borrows from the reader's own cursor.
// Errors:    kOverrun tells a reader that changes are gone.
#ifndef SESSION_STATUS_PLUGIN_FEED_CHANGE_RING_H_
#define SESSION_STATUS_PLUGIN_FEED_CHANGE_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "plugin/feed/change.h"
#include "plugin/feed/word_ring.h"

namespace session_status::feed {

class ChangeRing {
 public:
  // `before_first`: the sequence number before that of the first change to come.
  explicit ChangeRing(size_t bytes, uint64_t before_first = 0);

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
  void SeekNewest(Cursor* cursor) const { cursor->position_ = ring_.head(); }
  // To the first change with a sequence above `sequence`: kChange or kUpToDate; kOverrun when
  // changes after `sequence` are gone (the cursor is then unchanged).
  Read SeekAfter(uint64_t sequence, Cursor* cursor) const;

  // Of the newest change, the one before the first until there is one; not behind any cursor. The
  // change itself may follow a moment later.
  uint64_t newest_sequence() const {
    // (f1) acquire; pairs with (f2).
    return newest_sequence_.load(std::memory_order_acquire);
  }
  // True when a reader whose cursor stands at `position` would get something from Next().
  bool HasMore(uint64_t position) const { return position != ring_.head(); }
  // True when the entry at `position` has been overwritten: Next() would say kOverrun.
  bool IsGone(uint64_t position) const { return position < ring_.tail(); }
  size_t bytes() const { return ring_.bytes(); }

 private:
  // One entry in so many has its position in the index.
  static constexpr uint64_t kIndexStep = 64;
  uint64_t IndexedStart(uint64_t sequence, uint64_t tail) const;

  WordRing ring_;
  const uint64_t index_mask_;
  // Position of every kIndexStep-th sequence. (f3) release, (f4) acquire: its words are written.
  const std::unique_ptr<std::atomic<uint64_t>[]> index_;
  const uint64_t before_first_;
  std::atomic<uint64_t> newest_sequence_;
};

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_CHANGE_RING_H_
