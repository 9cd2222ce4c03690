#include "registry/session_index.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "registry/client_id_inl.h"

namespace session_status::registry {

namespace {

// Segments hold at least this many sessions each in the long run: they are split when they hold
// some 700, hardly ever below 470, and whoever comes and goes for years leaves 280 in one on
// average. Together with the slack it makes `sessions_max` reachable.
constexpr uint64_t kSessionsPerSegmentMin = 150;
constexpr uint64_t kChunksSlack = 4096;
constexpr size_t kSegmentBytes = Segment::kPages * sizeof(Page);

uint64_t ChunksFor(uint64_t sessions_max) { return sessions_max / 2 + kChunksSlack; }

void CheckFor(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "session registry invariant broken: %s\n", what);
  std::abort();
}

void CheckEmpty(const Page& page) {
  for (const Word& word : page.tags) CheckFor(word.Own() == 0, "a page that is not used has tags");
  for (int i = 0; i < Page::kChunks; ++i) {
    CheckFor(page.chunk(i) == 0, "a page that is not used has chunks");
  }
}

}  // namespace

// Deep enough that a slice holds one session on average when the table is full, and four at the
// largest size: for a page to overflow there, more than 32 of them would have to share it.
int SessionIndex::DepthFor(uint64_t sessions_max) {
  const auto bits =
      static_cast<int>(std::bit_width(sessions_max >> (kShardBits + Segment::kSliceBits)));
  return std::clamp(bits, 2, kDepthMax);
}

SessionIndex::SessionIndex(uint64_t sessions_max, ReservedMemory::Pages pages,
                           const ClientIdHasher& hasher, LineStore& lines)
    : hasher_(hasher),
      lines_(lines),
      depth_max_(DepthFor(sessions_max)),
      directory_((size_t{1} << (kShardBits + depth_max_ + 1)) * sizeof(Entry), pages),
      pages_((sessions_max / kSessionsPerSegmentMin + 3 * kShards) * kSegmentBytes, pages),
      hot_(ChunksFor(sessions_max) * Page::kSlotsPerChunk * sizeof(HotRecord), pages),
      details_(ChunksFor(sessions_max) * Page::kSlotsPerChunk * sizeof(DetailRecord), pages) {
  chunk_capacity_ = static_cast<uint32_t>(
      std::min(hot_.size() / sizeof(HotRecord), details_.size() / sizeof(DetailRecord)) /
      Page::kSlotsPerChunk);
  segment_capacity_ =
      static_cast<uint32_t>(std::min<uint64_t>(Segment::kNumbers, pages_.size() / kSegmentBytes));
  for (uint32_t shard = 0; shard < kShards; ++shard) {
    const Segment segment(TakeSegment(), /*depth=*/0, /*pages=*/1);
    directory_.as<Entry>()[kShards + shard].store(segment.word(), std::memory_order_relaxed);
  }
  directory_.NoteUsed(2 * kShards * sizeof(Entry));
}

// -- readers -------------------------------------------------------------------------------------

void SessionIndex::ReadId(Slot s, std::string* out) const {
  const HotRecord& r = hot(s);
  const size_t length = r.incarnation_and_length.Load() & 0xffff;
  if (length > kInlineIdBytes) {
    return lines_.Read(static_cast<uint32_t>(r.id[0].Load()), length, out);
  }
  std::array<uint64_t, kIdWords> words{};
  for (size_t i = 0; i < kIdWords; ++i) words[i] = r.id[i].Load();
  out->assign(reinterpret_cast<const char*>(words.data()), length);
}

void SessionIndex::ReadPage(uint64_t position, PageSlots* out) const {
  out->position = position;
  out->entry = EntryOf(position);
  const Segment segment(out->entry->load(std::memory_order_acquire));  // (i3)
  out->segment = segment.word();
  const int shift = SliceShift(segment.depth());
  const int first = segment.PageOf(SliceOf(position, segment.depth()));
  const Page* const p = PageAt(segment, first);
  const uint32_t used = ~p->Match(0);  // (i5)
  const Slots slots = SlotsOf(*p);
  out->count = 0;
  for (uint32_t left = used; left != 0; left &= left - 1) {
    out->slots[static_cast<size_t>(out->count++)] =
        slots[static_cast<size_t>(std::countr_zero(left))];
  }
  const uint64_t begin = position >> (shift + Segment::kSliceBits) << (shift + Segment::kSliceBits);
  out->first_position = begin + (static_cast<uint64_t>(first) << shift);
  out->last_position = begin + (static_cast<uint64_t>(segment.EndOf(first)) << shift) - 1;
}

bool SessionIndex::StillValid(const PageSlots& read) const {
  return EntryOf(read.position) == read.entry &&
         read.entry->load(std::memory_order_acquire) == read.segment;  // (i3)
}

SessionIndex::Slots SessionIndex::SlotsOf(const Page& p) const {
  Slots slots;
  for (size_t i = 0; i < slots.size(); i += Page::kSlotsPerChunk) {
    const Slot first = SlotAt(p, static_cast<int>(i));
    for (uint32_t k = 0; k < Page::kSlotsPerChunk; ++k) slots[i + k] = first == 0 ? 0 : first + k;
  }
  return slots;
}

// -- writer --------------------------------------------------------------------------------------

bool SessionIndex::StoreId(const PreparedId& id, uint64_t* first_word) {
  *first_word = id.is_inline() ? id.words[0] : lines_.Put(id.bytes);
  return id.is_inline() || *first_word != 0;
}

void SessionIndex::BeginLife(Slot s, const PreparedId& id, uint64_t first_word,
                             uint64_t incarnation, uint64_t status_word,
                             const Details& its_details) {
  HotRecord& r = hot(s);
  r.status.Store(status_word);
  r.incarnation_and_length.Store(incarnation << 16 | id.length);
  r.id[0].Store(first_word);
  for (size_t i = 1; i < kIdWords; ++i) r.id[i].Store(id.words[i]);
  details(s).Store(its_details);
  r.identity.Advance();
}

void SessionIndex::Link(const Place& place) {
  place.page->set_tag(place.position, place.tag);  // (i6)
  ++size_;
}

void SessionIndex::Remove(Slot s) {
  const uint64_t hash = HashOfSlot(s);
  Page* const p = PageOf(SegmentOf(hash), hash);
  for (uint32_t mask = p->Match(TagOf(hash)); mask != 0; mask &= mask - 1) {
    const int i = __builtin_ctz(mask);
    if (SlotAt(*p, i) != s) continue;
    p->set_tag(i, 0);
    EndLife(s);
    HotRecord& r = hot(s);
    if ((r.incarnation_and_length.Own() & 0xffff) > kInlineIdBytes) {
      lines_.Free(static_cast<uint32_t>(r.id[0].Own()));
    }
    const int chunk = i / Page::kSlotsPerChunk;
    if (p->tags_of_chunk(chunk) == 0) {
      FreeChunk(p->chunk(chunk));
      p->set_chunk(chunk, 0);
    }
    --size_;
    return;
  }
}

uint64_t SessionIndex::HashOfSlot(Slot s) const {
  const HotRecord& r = hot(s);
  const size_t length = r.incarnation_and_length.Own() & 0xffff;
  if (length > kInlineIdBytes) return r.id[1].Own();
  std::array<uint64_t, kIdWords> words{};
  for (size_t i = 0; i < kIdWords; ++i) words[i] = r.id[i].Own();
  return hasher_.Hash(words.data(), length);
}

void SessionIndex::CopySlot(Slot from, Slot to) {
  const HotRecord& a = hot(from);
  HotRecord& b = hot(to);
  b.status.Store(a.status.Own());
  b.incarnation_and_length.Store(a.incarnation_and_length.Own());
  for (size_t i = 0; i < kIdWords; ++i) b.id[i].Store(a.id[i].Own());
  details(to).Store(details(from).Load());
  b.identity.Advance();
}

int SessionIndex::FreePosition(Page* p) {
  const uint32_t free = p->Match(0);
  int without_chunk = -1;
  for (int chunk = 0; chunk < Page::kChunks; ++chunk) {
    const uint32_t free_here = (free >> (chunk * Page::kSlotsPerChunk)) & 0xf;
    if (free_here == 0) continue;
    if (p->chunk(chunk) != 0) return chunk * Page::kSlotsPerChunk + __builtin_ctz(free_here);
    if (without_chunk < 0) without_chunk = chunk * Page::kSlotsPerChunk;
  }
  if (without_chunk < 0) return -1;
  const uint32_t chunk = TakeChunk();
  if (chunk == 0) return -1;  // Split() will find the same and give up
  p->set_chunk(without_chunk / Page::kSlotsPerChunk, chunk);
  return without_chunk;
}

uint32_t SessionIndex::TakeChunk() {
  if (free_chunk_ != 0) {
    const uint32_t n = free_chunk_;
    free_chunk_ = static_cast<uint32_t>(hot(n * Page::kSlotsPerChunk).id[0].Own());
    --free_chunks_;
    return n;
  }
  if (fresh_chunk_ >= chunk_capacity_) return 0;
  const uint32_t n = fresh_chunk_++;
  hot_.NoteUsed(size_t{fresh_chunk_} * Page::kSlotsPerChunk * sizeof(HotRecord));
  details_.NoteUsed(size_t{fresh_chunk_} * Page::kSlotsPerChunk * sizeof(DetailRecord));
  return n;
}

void SessionIndex::FreeChunk(uint32_t chunk) {
  hot(chunk * Page::kSlotsPerChunk).id[0].Store(free_chunk_);
  free_chunk_ = chunk;
  ++free_chunks_;
}

void SessionIndex::FreeUnusedChunks(Page* page) {
  for (int i = 0; i < Page::kChunks; ++i) {
    const uint32_t chunk = page->chunk(i);
    if (chunk == 0 || page->tags_of_chunk(i) != 0) continue;
    FreeChunk(chunk);
    page->set_chunk(i, 0);
  }
}

bool SessionIndex::HasChunksForASplit() const {
  return chunk_capacity_ - fresh_chunk_ + free_chunks_ >= Page::kChunks;
}

uint32_t SessionIndex::TakeSegment() {
  if (spare_segment_ != 0) return std::exchange(spare_segment_, 0);
  pages_.NoteUsed((size_t{fresh_segment_} + 1) * kSegmentBytes);
  return fresh_segment_++;
}

void SessionIndex::StoreEntries(uint64_t hash, Segment segment) {
  const int directory_depth = depth_[hash >> (64 - kShardBits)].load(std::memory_order_relaxed);
  const int prefix_shift = 64 - kShardBits - segment.depth();
  Entry* const first = EntryAt(hash >> prefix_shift << prefix_shift, directory_depth);
  for (uint64_t i = 0; i < uint64_t{1} << (directory_depth - segment.depth()); ++i) {
    first[i].store(segment.word(), std::memory_order_release);  // (i4)
  }
}

void SessionIndex::Copy(const Page& page, int from, Page* to_page, int to, Moves* moves) {
  const Moves::Move move = {from, SlotAt(page, from), SlotAt(*to_page, to)};
  CopySlot(move.from, move.to);
  to_page->set_tag(to, page.tag(from));
  moves->all[static_cast<size_t>(moves->count++)] = move;
}

void SessionIndex::MoveUpperSlices(Segment segment, int middle, Page* page, Page* upper,
                                   Moves* moves) {
  // Their lines are needed soon, all at once.
  const Slots slots = SlotsOf(*page);
  for (const Slot s : slots) __builtin_prefetch(&hot(s));
  uint32_t moving = 0;
  for (int i = 0; i < Page::kSlots; ++i) {
    const Slot s = slots[static_cast<size_t>(i)];
    if (page->tag(i) == 0 || SliceOf(HashOfSlot(s), segment.depth()) < middle) continue;
    moving |= uint32_t{1} << i;
    __builtin_prefetch(&details(s));
    __builtin_prefetch(reinterpret_cast<const char*>(&details(s) + 1) - 1);
  }
  for (; moving != 0; moving &= moving - 1) {
    const int i = std::countr_zero(moving);
    const int to = moves->count;
    if (to % Page::kSlotsPerChunk == 0) upper->set_chunk(to / Page::kSlotsPerChunk, TakeChunk());
    Copy(*page, i, upper, to, moves);
  }
}

// Empties the chunks that hold the fewest sessions into the gaps of the others.
void SessionIndex::PackIntoFewestChunks(Page* page, Moves* moves) {
  constexpr uint32_t kAll = (1 << Page::kSlotsPerChunk) - 1;
  const uint32_t used = ~page->Match(0);
  const auto used_of = [&](int chunk) { return used >> (chunk * Page::kSlotsPerChunk) & kAll; };
  std::array<int, Page::kChunks> by_use;
  for (int i = 0; i < Page::kChunks; ++i) by_use[static_cast<size_t>(i)] = i;
  std::sort(by_use.begin(), by_use.end(),
            [&](int a, int b) { return std::popcount(used_of(a)) > std::popcount(used_of(b)); });
  const int kept = (std::popcount(used) + Page::kSlotsPerChunk - 1) / Page::kSlotsPerChunk;
  uint32_t gaps = 0;
  for (int i = 0; i < kept; ++i) {
    const int chunk = by_use[static_cast<size_t>(i)];
    gaps |= (~used_of(chunk) & kAll) << (chunk * Page::kSlotsPerChunk);
  }
  for (int i = kept; i < Page::kChunks; ++i) {
    const int chunk = by_use[static_cast<size_t>(i)];
    for (uint32_t left = used_of(chunk); left != 0; left &= left - 1) {
      Copy(*page, chunk * Page::kSlotsPerChunk + std::countr_zero(left), page,
           std::countr_zero(gaps), moves);
      gaps &= gaps - 1;
    }
  }
}

// The slots stay where they are: their chunks get other pages.
bool SessionIndex::SplitSegment(uint64_t hash) {
  const Segment old = SegmentOf(hash);
  const bool has_two = fresh_segment_ + (spare_segment_ != 0 ? 1 : 2) <= segment_capacity_;
  if (old.depth() >= depth_max_ || !has_two) return false;
  for (int i = 0; i < Segment::kPages; ++i) __builtin_prefetch(PageAt(old, i));
  if (old.depth() == depth_[hash >> (64 - kShardBits)].load(std::memory_order_relaxed)) {
    DoubleDirectory(hash);
  }
  constexpr int kHalf = Segment::kPages / 2;
  const uint64_t upper_bit = uint64_t{1} << (63 - kShardBits - old.depth());
  for (int half = 0; half < 2; ++half) {
    Segment segment(TakeSegment(), old.depth() + 1, /*pages=*/0);
    for (int i = 0; i < kHalf; ++i) {
      const int from = half * kHalf + i;
      if ((old.pages() >> from & 1) == 0) continue;
      segment = segment.WithPage(2 * i);
      const Page& page = *PageAt(old, from);
      Page* const copy = PageAt(segment, 2 * i);
      for (int c = 0; c < Page::kChunks; ++c) copy->set_chunk(c, page.chunk(c));
      for (size_t t = 0; t < std::size(page.tags); ++t) copy->tags[t].Store(page.tags[t].Own());
    }
    StoreEntries(half == 0 ? hash & ~upper_bit : hash | upper_bit, segment);
  }

  // Only now the old segment's pages are emptied, for its next life.
  for (uint32_t pages = old.pages(); pages != 0; pages &= pages - 1) {
    Page* const page = PageAt(old, std::countr_zero(pages));
    for (Word& word : page->tags) word.Store(0);
    for (int c = 0; c < Page::kChunks; ++c) page->set_chunk(c, 0);
  }
  spare_segment_ = old.number();
  return true;
}

void SessionIndex::DoubleDirectory(uint64_t hash) {
  const uint64_t shard = hash >> (64 - kShardBits);
  const int depth = depth_[shard].load(std::memory_order_relaxed);
  const uint64_t first_hash = shard << (64 - kShardBits);
  const Entry* const from = EntryAt(first_hash, depth);
  Entry* const to = EntryAt(first_hash, depth + 1);
  for (uint64_t i = 0; i < uint64_t{1} << depth; ++i) {
    const uint64_t segment = from[i].load(std::memory_order_relaxed);
    to[2 * i].store(segment, std::memory_order_relaxed);
    to[2 * i + 1].store(segment, std::memory_order_relaxed);
  }
  directory_.NoteUsed((size_t{1} << (kShardBits + depth + 2)) * sizeof(Entry));
  depth_[shard].store(static_cast<uint8_t>(depth + 1), std::memory_order_release);  // (i2)
}

size_t SessionIndex::ReservedBytes() const {
  return directory_.size() + pages_.size() + hot_.size() + details_.size();
}

size_t SessionIndex::TouchedBytes() const {
  return directory_.TouchedBytes() + pages_.TouchedBytes() + hot_.TouchedBytes();
}

absl::Duration SessionIndex::PopulateAhead(absl::Duration since_last) {
  // The next depth's directory lies behind the deepest one's, is as long as all before it, and is
  // begun at whichever shard doubles first.
  directory_.PopulateTo(2 * directory_.used());
  return std::min({pages_.PopulateAhead(since_last), hot_.PopulateAhead(since_last),
                   details_.PopulateAhead(since_last)});
}

// -- checks --------------------------------------------------------------------------------------

void SessionIndex::CheckInvariantsForTest(const std::function<void(Slot)>& visit) const {
  uint64_t sessions = 0, chunks_linked = 0;
  std::vector<bool> chunk_seen(fresh_chunk_, false);
  std::vector<bool> segment_seen(fresh_segment_, false);
  uint64_t position = 0;
  do {
    PageSlots read;
    ReadPage(position, &read);
    const Segment segment(read.segment);
    CheckFor(read.first_position == position, "pages overlap, or leave a gap");
    const int directory_depth =
        depth_[position >> (64 - kShardBits)].load(std::memory_order_relaxed);
    CheckFor(segment.depth() <= directory_depth, "a segment is deeper than its directory");
    CheckFor(segment.number() < fresh_segment_, "a segment that was never taken");
    const int first = segment.PageOf(SliceOf(position, segment.depth()));
    if (first == 0) {
      CheckFor(!segment_seen[segment.number()], "a segment has two places");
      segment_seen[segment.number()] = true;
      const Entry* const entry = EntryAt(position, directory_depth);
      for (uint64_t i = 0; i < uint64_t{1} << (directory_depth - segment.depth()); ++i) {
        CheckFor(entry[i].load(std::memory_order_relaxed) == segment.word(),
                 "entries of a segment differ");
      }
      for (int i = 0; i < Segment::kPages; ++i) {
        if ((segment.pages() >> i & 1) == 0) CheckEmpty(*PageAt(segment, i));
      }
    }
    CheckFor(std::has_single_bit(read.last_position - read.first_position + 1),
             "a page covers what no halving leads to");
    const Page& p = *PageAt(segment, first);
    for (int c = 0; c < Page::kChunks; ++c) {
      const uint32_t chunk = p.chunk(c);
      const uint32_t tags = p.tags_of_chunk(c);
      CheckFor(chunk != 0 || tags == 0, "a tag without a chunk");
      if (chunk == 0) continue;
      CheckFor(chunk < fresh_chunk_ && !chunk_seen[chunk], "a chunk belongs to two pages");
      chunk_seen[chunk] = true;
      ++chunks_linked;
      for (uint32_t i = 0; i < Page::kSlotsPerChunk; ++i) {
        const bool tagged = static_cast<uint8_t>(tags >> (8 * i)) != 0;
        const Slot s = chunk * Page::kSlotsPerChunk + i;
        CheckFor(tagged == (hot(s).identity.Load() % 2 == 1), "tag and life of a slot differ");
        CheckFor(hot(s).content.Load() % 2 == 0, "an event is left unfinished");
        if (!tagged) continue;
        ++sessions;
        const uint64_t hash = HashOfSlot(s);
        CheckFor(TagOf(hash) == static_cast<uint8_t>(tags >> (8 * i)), "a tag is wrong");
        CheckFor(hash >= read.first_position && hash <= read.last_position,
                 "a session in a wrong page");
        visit(s);
      }
    }
    position = read.last_position + 1;
  } while (position != 0);
  CheckFor(sessions == size_, "the number of sessions is wrong");
  uint32_t chunks_free = 0;
  for (uint32_t n = free_chunk_; n != 0;
       n = static_cast<uint32_t>(hot(n * Page::kSlotsPerChunk).id[0].Own())) {
    CheckFor(!chunk_seen[n], "a free chunk is in use");
    chunk_seen[n] = true;
    ++chunks_free;
  }
  CheckFor(chunks_free == free_chunks_, "the number of free chunks is wrong");
  CheckFor(chunks_linked + chunks_free + 1 == fresh_chunk_, "chunks are lost");
  for (int i = 0; spare_segment_ != 0 && i < Segment::kPages; ++i) {
    CheckEmpty(*PageAt(Segment(spare_segment_, 0, 0), i));
  }
  const auto segments =
      static_cast<uint32_t>(std::count(segment_seen.begin(), segment_seen.end(), true));
  CheckFor(segments + (spare_segment_ != 0 ? 1 : 0) + 1 == fresh_segment_, "segments are lost");
}

}  // namespace session_status::registry
