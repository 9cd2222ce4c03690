// Where the slot of a client is: hash -> directory -> page -> slot.
//
//   directory  extendible hashing, per shard (the hash's top 6 bits choose one of 64 shards, the
//              next `depth` bits an entry). An entry is one word for a segment of some 20 pages in
//              use, so all directories of ten million sessions are 0.3 MB and stay in L2.
//   segment    room for 32 pages. The next five bits of the hash say which slice of the segment a
//              session belongs to; a page begins at the slice of its number and ends where the next
//              page in use begins. Which ones are in use is in the entry.
//   page       one cache line for up to 32 sessions: a byte of hash (tag) for each, and the numbers
//              of up to eight chunks. 3 to 6 bytes a session, in L2 or L3.
//   chunk      four slots, taken when needed: pages are 69 % full on average, chunks 93 %.
//
// So a look-up misses the caches once in the slot's own hot line, and before that at most once in
// the page. A full page is split in two, a segment whose full page is one slice wide in two new
// ones, a full directory is doubled; all belong to one shard, so no event pays for more than one
// page, the lines of one segment and some hundred entries (two thousand at 32 million sessions; the
// whole table is never rebuilt).
//
// Readers: a look-up that finds its slot validated it by the slot's version and is done. One that
// does not must know that the page was the right one all the time. Therefore the writer never takes
// anything out of a page that can go on being found before it can be found elsewhere and the entry
// says so, and no entry ever comes back to a word that it had (pages only come into use, depths
// only grow, and where a page is packed in place the entry's last bit turns):
//   (i1) shard depth load acquire     pairs with (i2) store release: the entries are filled
//   (i3) directory load acquire       pairs with (i4) store release: the pages are filled
//   (i5) tag load acquire             pairs with (i6) store release: the slot is filled; and who
//                                     sees that it is gone also sees (i4) where it went
//   (i7) chunk load acquire           pairs with (i8) store release: who sees what a page holds
//                                     after (i4) also sees (i4)
// A miss is final when depth and entry, read again in this order, are still the same.
// No step waits for the writer: as long as it stands still, the old path is complete.
// Splits, packing and the last look are checked exhaustively in docs/models/page_split.pml, the
// memory orders, with a directory that is doubled, in tests/registry/orders/splits.cc.
//
// Threads:   Find, …Probe…, ReadPage…: any, lock-free. Everything else: writer, wait-free.
// Ownership: the index owns the slots; numbers stay valid as places for ever, as sessions until
//            they move or are removed.
// Errors:    Reserve() says 0 when the reserved space is used up; who was in the index is still.
#ifndef SESSION_STATUS_REGISTRY_SESSION_INDEX_H_
#define SESSION_STATUS_REGISTRY_SESSION_INDEX_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "registry/client_id.h"
#include "registry/line_store.h"
#include "registry/reserved_memory.h"
#include "registry/session_record.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace session_status::registry {

// Number of a slot; 0 is none.
using Slot = uint32_t;

// One line: which slots hold which tags.
struct alignas(64) Page {
  static constexpr int kSlots = 32;
  static constexpr int kSlotsPerChunk = 4;
  static constexpr int kChunks = kSlots / kSlotsPerChunk;

  Word tags[kSlots / 8];                  // one byte per slot, 0: free; (i5), (i6)
  std::atomic<uint32_t> chunks[kChunks];  // their numbers; 0: no chunk

  // A chunk's number is stored before the first tag that needs it and stays until after the last
  // is gone. Whoever reads it later finds a slot that does not match.
  uint32_t chunk(int i) const {
    return chunks[i].load(std::memory_order_acquire);  // (i7)
  }
  void set_chunk(int i, uint32_t number) {
    chunks[i].store(number, std::memory_order_release);  // (i8)
  }
  uint8_t tag(int i) const { return static_cast<uint8_t>(tags[i / 8].Own() >> (i % 8 * 8)); }
  void set_tag(int i, uint8_t tag) {
    const int shift = i % 8 * 8;
    tags[i / 8].Store((tags[i / 8].Own() & ~(uint64_t{0xff} << shift)) | uint64_t{tag} << shift);
  }
  uint32_t tags_of_chunk(int i) const {
    return static_cast<uint32_t>(tags[i / 2].Own() >> (i % 2 * 32));
  }
  // Bit i is set where slot i has `tag`.
  uint32_t Match(uint8_t tag) const;
};
static_assert(sizeof(Page) == 64);

// An entry of a directory:
//   bit  63      turns whenever a page of the segment was packed in place
//   bits 58..62  bits of the hash, below the shard's, that lead to the segment
//   bits 32..57  the segment's number
//   bits  0..31  which of its pages are in use; the first one always is
class Segment {
 public:
  static constexpr int kSliceBits = 5;
  static constexpr int kPages = 1 << kSliceBits;
  static constexpr uint32_t kNumbers = uint32_t{1} << 26;

  explicit constexpr Segment(uint64_t word) : word_(word) {}
  constexpr Segment(uint32_t number, int depth, uint32_t pages)
      : word_(static_cast<uint64_t>(depth) << 58 | uint64_t{number} << 32 | pages) {}
  constexpr uint64_t word() const { return word_; }
  constexpr uint32_t number() const { return static_cast<uint32_t>(word_ >> 32) % kNumbers; }
  constexpr int depth() const { return static_cast<int>(word_ >> 58) % 32; }
  constexpr uint32_t pages() const { return static_cast<uint32_t>(word_); }

  // The page that `slice` belongs to, and the slice at which a page ends.
  constexpr int PageOf(int slice) const {
    return 31 - __builtin_clz(pages() & (~uint32_t{0} >> (31 - slice)));
  }
  constexpr int EndOf(int page) const {
    const uint32_t later = pages() & ~((uint32_t{2} << page) - 1);
    return later == 0 ? kPages : __builtin_ctz(later);
  }
  constexpr Segment WithPage(int page) const { return Segment(word_ | uint64_t{1} << page); }
  constexpr Segment Turned() const { return Segment(word_ ^ uint64_t{1} << 63); }

 private:
  uint64_t word_;
};

class SessionIndex {
 public:
  // `sessions_max`: sets how much address space is reserved. References must outlive the index.
  // Throws std::bad_alloc when the system refuses it.
  SessionIndex(uint64_t sessions_max, ReservedMemory::Pages pages, const ClientIdHasher& hasher,
               LineStore& lines);

  // -- any thread --------------------------------------------------------------------------------
  // The slot of `id` with its status word, as of one moment during the call; 0 if it has none.
  Slot Find(const PreparedId& id, uint64_t* status_word) const;

  // The same in steps, for batches: all ids take one step before any takes the next, so that their
  // cache misses overlap. A probe is a guess; Find() settles what it does not find.
  struct Probe {
    const Page* page;
    Slot first;       // of those that have the id's tag; 0, which holds nobody: none has
    uint32_t others;  // bit i: slot i of the page has the tag as well
  };
  // The entry is hardly ever a miss: a step of its own would only keep the pages waiting until all
  // ids are hashed.
  Probe BeginProbe(uint64_t hash) const {
    Probe probe;
    const Segment segment(EntryOf(hash)->load(std::memory_order_acquire));  // (i3)
    probe.page = PageOf(segment, hash);
    __builtin_prefetch(probe.page);
    return probe;
  }
  void ProbeSlots(uint64_t hash, Probe* probe) const {
    const uint32_t candidates = probe->page->Match(TagOf(hash));
    probe->first = candidates == 0 ? 0 : SlotAt(*probe->page, __builtin_ctz(candidates));
    __builtin_prefetch(&hot(probe->first));
    probe->others = candidates & (candidates - 1);
    for (uint32_t mask = probe->others; mask != 0; mask &= mask - 1) {
      __builtin_prefetch(&hot(SlotAt(*probe->page, __builtin_ctz(mask))));
    }
  }
  Slot FinishProbe(const PreparedId& id, const Probe& probe, uint64_t* status_word) const {
    if (Holds(probe.first, id, status_word)) return probe.first;
    for (uint32_t mask = probe.others; mask != 0; mask &= mask - 1) {
      const Slot s = SlotAt(*probe.page, __builtin_ctz(mask));
      if (Holds(s, id, status_word)) return s;
    }
    return Find(id, status_word);
  }
  // Whether the slot holds `id` (now; a moment later it may not).
  bool Holds(Slot s, const PreparedId& id, uint64_t* status_word) const {
    return Compare(hot(s), id, status_word) == Compared::kEqual;
  }
  // The identifier in the slot, to be validated by the slot's identity version.
  void ReadId(Slot s, std::string* out) const;

  const HotRecord& hot(Slot s) const { return hot_.as<HotRecord>()[s]; }
  HotRecord& hot(Slot s) { return hot_.as<HotRecord>()[s]; }
  const DetailRecord& details(Slot s) const { return details_.as<DetailRecord>()[s]; }
  DetailRecord& details(Slot s) { return details_.as<DetailRecord>()[s]; }

  // The slots of the page that covers `position` in hash order, and the positions it covers.
  struct PageSlots {
    int count = 0;
    std::array<Slot, Page::kSlots> slots;
    uint64_t position = 0;  // that was asked for
    uint64_t first_position = 0;
    uint64_t last_position = 0;
    const std::atomic<uint64_t>* entry = nullptr;
    uint64_t segment = 0;
  };
  void ReadPage(uint64_t position, PageSlots* out) const;
  // False if the page may have been split since; what was read from its slots may then be
  // incomplete.
  bool StillValid(const PageSlots& read) const;

  // -- writer ------------------------------------------------------------------------------------
  // As Find(); nothing can race. Sends for the details too.
  Slot FindForEvent(const PreparedId& id, uint64_t* status_word) const;

  // A slot for `id`, which must not be in the index; not yet visible. 0 if there is no room.
  // May move other sessions; `moved(from, to)` is told of each.
  struct Place {
    Slot slot = 0;
    Page* page = nullptr;
    int position = 0;
    uint8_t tag = 0;
  };
  template <typename Moved>
  Place Reserve(uint64_t hash, Moved moved);

  // Makes the slot that the caller filled visible.
  void Link(const Place& place);

  // What the first id word of `id` must be: long ids are put into the LineStore. False if that is
  // full.
  bool StoreId(const PreparedId& id, uint64_t* first_word);

  // Writes the session and starts the life of the slot.
  void BeginLife(Slot s, const PreparedId& id, uint64_t first_word, uint64_t incarnation,
                 uint64_t status_word, const Details& details);

  // Takes the session out for good.
  void Remove(Slot s);

  uint64_t HashOfSlot(Slot s) const;
  uint64_t size() const { return size_; }
  size_t ReservedBytes() const;
  size_t TouchedBytes() const;  // all but the details
  size_t DetailTouchedBytes() const { return details_.TouchedBytes(); }
  absl::Duration PopulateAhead(absl::Duration since_last);

  // Aborts with a message where directory, pages, slots and free lists do not agree.
  // `visit` is called with every slot.
  void CheckInvariantsForTest(const std::function<void(Slot)>& visit) const;

 private:
  static constexpr int kShardBits = 6;
  static constexpr int kShards = 1 << kShardBits;
  static int DepthFor(uint64_t sessions_max);
  static constexpr int kDepthMax = 13;  // 2^24 slices, of which none overflows below 170 million
  using Entry = std::atomic<uint64_t>;  // a Segment

  static uint8_t TagOf(uint64_t hash) {
    const auto tag = static_cast<uint8_t>(hash);
    return tag == 0 ? uint8_t{0xa5} : tag;
  }
  // Directories of all shards that have depth d lie behind each other from entry 2^(6 + d) on.
  Entry* EntryAt(uint64_t hash, int depth) const {
    return directory_.as<Entry>() + (uint64_t{1} << (kShardBits + depth)) +
           (hash >> (64 - kShardBits - depth));
  }
  Entry* EntryOf(uint64_t hash) const {
    return EntryAt(hash, depth_[hash >> (64 - kShardBits)].load(std::memory_order_acquire));  // i1
  }
  static constexpr int SliceShift(int depth) {
    return 64 - kShardBits - Segment::kSliceBits - depth;
  }
  static int SliceOf(uint64_t hash, int depth) {
    return static_cast<int>(hash >> SliceShift(depth)) & (Segment::kPages - 1);
  }
  // Not in order: in segments that are half full the pages in use all have even numbers, and would
  // share half of a cache's sets.
  Page* PageAt(Segment segment, int i) const {
    const uint32_t mixed = static_cast<uint32_t>(i) ^ segment.number() % Segment::kPages;
    return pages_.as<Page>() + uint64_t{segment.number()} * Segment::kPages + mixed;
  }
  Page* PageOf(Segment segment, uint64_t hash) const {
    return PageAt(segment, segment.PageOf(SliceOf(hash, segment.depth())));
  }
  // The writer's own look at where a session is, or would be.
  Segment SegmentOf(uint64_t hash) const {
    return Segment(EntryOf(hash)->load(std::memory_order_relaxed));
  }
  Slot SlotAt(const Page& p, int i) const {
    const uint32_t c = p.chunk(i / Page::kSlotsPerChunk);
    return c < chunk_capacity_ ? c * Page::kSlotsPerChunk + static_cast<uint32_t>(i) % 4 : 0;
  }
  // All of them, in use or not; each chunk is looked at once.
  using Slots = std::array<Slot, Page::kSlots>;
  Slots SlotsOf(const Page& p) const;
  enum class Compared : uint8_t { kEqual, kOther, kRaced };
  Compared Compare(const HotRecord& record, const PreparedId& id, uint64_t* status_word) const;

  uint32_t TakeChunk();
  void FreeChunk(uint32_t chunk);
  uint32_t TakeSegment();
  bool HasChunksForASplit() const;
  void DoubleDirectory(uint64_t hash);
  bool SplitSegment(uint64_t hash);
  template <typename Moved>
  bool Split(uint64_t hash, Moved moved);
  // Stores what leads to the segment of `hash`: one entry, or neighbours where it is not as deep as
  // the directory.
  void StoreEntries(uint64_t hash, Segment segment);
  // Sessions of a page that go to other slots, and how: all are copied, the entry is stored, and
  // only then `Finish()` takes the old places away.
  struct Moves {
    struct Move {
      int position;
      Slot from;
      Slot to;
    };
    std::array<Move, Page::kSlots> all;
    int count = 0;
  };
  void Copy(const Page& page, int from, Page* to_page, int to, Moves* moves);
  template <typename Moved>
  void Finish(const Moves& moves, Page* page, Moved moved);
  void MoveUpperSlices(Segment segment, int middle, Page* page, Page* upper, Moves* moves);
  void PackIntoFewestChunks(Page* page, Moves* moves);
  void FreeUnusedChunks(Page* page);
  // The first free slot of `p`, with a chunk under it; -1 if the page is full or chunks ran out.
  int FreePosition(Page* p);
  void CopySlot(Slot from, Slot to);
  void EndLife(Slot s) { hot(s).identity.Advance(); }

  const ClientIdHasher& hasher_;
  LineStore& lines_;
  const int depth_max_;  // of directories
  uint32_t chunk_capacity_ = 0;
  ReservedMemory directory_;
  ReservedMemory pages_;
  ReservedMemory hot_;
  ReservedMemory details_;
  alignas(64) std::array<std::atomic<uint8_t>, kShards> depth_{};
  // From here on: the writer's own.
  alignas(64) uint32_t segment_capacity_ = 0;
  uint32_t fresh_chunk_ = 1;
  uint32_t free_chunk_ = 0;
  uint32_t free_chunks_ = 0;
  uint32_t fresh_segment_ = 1;
  uint32_t spare_segment_ = 0;  // a split takes two and retires one: never more than one spare
  uint64_t size_ = 0;
};

// -- inline -----------------------------------------------------------------------------------

inline uint32_t Page::Match(uint8_t tag) const {
  const uint64_t w[4] = {tags[0].Load(), tags[1].Load(), tags[2].Load(), tags[3].Load()};  // (i5)
#if defined(__SSE2__)
  const __m128i wanted = _mm_set1_epi8(static_cast<char>(tag));
  const __m128i low = _mm_set_epi64x(static_cast<int64_t>(w[1]), static_cast<int64_t>(w[0]));
  const __m128i high = _mm_set_epi64x(static_cast<int64_t>(w[3]), static_cast<int64_t>(w[2]));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(low, wanted))) |
         static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(high, wanted))) << 16;
#else
  uint32_t mask = 0;
  for (int i = 0; i < kSlots; ++i) {
    if (static_cast<uint8_t>(w[i / 8] >> (i % 8 * 8)) == tag) mask |= uint32_t{1} << i;
  }
  return mask;
#endif
}

inline SessionIndex::Compared SessionIndex::Compare(const HotRecord& record, const PreparedId& id,
                                                    uint64_t* status_word) const {
  const uint32_t life = record.identity.Load();
  if (life % 2 == 0) return Compared::kOther;
  uint64_t different = (record.incarnation_and_length.Load() & 0xffff) ^ id.length;
  for (size_t i = 1; i < kIdWords; ++i) different |= record.id[i].Load() ^ id.words[i];
  const uint64_t first = record.id[0].Load();
  if (id.is_inline()) {
    different |= first ^ id.words[0];
  } else if (different == 0 && !lines_.Equals(static_cast<uint32_t>(first), id.bytes)) {
    return Compared::kOther;
  }
  *status_word = record.status.Load();
  if (different != 0) return Compared::kOther;
  return record.identity.Load() == life ? Compared::kEqual : Compared::kRaced;
}

inline Slot SessionIndex::Find(const PreparedId& id, uint64_t* status_word) const {
  for (;;) {
    const Entry* const entry = EntryOf(id.hash);
    const Segment segment(entry->load(std::memory_order_acquire));  // (i3)
    const Page& p = *PageOf(segment, id.hash);
    bool raced = false;
    for (uint32_t mask = p.Match(TagOf(id.hash)); mask != 0; mask &= mask - 1) {
      const Slot s = SlotAt(p, __builtin_ctz(mask));
      switch (Compare(hot(s), id, status_word)) {
        case Compared::kEqual:
          return s;
        case Compared::kRaced:
          raced = true;
          break;
        case Compared::kOther:
          break;
      }
    }
    if (!raced && EntryOf(id.hash) == entry &&                       // (i1)
        entry->load(std::memory_order_acquire) == segment.word()) {  // (i3)
      return 0;
    }
  }
}

inline Slot SessionIndex::FindForEvent(const PreparedId& id, uint64_t* status_word) const {
  const Page& p = *PageOf(SegmentOf(id.hash), id.hash);
  for (uint32_t mask = p.Match(TagOf(id.hash)); mask != 0; mask &= mask - 1) {
    const Slot s = SlotAt(p, __builtin_ctz(mask));
    __builtin_prefetch(&details(s), 1);
    __builtin_prefetch(reinterpret_cast<const char*>(&details(s) + 1) - 1, 1);  // may straddle
    if (Compare(hot(s), id, status_word) == Compared::kEqual) return s;
  }
  return 0;
}

template <typename Moved>
SessionIndex::Place SessionIndex::Reserve(uint64_t hash, Moved moved) {
  for (;;) {
    Page* const p = PageOf(SegmentOf(hash), hash);
    const int position = FreePosition(p);
    if (position >= 0) return {SlotAt(*p, position), p, position, TagOf(hash)};
    if (!Split(hash, moved)) return {};
  }
}

template <typename Moved>
bool SessionIndex::Split(uint64_t hash, Moved moved) {
  if (!HasChunksForASplit()) return false;
  Segment segment = SegmentOf(hash);
  const int first = segment.PageOf(SliceOf(hash, segment.depth()));
  const int width = segment.EndOf(first) - first;
  if (width == 1) return SplitSegment(hash);
  const int middle = first + width / 2;
  Page* const page = PageAt(segment, first);

  Moves moves;
  MoveUpperSlices(segment, middle, page, PageAt(segment, middle), &moves);
  segment = segment.WithPage(middle);
  StoreEntries(hash, segment);
  Finish(moves, page, moved);

  moves.count = 0;
  PackIntoFewestChunks(page, &moves);
  if (moves.count != 0) StoreEntries(hash, segment.Turned());
  Finish(moves, page, moved);
  FreeUnusedChunks(page);
  return true;
}

template <typename Moved>
void SessionIndex::Finish(const Moves& moves, Page* page, Moved moved) {
  for (int i = 0; i < moves.count; ++i) {
    page->set_tag(moves.all[static_cast<size_t>(i)].position, 0);
  }
  for (int i = 0; i < moves.count; ++i) {
    const Moves::Move& move = moves.all[static_cast<size_t>(i)];
    EndLife(move.from);
    moved(move.from, move.to);
  }
}

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_SESSION_INDEX_H_
