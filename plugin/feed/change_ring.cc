#include "plugin/feed/change_ring.h"

namespace session_status::feed {
namespace {

// An entry in words: header (tag: address length << 16 | identifier length), sequence, incarnation
// and port, time, facts, then the bytes.
constexpr uint64_t kFixedWords = 5;
constexpr size_t kAddressBytesMax = 255;  // a Unix socket's path may be longer; it is cut
static_assert(kFixedWords + (registry::kClientIdBytesMax + kAddressBytesMax + 7) / 8 <
              WordRing::kEntryWordsMax);

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

}  // namespace

// The index has room for twice as many entries as the ring can hold of the shortest (6 words).
ChangeRing::ChangeRing(size_t bytes, uint64_t before_first)
    : ring_(bytes),
      index_mask_(ring_.bytes() / sizeof(uint64_t) / 4 / kIndexStep * 2 - 1),
      index_(std::make_unique<std::atomic<uint64_t>[]>(index_mask_ + 1)),
      before_first_(before_first),
      newest_sequence_(before_first) {}

void ChangeRing::Append(const Change& c) noexcept {
  const absl::string_view address = c.address.substr(0, kAddressBytesMax);
  const absl::string_view id = c.client_id.substr(0, registry::kClientIdBytesMax);
  const uint64_t at = ring_.Begin(kFixedWords + WordRing::WordsFor(id.size() + address.size()),
                                  static_cast<uint32_t>(address.size() << 16 | id.size()));
  ring_.Put(c.sequence);
  ring_.Put(c.incarnation << 16 | c.listener_port);
  ring_.Put(static_cast<uint64_t>(c.time_ms));
  ring_.Put(PackFacts(c));
  ring_.PutBytes(id, address);
  if (c.sequence % kIndexStep == 0) {
    index_[c.sequence / kIndexStep & index_mask_].store(at, std::memory_order_release);  // (f3)
  }
  // (f2) before the head moves: who has read the head reads a number that is not behind it.
  newest_sequence_.store(c.sequence, std::memory_order_release);
  ring_.Commit();
}

ChangeRing::Read ChangeRing::Next(Cursor* cursor, Change* change) const {
  switch (ring_.Next(&cursor->position_, &cursor->words_)) {
    case WordRing::Read::kUpToDate:
      return Read::kUpToDate;
    case WordRing::Read::kOverrun:
      return Read::kOverrun;
    case WordRing::Read::kEntry:
      break;
  }
  const uint64_t* w = cursor->words_.data();
  change->sequence = w[1];
  change->incarnation = w[2] >> 16;
  change->listener_port = static_cast<uint16_t>(w[2]);
  change->time_ms = static_cast<int64_t>(w[3]);
  UnpackFacts(w[4], change);
  const uint32_t lengths = WordRing::TagOf(w[0]);
  const char* bytes = reinterpret_cast<const char*>(w + kFixedWords);
  change->client_id = {bytes, lengths & 0xffff};
  change->address = {bytes + (lengths & 0xffff), lengths >> 16};
  return Read::kChange;
}

// A position at or before the entry of `sequence`, near it if the index knows one.
uint64_t ChangeRing::IndexedStart(uint64_t sequence, uint64_t tail) const {
  const uint64_t base = sequence - sequence % kIndexStep;
  const uint64_t at =
      index_[base / kIndexStep & index_mask_].load(std::memory_order_acquire);  // (f4)
  if (at < tail || at >= ring_.head()) return tail;
  uint64_t header = 0;
  uint64_t found = 0;
  return ring_.Peek(at, &header, &found) && found == base ? at : tail;
}

ChangeRing::Read ChangeRing::SeekAfter(uint64_t sequence, Cursor* cursor) const {
  if (sequence < before_first_) return Read::kOverrun;
  for (uint64_t at = IndexedStart(sequence + 1, ring_.tail());;) {
    if (at == ring_.head()) {
      cursor->position_ = at;
      return Read::kUpToDate;
    }
    uint64_t header = 0;
    uint64_t found = 0;
    if (!ring_.Peek(at, &header, &found)) return Read::kOverrun;
    if (found > sequence) {
      // The oldest entry that is left must be the very next one, or some between are gone.
      if (found != sequence + 1) return Read::kOverrun;
      cursor->position_ = at;
      return Read::kChange;
    }
    at += WordRing::WordsOf(header);
  }
}

}  // namespace session_status::feed
