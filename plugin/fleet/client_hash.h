// A client identifier as the fleet knows it: 16 bytes of keyed hash. Identifiers of any length then
// cost the same and do not appear in the engine; keyed, so that nobody can craft an identifier that
// collides with another's.
//
// Threads: any; values and pure functions.
#ifndef SESSION_STATUS_PLUGIN_FLEET_CLIENT_HASH_H_
#define SESSION_STATUS_PLUGIN_FLEET_CLIENT_HASH_H_

#include <array>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace session_status::fleet {

struct ClientHash {
  std::array<char, 16> bytes{};
  absl::string_view view() const { return {bytes.data(), bytes.size()}; }
  uint64_t low() const {  // chooses shard and bucket
    uint64_t v = 0;
    std::memcpy(&v, bytes.data(), sizeof v);
    return v;
  }
  uint64_t high() const {  // independent of low(): for tables
    uint64_t v = 0;
    std::memcpy(&v, bytes.data() + 8, sizeof v);
    return v;
  }
  static ClientHash From(absl::string_view sixteen) {
    ClientHash h;
    std::memcpy(h.bytes.data(), sixteen.data(), h.bytes.size());
    return h;
  }
  friend bool operator==(const ClientHash& a, const ClientHash& b) {
    return a.low() == b.low() && a.high() == b.high();
  }
  // For std's containers: the bytes are a hash already, keyed and even.
  struct Hasher {
    size_t operator()(const ClientHash& h) const noexcept { return h.high(); }
  };
};

// Begins to fetch what a look-up in one of std's unordered tables reads first. Whoever has several
// to make waits for memory once.
template <typename Table>
void PrefetchIn(const Table& table, const ClientHash& hash) {
  const size_t bucket = table.bucket(hash);
  const auto first = table.cbegin(bucket);
  if (first != table.cend(bucket)) __builtin_prefetch(&*first);
}

class ClientHasher {
 public:
  ClientHasher() : ClientHasher("") {}
  // `key`: random bytes that all nodes of the fleet share.
  explicit ClientHasher(absl::string_view key);
  ClientHash Hash(absl::string_view client_id) const;

 private:
  static constexpr size_t kSecretBytes = 192;
  std::array<char, kSecretBytes> secret_;
};

}  // namespace session_status::fleet

#endif  // SESSION_STATUS_PLUGIN_FLEET_CLIENT_HASH_H_
