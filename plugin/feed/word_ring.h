// The last entries of a log, in a ring of words: one writer that waits for nobody, any number of
// readers that cost it nothing. A reader that is slower than the ring is long finds out, for
// certain.
//
//        tail                                head
//   ┌─────┴────┬────────┬──────────┬────────┬─┴───────┐     positions count words since the start
//   │  entry   │ entry  │  entry   │ entry  │ (free)  │     and never wrap; a position modulo the
//   └──────────┴────────┴──────────┴────────┴─────────┘     size is a place
//
// The writer moves the tail beyond what it is about to overwrite, writes the words, then moves the
// head. A reader copies an entry out and believes it only if the tail has not passed it meanwhile.
//
// Threads: Begin, Put, PutBytes, Commit: the one writer, wait-free, allocate nothing. All const
//          methods: any, lock-free.
// Errors:  kOverrun tells a reader that what it stood at is gone.
#ifndef SESSION_STATUS_PLUGIN_FEED_WORD_RING_H_
#define SESSION_STATUS_PLUGIN_FEED_WORD_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "registry/reserved_memory.h"

namespace session_status::feed {

class WordRing {
 public:
  // Small rings make no sense beside an identifier of 65,535 bytes: several of them must fit.
  static constexpr size_t kBytesMin = size_t{1} << 20;
  // The longest entry, its header included: 256 KiB.
  static constexpr uint64_t kEntryWordsMax = 32'768;

  // Reserves `bytes`, rounded up to a power of two and to kBytesMin at least. A page of it becomes
  // memory when the first entry reaches it: a broker where little happens pays for little.
  explicit WordRing(size_t bytes);
  size_t bytes() const { return (mask_ + 1) * sizeof(uint64_t); }

  // -- writer: Begin, then exactly words - 1 of Put and PutBytes together, then Commit -----------
  // Begins an entry of `words` words, the header included, which carries `tag`. Returns its
  // position.
  uint64_t Begin(uint64_t words, uint32_t tag);
  void Put(uint64_t word) { Store(own_at_++, word); }
  // Three strings behind each other, WordsFor() words.
  void PutBytes(absl::string_view a, absl::string_view b = {}, absl::string_view c = {});
  void Commit() {
    own_head_ = own_at_;
    head_.store(own_head_, std::memory_order_release);  // (g1)
  }
  static uint64_t WordsFor(size_t bytes) { return (bytes + 7) / 8; }

  // -- readers -----------------------------------------------------------------------------------
  enum class Read : uint8_t { kEntry, kUpToDate, kOverrun };
  // Copies the entry at `*position` (words[0] is its header) and moves the position behind it.
  Read Next(uint64_t* position, std::vector<uint64_t>* words) const;
  // Header and first word of the entry at `position`. False: it is gone.
  // REQUIRES: position is that of an entry below head().
  bool Peek(uint64_t position, uint64_t* header, uint64_t* first) const;
  static uint64_t WordsOf(uint64_t header) { return header >> 32; }
  static uint32_t TagOf(uint64_t header) { return static_cast<uint32_t>(header); }

  // (g2) acquire; pairs with (g1): entries below the head are complete.
  uint64_t head() const { return head_.load(std::memory_order_acquire); }
  uint64_t tail() const { return tail_.load(std::memory_order_acquire); }

 private:
  using Word = std::atomic<uint64_t>;

  // (g3) release; pairs with (g4): who reads a word of a newer entry also sees the tail that was
  // moved before it was written, and so knows that its copy is spoilt.
  void Store(uint64_t position, uint64_t word) {
    words_[position & mask_].store(word, std::memory_order_release);
  }
  uint64_t Load(uint64_t position) const {
    return words_[position & mask_].load(std::memory_order_acquire);  // (g4)
  }
  // After a word was read: is it still what it was?
  bool Overrun(uint64_t position) const {
    // (g5) relaxed: (g4) has ordered it behind the tail's store (g6).
    return position < tail_.load(std::memory_order_relaxed);
  }

  const uint64_t mask_;  // words in the ring, minus one
  const registry::ReservedMemory memory_;
  Word* const words_;
  // Written by the writer, read by everybody, on a line of their own.
  alignas(64) std::atomic<uint64_t> head_{0};
  std::atomic<uint64_t> tail_{0};
  // The writer's copies.
  alignas(64) uint64_t own_tail_ = 0;
  uint64_t own_head_ = 0;
  uint64_t own_at_ = 0;
};

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_WORD_RING_H_
