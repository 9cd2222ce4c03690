#include "plugin/limits/token_bucket.h"

#include <algorithm>

namespace session_status::limits {

Admission TokenBucket::TryTake(const RateLimit& limit, absl::Time now) {
  if (limit.unlimited()) return {};
  return TryTake(limit.interval(), limit.tokens(), now);
}

Admission TokenBucket::TryTake(absl::Duration interval, int64_t burst, absl::Time now) {
  Admission admission;
  const absl::Duration all = interval * burst;
  FillBy(now + all);
  const absl::Time after = std::max(full_at_, now) + interval;
  if (after - now > all) {
    admission.admitted = false;
    admission.retry_after = after - now - all;
    return admission;
  }
  full_at_ = after;
  return admission;
}

bool TokenBucket::HasToken(const RateLimit& limit, absl::Time now) const {
  return TokenBucket(*this).TryTake(limit, now).admitted;
}

KeyedBuckets::KeyedBuckets(RateLimit limit, size_t keys_max)
    : limit_(limit), keys_per_shard_max_(std::max<size_t>(keys_max / kShards, 1)) {}

Admission KeyedBuckets::TryTake(uint64_t key, absl::Time now) {
  if (limit_.unlimited()) return {};
  Shard& shard = shards_[key % kShards];
  os::MutexLock lock(&shard.mu);
  const auto found = shard.buckets.find(key);
  if (found != shard.buckets.end()) return found->second.TryTake(limit_, now);
  if (shard.buckets.size() >= keys_per_shard_max_ && !MakeRoom(&shard, now)) {
    Admission refused;
    refused.admitted = false;
    refused.retry_after = std::max(shard.next_search - now, absl::Milliseconds(1));
    return refused;
  }
  return shard.buckets[key].TryTake(limit_, now);
}

bool KeyedBuckets::HasToken(uint64_t key, absl::Time now) const {
  if (limit_.unlimited()) return true;
  const Shard& shard = shards_[key % kShards];
  os::MutexLock lock(&shard.mu);
  const auto found = shard.buckets.find(key);
  return found == shard.buckets.end() || found->second.HasToken(limit_, now);
}

bool KeyedBuckets::MakeRoom(Shard* shard, absl::Time now) const {
  const absl::Time latest = now + limit_.interval() * limit_.tokens();
  if (now < shard->next_search && shard->next_search <= latest) return false;
  const size_t before = shard->buckets.size();
  absl::Time earliest = absl::InfiniteFuture();
  for (auto i = shard->buckets.begin(); i != shard->buckets.end();) {
    i->second.FillBy(latest);
    if (i->second.IsFull(now)) {
      shard->buckets.erase(i++);
    } else {
      earliest = std::min(earliest, i->second.full_at());
      ++i;
    }
  }
  // Something went: search again when the room is used up, whenever that is.
  const bool room = shard->buckets.size() < before;
  shard->next_search = room ? absl::InfinitePast() : earliest;
  return room;
}

size_t KeyedBuckets::keys() const {
  size_t keys = 0;
  for (const Shard& shard : shards_) {
    os::MutexLock lock(&shard.mu);
    keys += shard.buckets.size();
  }
  return keys;
}

}  // namespace session_status::limits
