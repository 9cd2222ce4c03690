#include "plugin/fleet/client_hash.h"

#define XXH_INLINE_ALL  // also gives XXH3_generateSecret, which 0.8 keeps out of the library
#define XXH_STATIC_LINKING_ONLY
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#include <xxhash.h>
#pragma GCC diagnostic pop

namespace session_status::fleet {

ClientHasher::ClientHasher(absl::string_view key) {
  XXH3_generateSecret(secret_.data(), secret_.size(), key.data(), key.size());
}

ClientHash ClientHasher::Hash(absl::string_view client_id) const {
  const XXH128_hash_t h =
      XXH3_128bits_withSecret(client_id.data(), client_id.size(), secret_.data(), secret_.size());
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, h);
  ClientHash out;
  static_assert(sizeof canonical.digest == sizeof out.bytes);
  std::memcpy(out.bytes.data(), canonical.digest, sizeof canonical.digest);
  return out;
}

}  // namespace session_status::fleet
