// A hash map that grows in small steps: std::unordered_maps, each of which holds a share of the
// keys and rehashes alone. One map of a million connections would hold up the event that makes it
// grow for 70 ms; a share of it for a thousandth of that.
//
// Threads:   one. Pointers to values are good until their key is erased.
// Errors:    std::bad_alloc; nothing has changed then.
#ifndef SESSION_STATUS_PLUGIN_BROKER_SHARDED_MAP_H_
#define SESSION_STATUS_PLUGIN_BROKER_SHARDED_MAP_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace session_status::broker {

// `Key`: a pointer, or a hash.
template <typename Key, typename Value>
class ShardedMap {
 public:
  Value* Find(Key key) {
    Shard& shard = ShardOf(key);
    const auto found = shard.find(key);
    return found == shard.end() ? nullptr : &found->second;
  }
  const Value* Find(Key key) const { return const_cast<ShardedMap*>(this)->Find(key); }

  // The value and whether it is new; one that was there stays as it is.
  std::pair<Value*, bool> Insert(Key key, Value value) {
    const auto [place, is_new] = ShardOf(key).try_emplace(key, std::move(value));
    if (is_new) ++size_;
    return {&place->second, is_new};
  }
  std::pair<Value*, bool> InsertOrAssign(Key key, Value value) {
    const auto [place, is_new] = ShardOf(key).insert_or_assign(key, std::move(value));
    if (is_new) ++size_;
    return {&place->second, is_new};
  }
  void Erase(Key key) { size_ -= ShardOf(key).erase(key); }

  size_t size() const { return size_; }

  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Shard& shard : shards_) {
      for (const auto& [key, value] : shard) visit(key, value);
    }
  }
  // Returns how many.
  template <typename Gone>
  size_t EraseIf(Gone gone) {
    size_t erased = 0;
    for (Shard& shard : shards_) {
      erased += std::erase_if(shard, [&](const auto& row) { return gone(row.first, row.second); });
    }
    size_ -= erased;
    return erased;
  }

 private:
  using Shard = std::unordered_map<Key, Value>;
  static constexpr size_t kShardBits = 11;

  Shard& ShardOf(Key key) {
    // The upper bits of a product, for std::hash of a pointer is the pointer.
    uint64_t bits = 0;
    if constexpr (std::is_pointer_v<Key>) {
      bits = reinterpret_cast<uintptr_t>(key);
    } else {
      bits = key;
    }
    return shards_[(bits * 0x9E37'79B9'7F4A'7C15) >> (64 - kShardBits)];
  }

  std::array<Shard, size_t{1} << kShardBits> shards_;
  size_t size_ = 0;
};

}  // namespace session_status::broker

#endif  // SESSION_STATUS_PLUGIN_BROKER_SHARDED_MAP_H_
