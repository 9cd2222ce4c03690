#include "plugin/feed/word_ring.h"

#include <algorithm>
#include <cstring>

namespace session_status::feed {
namespace {

uint64_t PowerOfTwoWords(size_t bytes) {
  uint64_t words = WordRing::kBytesMin / sizeof(uint64_t);
  while (words * sizeof(uint64_t) < bytes) words *= 2;
  return words;
}

}  // namespace

WordRing::WordRing(size_t bytes)
    : mask_(PowerOfTwoWords(bytes) - 1),
      memory_(this->bytes(), registry::ReservedMemory::Pages::kSmall),
      words_(memory_.as<Word>()) {}

uint64_t WordRing::Begin(uint64_t words, uint32_t tag) {
  const uint64_t end = own_head_ + words;
  const uint64_t limit = end - std::min(end, mask_ + 1);
  while (own_tail_ < limit) own_tail_ += WordsOf(Load(own_tail_));
  tail_.store(own_tail_, std::memory_order_relaxed);  // (g6): ordered by the words' (g3)
  own_at_ = own_head_;
  Put(words << 32 | tag);
  return own_head_;
}

void WordRing::PutBytes(absl::string_view a, absl::string_view b, absl::string_view c) {
  uint64_t word = 0;
  size_t used = 0;
  for (absl::string_view part : {a, b, c}) {
    while (!part.empty()) {
      const size_t n = std::min<size_t>(8 - used, part.size());
      memcpy(reinterpret_cast<char*>(&word) + used, part.data(), n);
      part.remove_prefix(n);
      used += n;
      if (used < 8) continue;
      Put(word);
      word = 0;
      used = 0;
    }
  }
  if (used > 0) Put(word);
}

WordRing::Read WordRing::Next(uint64_t* position, std::vector<uint64_t>* words) const {
  const uint64_t at = *position;
  if (at == head()) return Read::kUpToDate;
  const uint64_t header = Load(at);
  if (Overrun(at)) return Read::kOverrun;
  words->resize(WordsOf(header));
  (*words)[0] = header;
  for (uint64_t i = 1; i < words->size(); ++i) (*words)[i] = Load(at + i);
  if (Overrun(at)) return Read::kOverrun;
  *position = at + words->size();
  return Read::kEntry;
}

bool WordRing::Peek(uint64_t position, uint64_t* header, uint64_t* first) const {
  *header = Load(position);
  *first = Load(position + 1);
  return !Overrun(position);
}

}  // namespace session_status::feed
