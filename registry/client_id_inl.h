// The inline part of client_id.h, for the few files on the hot path; the others need not compile
// the hash.
#ifndef SESSION_STATUS_REGISTRY_CLIENT_ID_INL_H_
#define SESSION_STATUS_REGISTRY_CLIENT_ID_INL_H_

#include "registry/client_id.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace session_status::registry {

namespace internal {

inline uint64_t Load64(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// `n` <= 40 bytes as zero padded words, without a byte loop: the last word is read from the end
// and shifted into place.
inline void LoadPadded(const char* p, size_t n, std::array<uint64_t, kIdWords>* words) {
  words->fill(0);
  if (n < 8) {
    uint64_t word = 0;
    for (size_t i = 0; i < n; ++i) word |= uint64_t{static_cast<unsigned char>(p[i])} << (8 * i);
    (*words)[0] = word;
    return;
  }
  for (size_t i = 0; i < kIdWords && i < n / 8; ++i) (*words)[i] = Load64(p + 8 * i);
  if (n % 8 != 0) (*words)[n / 8] = Load64(p + n - 8) >> (8 * (8 - n % 8));
}

}  // namespace internal

inline uint64_t ClientIdHasher::Hash(const void* bytes, size_t length) const {
  return XXH3_64bits_withSecret(bytes, length, secret_.data(), kSecretBytes);
}

inline void ClientIdHasher::Prepare(absl::string_view id, PreparedId* out) const {
  out->bytes = id;
  out->length = static_cast<uint32_t>(id.size());
  out->hash = Hash(id.data(), id.size());
  if (out->is_inline()) {
    internal::LoadPadded(id.data(), id.size(), &out->words);
    return;
  }
  out->words = {0, out->hash, internal::Load64(id.data()), internal::Load64(id.data() + 8),
                internal::Load64(id.data() + 16)};
}

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_CLIENT_ID_INL_H_
