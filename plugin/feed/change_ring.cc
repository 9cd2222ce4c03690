#include "plugin/feed/change_ring.h"

#include <algorithm>
#include <cstring>

namespace session_status::feed {
namespace {

// An entry in words: header, sequence, incarnation and port, time, facts, then the bytes.
//   header: words << 32 | address length << 16 | identifier length
constexpr uint64_t kFixedWords = 5;
constexpr size_t kAddressBytesMax = 255;  // a Unix socket's path may be longer; it is cut
constexpr uint64_t kEntryWordsMax = kFixedWords + (65'535 + kAddressBytesMax + 7) / 8;

uint64_t WordsFor(size_t bytes) { return (bytes + 7) / 8; }

uint64_t PackFacts(const Change& c) {
  return static_cast<uint64_t>(c.kind) | static_cast<uint64_t>(c.before) << 8 |
         static_cast<uint64_t>(c.after) << 16 | static_cast<uint64_t>(c.reason) << 24 |
         static_cast<uint64_t>(c.protocol_version) << 32 |
         static_cast<uint64_t>(c.transport) << 40 | uint64_t{c.broker_code} << 48;
}

void UnpackFacts(uint64_t word, Change* c) {
  c->kind = static_cast<ChangeKind>(word & 0xff);
  c->before = static_cast<registry::SessionState>(word >> 8 & 0xff);
  c->after = static_cast<registry::SessionState>(word >> 16 & 0xff);
  c->reason = static_cast<registry::EndReason>(word >> 24 & 0xff);
  c->protocol_version = static_cast<registry::ProtocolVersion>(word >> 32 & 0xff);
  c->transport = static_cast<registry::Transport>(word >> 40 & 0xff);
  c->broker_code = static_cast<uint16_t>(word >> 48);
}

uint64_t PowerOfTwoWords(size_t bytes) {
  uint64_t words = kRingBytesMin / sizeof(uint64_t);
  while (words * sizeof(uint64_t) < bytes) words *= 2;
  return words;
}

}  // namespace

// The index has room for twice as many entries as the ring can hold of the shortest.
ChangeRing::ChangeRing(size_t bytes)
    : mask_(PowerOfTwoWords(bytes) - 1),
      words_(std::make_unique<Word[]>(mask_ + 1)),
      index_mask_((mask_ + 1) / 4 / kIndexStep * 2 - 1),
      index_(std::make_unique<Word[]>(index_mask_ + 1)) {}

void ChangeRing::MakeRoom(uint64_t words) {
  const uint64_t limit = own_head_ + words - std::min(own_head_ + words, mask_ + 1);
  while (own_tail_ < limit) own_tail_ += Load(own_tail_) >> 32;
  tail_.store(own_tail_, std::memory_order_relaxed);  // (f6): ordered by the words' (f3)
}

void ChangeRing::StoreBytes(uint64_t position, absl::string_view id, absl::string_view address) {
  uint64_t word = 0;
  unsigned used = 0;
  for (absl::string_view part : {id, address}) {
    while (!part.empty()) {
      const size_t n = std::min<size_t>(8 - used, part.size());
      memcpy(reinterpret_cast<char*>(&word) + used, part.data(), n);
      part.remove_prefix(n);
      used += static_cast<unsigned>(n);
      if (used < 8) continue;
      Store(position++, word);
      word = 0;
      used = 0;
    }
  }
  if (used > 0) Store(position, word);
}

void ChangeRing::Append(const Change& c) noexcept {
  const absl::string_view address = c.address.substr(0, kAddressBytesMax);
  const absl::string_view id = c.client_id.substr(0, 65'535);
  const uint64_t words = kFixedWords + WordsFor(id.size() + address.size());
  MakeRoom(words);
  const uint64_t at = own_head_;
  Store(at, words << 32 | uint64_t{address.size()} << 16 | id.size());
  Store(at + 1, c.sequence);
  Store(at + 2, c.incarnation << 16 | c.listener_port);
  Store(at + 3, static_cast<uint64_t>(c.time_ms));
  Store(at + 4, PackFacts(c));
  StoreBytes(at + kFixedWords, id, address);
  if (c.sequence % kIndexStep == 0) {
    index_[c.sequence / kIndexStep & index_mask_].store(at, std::memory_order_release);
  }
  own_head_ = at + words;
  head_.store(own_head_, std::memory_order_release);                  // (f7)
  newest_sequence_.store(c.sequence, std::memory_order_release);      // (f2)
}

ChangeRing::Read ChangeRing::Next(Cursor* cursor, Change* change) const {
  const uint64_t at = cursor->position_;
  if (!HasMore(at)) return Read::kUpToDate;
  const uint64_t header = Load(at);
  const uint64_t words = header >> 32;
  if (Overrun(at) || words > kEntryWordsMax) return Read::kOverrun;
  cursor->words_.resize(words);
  for (uint64_t i = 1; i < words; ++i) cursor->words_[i] = Load(at + i);
  if (Overrun(at)) return Read::kOverrun;
  const uint64_t* w = cursor->words_.data();
  change->sequence = w[1];
  change->incarnation = w[2] >> 16;
  change->listener_port = static_cast<uint16_t>(w[2]);
  change->time_ms = static_cast<int64_t>(w[3]);
  UnpackFacts(w[4], change);
  const char* bytes = reinterpret_cast<const char*>(w + kFixedWords);
  const size_t id_length = header & 0xffff;
  change->client_id = {bytes, id_length};
  change->address = {bytes + id_length, header >> 16 & 0xffff};
  cursor->position_ = at + words;
  return Read::kChange;
}

void ChangeRing::SeekNewest(Cursor* cursor) const {
  cursor->position_ = head_.load(std::memory_order_acquire);
}

// A position at or before the entry of `sequence`, near it if the index knows one.
uint64_t ChangeRing::IndexedStart(uint64_t sequence, uint64_t tail) const {
  const uint64_t base = sequence - sequence % kIndexStep;
  const uint64_t at = index_[base / kIndexStep & index_mask_].load(std::memory_order_acquire);
  const uint64_t head = head_.load(std::memory_order_acquire);
  if (at < tail || at >= head) return tail;
  const uint64_t found = Load(at + 1);
  return found == base && !Overrun(at) ? at : tail;
}

ChangeRing::Read ChangeRing::SeekAfter(uint64_t sequence, Cursor* cursor) const {
  const uint64_t tail = tail_.load(std::memory_order_acquire);
  uint64_t at = IndexedStart(sequence + 1, tail);
  for (;;) {
    // The head is read before the number of the newest: at the head nothing newer is missing.
    if (at == head_.load(std::memory_order_acquire)) {
      cursor->position_ = at;
      return Read::kUpToDate;
    }
    const uint64_t header = Load(at);
    const uint64_t found = Load(at + 1);
    if (Overrun(at)) return Read::kOverrun;
    if (found > sequence) {
      // The oldest entry that is left must be the very next one, or some between are gone.
      if (found != sequence + 1) return Read::kOverrun;
      cursor->position_ = at;
      return Read::kChange;
    }
    at += header >> 32;
  }
}

}  // namespace session_status::feed
