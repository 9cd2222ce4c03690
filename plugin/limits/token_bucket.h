// Rate limits as values: a bucket of `burst` tokens that fills at `per_second`.
//
// Kept as one number, the moment at which the bucket is full again (the generic cell rate
// algorithm): nothing to refill, nothing to round.
//
// Time may step back (callers are measured by the wall clock): nobody is then refused for longer
// than an empty bucket takes to fill.
//
// Threads: a TokenBucket: one at a time; KeyedBuckets: any, one short lock per shard.
#ifndef SESSION_STATUS_PLUGIN_LIMITS_TOKEN_BUCKET_H_
#define SESSION_STATUS_PLUGIN_LIMITS_TOKEN_BUCKET_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/hash/hash.h"
#include "absl/time/time.h"
#include "plugin/os/mutex.h"

namespace session_status::limits {

struct RateLimit {
  uint32_t per_second = 0;  // 0: no limit
  uint32_t burst = 0;       // 0: as many as per_second

  bool unlimited() const { return per_second == 0; }
  int64_t tokens() const { return burst == 0 ? per_second : burst; }
  // Of one that is not unlimited: the time until there is one token more.
  absl::Duration interval() const { return absl::Seconds(1) / static_cast<int64_t>(per_second); }
};

// What a request for one token gets.
struct Admission {
  bool admitted = true;
  absl::Duration retry_after;  // when refused: the time until one would be admitted
};

class TokenBucket {
 public:
  Admission TryTake(const RateLimit& limit, absl::Time now);
  // The same for limits below one a second: a token each `interval`, `burst` of them at once.
  Admission TryTake(absl::Duration interval, int64_t burst, absl::Time now);
  // Whether TryTake() would be admitted; takes nothing.
  bool HasToken(const RateLimit& limit, absl::Time now) const;

  // A full bucket is like none at all.
  bool IsFull(absl::Time now) const { return full_at_ <= now; }
  absl::Time full_at() const { return full_at_; }
  // `latest`: when one that is empty now would be full. No bucket is full later, unless the clock
  // stepped back.
  void FillBy(absl::Time latest) { full_at_ = std::min(full_at_, latest); }

 private:
  absl::Time full_at_ = absl::InfinitePast();
};

// One bucket per key, in bounded memory. A bucket that is full again is forgotten when room is
// needed, which changes no answer. While all are in use a new key is refused: strangers with
// many addresses cannot push out anybody's limit.
class KeyedBuckets {
 public:
  // Keys in use within one burst time (about a second), not keys ever seen; 40 bytes each.
  static constexpr size_t kKeysMaxDefault = 65'536;

  explicit KeyedBuckets(RateLimit limit, size_t keys_max = kKeysMaxDefault);

  // `key` is a hash that strangers cannot steer (absl::Hash of what names the caller).
  Admission TryTake(uint64_t key, absl::Time now);
  // Whether the key's bucket has a token left; one that is not in use has. Takes nothing.
  bool HasToken(uint64_t key, absl::Time now) const;

  const RateLimit& limit() const { return limit_; }
  size_t keys() const;

 private:
  static constexpr size_t kShards = 16;

  struct Shard {
    mutable os::Mutex mu;
    std::unordered_map<uint64_t, TokenBucket, absl::Hash<uint64_t>> buckets ABSL_GUARDED_BY(mu);
    // No bucket is full again before this, unless the clock stepped back: until then a search for
    // room is in vain.
    absl::Time next_search ABSL_GUARDED_BY(mu) = absl::InfinitePast();
  };

  bool MakeRoom(Shard* shard, absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->mu);

  const RateLimit limit_;
  const size_t keys_per_shard_max_;
  std::array<Shard, kShards> shards_;
};

}  // namespace session_status::limits

#endif  // SESSION_STATUS_PLUGIN_LIMITS_TOKEN_BUCKET_H_
