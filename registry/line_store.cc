#include "registry/line_store.h"

#include <algorithm>
#include <cstring>

namespace session_status::registry {

namespace {

uint64_t LoadUpTo8(absl::string_view bytes, size_t at) {
  uint64_t word = 0;
  if (at < bytes.size())
    std::memcpy(&word, bytes.data() + at, std::min<size_t>(8, bytes.size() - at));
  return word;
}

}  // namespace

LineStore::LineStore(uint32_t lines_max, ReservedMemory::Pages pages)
    : memory_(size_t{lines_max} * sizeof(Line), pages),
      capacity_(static_cast<uint32_t>(memory_.size() / sizeof(Line))) {}

uint32_t LineStore::TakeLine() {
  if (free_ != 0) {
    const uint32_t n = free_;
    free_ = static_cast<uint32_t>(line(n)->next.Own());
    return n;
  }
  if (fresh_ >= capacity_) return 0;
  memory_.NoteUsed((size_t{fresh_} + 1) * sizeof(Line));
  return fresh_++;
}

uint32_t LineStore::Put(absl::string_view bytes) {
  // Built from the end, so that every line is complete when its number is first stored.
  const size_t lines = LinesOf(bytes.size());
  uint32_t next = 0;
  for (size_t i = lines; i-- > 0;) {
    const uint32_t n = TakeLine();
    if (n == 0) {
      if (next != 0) Free(next);
      return 0;
    }
    ++lines_in_use_;
    Line* const l = line(n);
    for (int w = 0; w < kPayloadWords; ++w) {
      l->payload[w].Store(LoadUpTo8(bytes, i * kPayloadBytes + 8 * static_cast<size_t>(w)));
    }
    l->next.Store(next);
    next = n;
  }
  return next;
}

void LineStore::Free(uint32_t head) {
  uint32_t last = head;
  --lines_in_use_;
  while (line(last)->next.Own() != 0) {
    last = static_cast<uint32_t>(line(last)->next.Own());
    --lines_in_use_;
  }
  line(last)->next.Store(free_);
  free_ = head;
}

bool LineStore::Equals(uint32_t head, absl::string_view bytes) const {
  for (size_t at = 0; at < bytes.size(); at += kPayloadBytes) {
    if (head == 0 || head >= capacity_) return false;
    const Line* const l = line(head);
    for (int w = 0; w < kPayloadWords; ++w) {
      if (l->payload[w].Load() != LoadUpTo8(bytes, at + 8 * static_cast<size_t>(w))) return false;
    }
    head = static_cast<uint32_t>(l->next.Load());
  }
  return true;
}

void LineStore::Read(uint32_t head, size_t length, std::string* out) const {
  out->resize(length);
  for (size_t at = 0; at < length; at += kPayloadBytes) {
    if (head == 0 || head >= capacity_) return;
    const Line* const l = line(head);
    for (size_t w = 0; w < kPayloadWords && at + 8 * w < length; ++w) {
      const uint64_t word = l->payload[w].Load();
      std::memcpy(out->data() + at + 8 * w, &word, std::min<size_t>(8, length - at - 8 * w));
    }
    head = static_cast<uint32_t>(l->next.Load());
  }
}

}  // namespace session_status::registry
