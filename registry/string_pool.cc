#include "registry/string_pool.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "registry/client_id_inl.h"

namespace session_status::registry {

namespace {

std::array<uint64_t, 2> Pad16(absl::string_view bytes) {
  std::array<uint64_t, 2> words{};
  std::memcpy(words.data(), bytes.data(), bytes.size());
  return words;
}

uint32_t HashOf(uint64_t meta) { return static_cast<uint32_t>(meta >> 32); }
uint32_t LengthOf(uint64_t meta) { return static_cast<uint32_t>(meta); }

}  // namespace

StringPool::StringPool(uint32_t strings_max, const ClientIdHasher& hasher, LineStore& lines)
    : hasher_(hasher),
      lines_(lines),
      entries_(size_t{strings_max} * sizeof(Entry), ReservedMemory::Pages::kSmall),
      buckets_(size_t{strings_max} * sizeof(uint32_t), ReservedMemory::Pages::kSmall),
      entries_max_(static_cast<uint32_t>(entries_.size() / sizeof(Entry))),
      buckets_max_(static_cast<uint32_t>(buckets_.size() / sizeof(uint32_t))) {}

uint32_t* StringPool::bucket(uint32_t hash32) const {
  uint32_t n = hash32 & level_mask_;
  if (n < split_) n = hash32 & (2 * level_mask_ + 1);
  return buckets_.as<uint32_t>() + n;
}

bool StringPool::Holds(const Entry& e, absl::string_view bytes) const {
  if (LengthOf(e.meta.Own()) != bytes.size()) return false;
  if (bytes.size() > kInlineBytes) {
    return lines_.Equals(static_cast<uint32_t>(e.payload[0].Own()), bytes);
  }
  const auto words = Pad16(bytes);
  return e.payload[0].Own() == words[0] && e.payload[1].Own() == words[1];
}

uint32_t StringPool::Intern(absl::string_view bytes, uint32_t guess) {
  if (guess != 0 && Holds(*entry(guess), bytes)) {
    ++entry(guess)->references;
    return guess;
  }
  const auto hash32 = static_cast<uint32_t>(hasher_.Hash(bytes.data(), bytes.size()));
  for (uint32_t n = *bucket(hash32); n != 0; n = entry(n)->next) {
    if (HashOf(entry(n)->meta.Own()) == hash32 && Holds(*entry(n), bytes)) {
      ++entry(n)->references;
      return n;
    }
  }
  if (free_ == 0 && fresh_ >= entries_max_) return 0;
  std::array<uint64_t, 2> payload{};
  if (bytes.size() > kInlineBytes) {
    payload[0] = lines_.Put(bytes);
    if (payload[0] == 0) return 0;
  } else {
    payload = Pad16(bytes);
  }
  uint32_t n = free_;
  if (n != 0) {
    free_ = entry(n)->next;
  } else {
    n = fresh_++;
    entries_.NoteUsed(size_t{fresh_} * sizeof(Entry));
  }
  Entry* const e = entry(n);
  e->meta.Store(uint64_t{hash32} << 32 | bytes.size());
  e->payload[0].Store(payload[0]);
  e->payload[1].Store(payload[1]);
  e->references = 1;
  uint32_t* const head = bucket(hash32);
  e->next = *head;
  *head = n;
  if (++size_ > uint64_t{level_mask_} + 1 + split_) SplitOneBucket();
  return n;
}

void StringPool::SplitOneBucket() {
  const uint32_t moved_to = split_ + level_mask_ + 1;
  if (moved_to >= buckets_max_) return;  // longer chains from here on, nothing worse
  buckets_.NoteUsed((size_t{moved_to} + 1) * sizeof(uint32_t));
  uint32_t n = buckets_.as<uint32_t>()[split_];
  buckets_.as<uint32_t>()[split_] = 0;
  if (split_++ == level_mask_) {
    split_ = 0;
    level_mask_ = 2 * level_mask_ + 1;
  }
  while (n != 0) {
    Entry* const e = entry(n);
    const uint32_t next = e->next;
    uint32_t* const head = bucket(HashOf(e->meta.Own()));
    e->next = *head;
    *head = n;
    n = next;
  }
}

void StringPool::Release(uint32_t number) {
  Entry* const e = entry(number);
  if (--e->references > 0) return;
  uint32_t* link = bucket(HashOf(e->meta.Own()));
  while (*link != number) link = &entry(*link)->next;
  *link = e->next;
  if (LengthOf(e->meta.Own()) > kInlineBytes) {
    lines_.Free(static_cast<uint32_t>(e->payload[0].Own()));
  }
  e->next = free_;
  free_ = number;
  --size_;
}

void StringPool::Read(uint32_t number, std::string* out) const {
  if (number == 0 || number >= entries_max_) return out->clear();
  const Entry& e = *entry(number);
  const uint32_t length = LengthOf(e.meta.Load()) & 0xffff;
  const std::array<uint64_t, 2> payload = {e.payload[0].Load(), e.payload[1].Load()};
  if (length > kInlineBytes) {
    return lines_.Read(static_cast<uint32_t>(payload[0]), length, out);
  }
  out->assign(reinterpret_cast<const char*>(payload.data()), length);
}

uint64_t StringPool::references(uint32_t number) const { return entry(number)->references; }

absl::Duration StringPool::PopulateAhead(absl::Duration since_last) {
  return std::min(entries_.PopulateAhead(since_last), buckets_.PopulateAhead(since_last));
}

}  // namespace session_status::registry
