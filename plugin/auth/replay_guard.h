// Remembers which nonces were used, so that each signed request is accepted at most once.
//
// A nonce is unique per access key. It is remembered as a 64-bit hash of both until its request's
// timestamp leaves the time window, and never less: when the table is full of such entries, new
// requests are refused instead of old ones forgotten.
//
// The hash is XXH3 with a secret of 192 random bytes per guard: callers choose nonces, so they must
// not be able to choose collisions (registry/client_id.h says why this hash).
//
// Memory:      12 bytes per slot, at most 3/4 of the slots used. The table grows from nothing as
//              needed and stays below MemoryBytesMax(): never more than entries_max nonces, and one
//              shard twice while it is rebuilt. Each of the 16 shards holds its part of them, so
//              the first kFull comes a little earlier.
// Threads:     any; one short lock per shard.
// Consistency: of two requests with one nonce at most one gets kFresh, whatever their timing.
// Errors:      two different nonces share a hash with probability entries / 2^64; the second would
//              be refused once, and its SDK would retry with another nonce. A restart of the
//              process forgets all nonces (docs/access.md says what that means).
#ifndef SESSION_STATUS_PLUGIN_AUTH_REPLAY_GUARD_H_
#define SESSION_STATUS_PLUGIN_AUTH_REPLAY_GUARD_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace session_status::auth {

class ReplayGuard {
 public:
  // Room for three users at their full 600 calls per second for the 30 minutes that a request
  // from a fast clock can stay valid; 48 MiB of slots when all of it is in use.
  static constexpr size_t kEntriesMaxDefault = 3 * 1024 * 1024;

  explicit ReplayGuard(size_t entries_max = kEntriesMaxDefault);
  ~ReplayGuard();
  ReplayGuard(const ReplayGuard&) = delete;
  ReplayGuard& operator=(const ReplayGuard&) = delete;

  enum class Outcome {
    kFresh,
    kUsed,
    kFull,         // every entry is still needed: throttle
    kUnavailable,  // there was no randomness for the secret
  };

  // What Look() and Remember() know a nonce by; computed once per request.
  uint64_t HashOf(absl::string_view access_key_id, absl::string_view nonce) const;

  // Has the memory that the next two will look at on its way; while a signature is computed it
  // arrives. Changes nothing that anybody can see.
  void Prefetch(uint64_t hash) const;

  // Whether Remember() would say kUsed; changes nothing.
  Outcome Look(uint64_t hash, absl::Time now) const;

  // Marks the nonce used until `good_until`, the moment its request leaves the time window. Call it
  // only after the signature verified: nobody can use up another caller's nonces.
  // REQUIRES: good_until - now is at most 30 minutes (twice the window), times after 1970.
  Outcome Remember(uint64_t hash, absl::Time good_until, absl::Time now);

  size_t MemoryBytes() const;
  size_t MemoryBytesMax() const;

 private:
  class Shard;
  static constexpr size_t kShards = 16;  // keeps locks and rebuilds short

  std::array<uint8_t, 192> secret_;
  bool has_secret_;
  std::array<std::unique_ptr<Shard>, kShards> shards_;
};

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_REPLAY_GUARD_H_
