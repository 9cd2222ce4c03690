#include "registry/session_index.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "registry/client_id_inl.h"

namespace session_status::registry {

namespace {

// Pages hold at least this many sessions each in the long run (half of a full page, after splits);
// together with the slack it makes `sessions_max` reachable whatever the hash does.
constexpr uint64_t kSessionsPerPageMin = 12;
constexpr uint64_t kChunksSlack = 4096;

uint64_t ChunksFor(uint64_t sessions_max) { return sessions_max / 2 + kChunksSlack; }

void CheckFor(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "session registry invariant broken: %s\n", what);
  std::abort();
}

}  // namespace

// Deep enough that a directory entry leads to one session on average when the table is full: for a
// page to overflow there, more than 32 of them would have to share it.
int SessionIndex::DepthFor(uint64_t sessions_max) {
  const auto bits = static_cast<int>(std::bit_width(sessions_max >> kShardBits));
  return std::clamp(bits, 4, kDepthMax);
}

SessionIndex::SessionIndex(uint64_t sessions_max, ReservedMemory::Pages pages,
                           const ClientIdHasher& hasher, LineStore& lines)
    : hasher_(hasher),
      lines_(lines),
      depth_max_(DepthFor(sessions_max)),
      directory_((size_t{1} << (kShardBits + depth_max_ + 1)) * sizeof(Entry), pages),
      pages_((sessions_max / kSessionsPerPageMin + 2 * kShards) * sizeof(Page), pages),
      hot_(std::min<uint64_t>(ChunksFor(sessions_max), kChunksMax) * Page::kSlotsPerChunk *
               sizeof(HotRecord),
           pages),
      details_(std::min<uint64_t>(ChunksFor(sessions_max), kChunksMax) * Page::kSlotsPerChunk *
                   sizeof(DetailRecord),
               pages) {
  chunk_capacity_ = static_cast<uint32_t>(
      std::min({uint64_t{kChunksMax}, uint64_t{hot_.size() / sizeof(HotRecord) / 4},
                uint64_t{details_.size() / sizeof(DetailRecord) / 4}}));
  page_capacity_ = static_cast<uint32_t>(pages_.size() / sizeof(Page));
  for (uint32_t shard = 0; shard < kShards; ++shard) {
    directory_.as<Entry>()[kShards + shard].store(fresh_page_++, std::memory_order_relaxed);
  }
  directory_.NoteUsed(2 * kShards * sizeof(Entry));
  pages_.NoteUsed(fresh_page_ * sizeof(Page));
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
  const uint32_t number = EntryOf(position)->load(std::memory_order_acquire);  // (i3)
  const Page* const p = page(number);
  out->page = p;
  out->version = p->version.load(std::memory_order_acquire);  // (i5)
  out->count = 0;
  for (int i = 0; i < Page::kSlots; ++i) {
    if (static_cast<uint8_t>(p->tags[i / 8].Load() >> (i % 8 * 8)) == 0) continue;  // (i7)
    out->slots[static_cast<size_t>(out->count++)] = SlotAt(*p, i);
  }
  // (i10) acquire; pairs with (i12). The depth of a page is stored before it is linked, and changes
  // only between two lives, which StillValid() sees.
  const int covered_bits = 64 - kShardBits - p->depth.load(std::memory_order_acquire);
  const uint64_t covered = (uint64_t{1} << covered_bits) - 1;
  out->first_position = position & ~covered;
  out->last_position = position | covered;
}

bool SessionIndex::StillValid(const PageSlots& read) const {
  return page(EntryOf(read.first_position)->load(std::memory_order_acquire)) ==
             read.page &&                                                     // (i3)
         read.page->version.load(std::memory_order_acquire) == read.version;  // (i5)
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
  place.page->set_tag(place.position, place.tag);  // (i8)
  ++size_;
}

void SessionIndex::Remove(Slot s) {
  const uint64_t hash = HashOfSlot(s);
  Page* const p = page(EntryOf(hash)->load(std::memory_order_relaxed));
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
    const auto tags_of_chunk = static_cast<uint32_t>(p->tags[chunk / 2].Own() >> (chunk % 2 * 32));
    if (tags_of_chunk == 0) {
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

bool SessionIndex::CanSplit() const {
  constexpr uint32_t kChunksOfTwoHalves = Page::kChunks + 1;
  return chunk_capacity_ - fresh_chunk_ + free_chunks_ >= kChunksOfTwoHalves &&
         fresh_page_ + 2 <= page_capacity_;
}

uint32_t SessionIndex::TakePage() {
  if (spare_page_ != 0) return std::exchange(spare_page_, 0);
  pages_.NoteUsed((size_t{fresh_page_} + 1) * sizeof(Page));
  return fresh_page_++;
}

void SessionIndex::RetirePage(uint32_t number) {
  Page* const p = page(number);
  AdvanceVersion(p);
  for (Word& word : p->tags) word.Store(0);
  spare_page_ = number;
}

void SessionIndex::DoubleDirectory(int shard) {
  const int depth = depth_[static_cast<size_t>(shard)].load(std::memory_order_relaxed);
  const uint64_t first_hash = static_cast<uint64_t>(shard) << (64 - kShardBits);
  const Entry* const from = EntryAt(first_hash, depth);
  Entry* const to = EntryAt(first_hash, depth + 1);
  for (uint64_t i = 0; i < uint64_t{1} << depth; ++i) {
    const uint32_t number = from[i].load(std::memory_order_relaxed);
    to[2 * i].store(number, std::memory_order_relaxed);
    to[2 * i + 1].store(number, std::memory_order_relaxed);
  }
  directory_.NoteUsed((size_t{1} << (kShardBits + depth + 2)) * sizeof(Entry));
  depth_[static_cast<size_t>(shard)].store(static_cast<uint8_t>(depth + 1),
                                           std::memory_order_release);  // (i2)
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
  uint64_t sessions = 0, pages_linked = 0, chunks_linked = 0;
  std::vector<bool> chunk_seen(fresh_chunk_, false);
  uint64_t position = 0;
  do {
    PageSlots read;
    ReadPage(position, &read);
    ++pages_linked;
    const Page& p = *read.page;
    const int depth = p.depth.load(std::memory_order_relaxed);
    const int shard_depth = depth_[position >> (64 - kShardBits)].load(std::memory_order_relaxed);
    CheckFor(depth <= shard_depth, "a page is deeper than its directory");
    const Entry* const first = EntryAt(position, shard_depth);
    for (uint64_t i = 0; i < uint64_t{1} << (shard_depth - depth); ++i) {
      CheckFor(page(first[i].load(std::memory_order_relaxed)) == &p, "entries of a page differ");
    }
    for (int c = 0; c < Page::kChunks; ++c) {
      const uint32_t chunk = p.chunk(c);
      const auto tags = static_cast<uint32_t>(p.tags[c / 2].Own() >> (c % 2 * 32));
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
        CheckFor((hash ^ position) >> (64 - kShardBits - depth) == 0, "a session in a wrong page");
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
  CheckFor(pages_linked + (spare_page_ != 0 ? 1 : 0) + 1 == fresh_page_, "pages are lost");
}

}  // namespace session_status::registry
