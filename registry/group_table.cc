#include "registry/group_table.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace session_status::registry {

// By the table's own constructor, because a reserve() that finds no memory leaves a table that
// cannot be destroyed. It is filled to 7/8 at most.
GroupTable::GroupTable() : rows_(new Row[kGroupsMax]()), numbers_(2 * kGroupsMax - 1) {}

absl::string_view GroupTable::NameOf(const Row& row, NameBuffer* buffer) {
  for (size_t i = 0; i < buffer->size(); ++i) (*buffer)[i] = row.name[i].Load();
  // (g1) acquire; pairs with (g2), as the words do: the row's version tells whether they belong
  // together.
  const size_t length = std::min<size_t>(row.length.load(std::memory_order_acquire), kNameBytesMax);
  return {reinterpret_cast<const char*>(buffer->data()), length};
}

uint16_t GroupTable::Join(absl::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax) return 0;
  const auto found = numbers_.find(name);
  if (found != numbers_.end()) {
    ++rows_[found->second].sessions;
    return found->second;
  }
  uint16_t n = free_;
  const uint16_t fresh = fresh_.load(std::memory_order_relaxed);
  if (n == 0) {
    if (fresh == kGroupsMax) return 0;
    n = fresh;
  }
  try {
    // The key is made before the table has a place for it, which a throw would leave without one.
    std::string key(name);
    numbers_.emplace(std::move(key), n);
  } catch (const std::bad_alloc&) {
    return 0;
  }
  if (n == free_) free_ = rows_[n].next_free;
  Row& row = rows_[n];
  row.version.Advance();
  NameBuffer words{};
  std::memcpy(words.data(), name.data(), name.size());
  for (size_t i = 0; i < words.size(); ++i) row.name[i].Store(words[i]);
  row.length.store(static_cast<uint32_t>(name.size()), std::memory_order_release);  // (g2)
  row.version.Advance();
  row.sessions = 1;
  // (g3) release; pairs with (g4): rows below it have been written.
  if (n == fresh) fresh_.store(static_cast<uint16_t>(fresh + 1), std::memory_order_release);
  return n;
}

void GroupTable::Leave(uint16_t group) {
  if (group == 0 || --rows_[group].sessions > 0) return;
  NameBuffer buffer;
  const auto found = numbers_.find(NameOf(rows_[group], &buffer));
  if (found != numbers_.end()) numbers_.erase(found);
  rows_[group].next_free = free_;
  free_ = group;
}

void GroupTable::Count(uint16_t group, SessionState from, SessionState to) {
  if (from == to) return;
  // (g5) relaxed: figures; only the writer stores them.
  auto& by_state = rows_[group].by_state;
  if (from != SessionState::kUnknown) {
    auto& n = by_state[static_cast<size_t>(from)];
    n.store(n.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  }
  if (to != SessionState::kUnknown) {
    auto& n = by_state[static_cast<size_t>(to)];
    n.store(n.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
}

std::vector<GroupCounts> GroupTable::Counts() const {
  std::vector<GroupCounts> all;
  const uint16_t fresh = fresh_.load(std::memory_order_acquire);  // (g4)
  for (uint16_t i = 0; i < fresh; ++i) {
    const Row& row = rows_[i];
    GroupCounts counts;
    uint64_t sum = 0;
    for (int attempt = 0; attempt < 100; ++attempt) {
      const uint32_t version = row.version.Load();
      NameBuffer buffer;
      const absl::string_view name = NameOf(row, &buffer);
      counts.group.assign(name.data(), name.size());
      for (size_t s = 0; s < counts.by_state.size(); ++s) {
        counts.by_state[s] = row.by_state[s].load(std::memory_order_relaxed);  // (g5)
      }
      if (version % 2 == 0 && row.version.Load() == version) break;
    }
    for (const uint64_t n : counts.by_state) sum += n;
    if (i == 0 || sum > 0) all.push_back(std::move(counts));
  }
  return all;
}

}  // namespace session_status::registry
