#include "plugin/auth/replay_guard.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/numeric/bits.h"
#include "plugin/auth/keyed_mac.h"
#include "plugin/os/mutex.h"

namespace session_status::auth {
namespace {

// What is known of one nonce, side by side: mostly one cache line, and no byte of padding.
struct Slot {
  uint32_t hash_low = 0;
  uint32_t hash_high = 0;
  uint32_t expiry = 0;  // 0: empty

  uint64_t hash() const { return uint64_t{hash_high} << 32 | hash_low; }
};
static_assert(sizeof(Slot) == 12);

constexpr size_t kSlotsAtFirst = 256;

// Whole seconds, rounded up: an entry never expires early. 0 marks an empty slot.
uint32_t ExpirySecond(absl::Time time) {
  const int64_t second = absl::ToUnixSeconds(time) + 1;
  constexpr int64_t kMax = std::numeric_limits<uint32_t>::max();
  return static_cast<uint32_t>(std::clamp<int64_t>(second, 1, kMax));
}

uint32_t NowSecond(absl::Time now) {
  constexpr int64_t kMax = std::numeric_limits<uint32_t>::max();
  return static_cast<uint32_t>(std::clamp<int64_t>(absl::ToUnixSeconds(now), 0, kMax));
}

}  // namespace

// An open-addressing table with linear probing. Entries leave it only when it is rebuilt, so a
// probe may stop at the first empty slot.
//
// Invariant: used_ <= 3/4 of the slots, and <= entries_max_. Expired entries count as
// used until a rebuild drops them.
class ReplayGuard::Shard {
 public:
  explicit Shard(size_t entries_max)
      : entries_max_(entries_max),
        slots_max_(std::max(absl::bit_ceil((entries_max * 4 + 2) / 3), kSlotsAtFirst)) {}

  bool Contains(uint64_t hash, uint32_t now) const ABSL_LOCKS_EXCLUDED(mu_) {
    os::MutexLock lock(&mu_);
    return !slots_.empty() && slots_[FindSlot(hash)].expiry > now;
  }

  void Prefetch(uint64_t hash) const ABSL_LOCKS_EXCLUDED(mu_) {
    os::MutexLock lock(&mu_);
    if (!slots_.empty()) __builtin_prefetch(&slots_[FirstPlace(hash)]);
  }

  Outcome Insert(uint64_t hash, uint32_t expiry, uint32_t now) ABSL_LOCKS_EXCLUDED(mu_) {
    os::MutexLock lock(&mu_);
    if (!slots_.empty()) {
      Slot& slot = slots_[FindSlot(hash)];
      if (slot.expiry > now) return Outcome::kUsed;
      if (slot.expiry != 0) {  // expired, same hash: take its place
        slot.expiry = expiry;
        earliest_ = std::min(earliest_, expiry);
        return Outcome::kFresh;
      }
    }
    if (used_ + 1 > Limit(slots_.size()) && !MakeRoom(now)) return Outcome::kFull;
    Put(hash, expiry);
    return Outcome::kFresh;
  }

  size_t slots_max() const { return slots_max_; }

  size_t slots() const {
    os::MutexLock lock(&mu_);
    return slots_.size();
  }

 private:
  size_t Limit(size_t slots) const { return std::min(slots / 4 * 3, entries_max_); }

  size_t FirstPlace(uint64_t hash) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return hash & (slots_.size() - 1);
  }

  // Where `hash` is, or the empty slot where it would go.
  size_t FindSlot(uint64_t hash) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const size_t mask = slots_.size() - 1;
    size_t place = FirstPlace(hash);
    while (slots_[place].expiry != 0 && slots_[place].hash() != hash) place = (place + 1) & mask;
    return place;
  }

  void Put(uint64_t hash, uint32_t expiry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    slots_[FindSlot(hash)] = {static_cast<uint32_t>(hash), static_cast<uint32_t>(hash >> 32),
                              expiry};
    earliest_ = std::min(earliest_, expiry);
    ++used_;
  }

  // Drops what has expired; doubles the table when that is not enough and the limit allows it.
  bool MakeRoom(uint32_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const bool may_grow = slots_.size() < slots_max_;
    // A full table is not searched again and again: nothing can go before `earliest_`.
    if (!may_grow && earliest_ > now) return false;
    const size_t live = static_cast<size_t>(std::count_if(
        slots_.begin(), slots_.end(), [now](const Slot& slot) { return slot.expiry > now; }));
    size_t slots = std::max(slots_.size(), kSlotsAtFirst);
    if (live + 1 > Limit(slots) / 2) slots = std::min(slots * 2, slots_max_);
    if (live + 1 > Limit(slots)) {
      earliest_ = EarliestLive(now);
      return false;
    }
    Rebuild(slots, now);
    return true;
  }

  uint32_t EarliestLive(uint32_t now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    uint32_t earliest = std::numeric_limits<uint32_t>::max();
    for (const Slot& slot : slots_) {
      if (slot.expiry > now) earliest = std::min(earliest, slot.expiry);
    }
    return earliest;
  }

  void Rebuild(size_t slots, uint32_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::vector<Slot> old(slots);
    old.swap(slots_);
    used_ = 0;
    earliest_ = std::numeric_limits<uint32_t>::max();
    for (const Slot& slot : old) {
      if (slot.expiry > now) Put(slot.hash(), slot.expiry);
    }
  }

  const size_t entries_max_;
  const size_t slots_max_;  // a power of two
  mutable os::Mutex mu_;
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mu_);
  size_t used_ ABSL_GUARDED_BY(mu_) = 0;
  // No entry expires before this; may be too early, never too late.
  uint32_t earliest_ ABSL_GUARDED_BY(mu_) = std::numeric_limits<uint32_t>::max();
};

ReplayGuard::ReplayGuard(size_t entries_max) : has_secret_(FillRandom(absl::MakeSpan(secret_))) {
  static_assert(sizeof(secret_) >= XXH3_SECRET_SIZE_MIN);
  for (std::unique_ptr<Shard>& shard : shards_) {
    shard = std::make_unique<Shard>(std::max<size_t>(entries_max / kShards, 1));
  }
}

ReplayGuard::~ReplayGuard() = default;

uint64_t ReplayGuard::HashOf(absl::string_view access_key_id, absl::string_view nonce) const {
  const auto hash = [this](const void* bytes, size_t size) {
    return XXH3_64bits_withSecret(bytes, size, secret_.data(), secret_.size());
  };
  const uint64_t both[] = {hash(access_key_id.data(), access_key_id.size()),
                           hash(nonce.data(), nonce.size())};
  return hash(both, sizeof(both));
}

void ReplayGuard::Prefetch(uint64_t hash) const { shards_[hash >> 60]->Prefetch(hash); }

ReplayGuard::Outcome ReplayGuard::Look(uint64_t hash, absl::Time now) const {
  if (!has_secret_) return Outcome::kUnavailable;
  // The shard comes from the top bits, the slot from the low ones.
  return shards_[hash >> 60]->Contains(hash, NowSecond(now)) ? Outcome::kUsed : Outcome::kFresh;
}

ReplayGuard::Outcome ReplayGuard::Remember(uint64_t hash, absl::Time good_until, absl::Time now) {
  if (!has_secret_) return Outcome::kUnavailable;
  return shards_[hash >> 60]->Insert(hash, ExpirySecond(good_until), NowSecond(now));
}

size_t ReplayGuard::MemoryBytes() const {
  size_t slots = 0;
  for (const auto& shard : shards_) slots += shard->slots();
  return slots * sizeof(Slot);
}

size_t ReplayGuard::MemoryBytesMax() const {
  size_t slots = 0;
  for (const auto& shard : shards_) slots += shard->slots_max();
  return (slots + slots / kShards) * sizeof(Slot);
}

}  // namespace session_status::auth
