#include "registry/client_id.h"

#include <random>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace session_status::registry {

namespace {

uint64_t Load64(const char* p) {
  uint64_t word;
  std::memcpy(&word, p, sizeof word);
  return word;
}

// `n` <= 40 bytes as zero padded words, without a byte loop: the last word is read from the end
// and shifted into place.
void LoadPadded(const char* p, size_t n, std::array<uint64_t, kIdWords>* words) {
  words->fill(0);
  if (n >= 8) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) (*words)[i / 8] = Load64(p + i);
    if (i < n) (*words)[i / 8] = Load64(p + n - 8) >> (8 * (8 - (n - i)));
    return;
  }
  uint64_t word = 0;
  if (n > 0) std::memcpy(&word, p, n);
  (*words)[0] = word;
}

}  // namespace

static_assert(XXH3_SECRET_SIZE_MIN <= 192, "the secret must be long enough for XXH3");

ClientIdHasher::ClientIdHasher() {
  std::random_device random;
  for (size_t i = 0; i < kSecretBytes; i += sizeof(uint32_t)) {
    const uint32_t word = random();
    std::memcpy(&secret_[i], &word, sizeof word);
  }
}

uint64_t ClientIdHasher::Hash(const void* bytes, size_t length) const {
  return XXH3_64bits_withSecret(bytes, length, secret_.data(), kSecretBytes);
}

void ClientIdHasher::Prepare(absl::string_view id, PreparedId* out) const {
  out->bytes = id;
  out->length = static_cast<uint32_t>(id.size());
  if (out->is_inline()) {
    LoadPadded(id.data(), id.size(), &out->words);
    out->hash = Hash(id.data(), id.size());
    return;
  }
  out->hash = Hash(id.data(), id.size());
  out->words = {0, out->hash, Load64(id.data()), Load64(id.data() + 8), Load64(id.data() + 16)};
}

uint64_t ClientIdHasher::Salt() const {
  uint64_t salt;
  std::memcpy(&salt, &secret_[kSecretBytes - sizeof salt], sizeof salt);
  return salt * 0x9E3779B97F4A7C15u;
}

absl::string_view GroupOf(absl::string_view client_id) {
  const size_t at = client_id.find("@@@");
  return at == absl::string_view::npos ? absl::string_view() : client_id.substr(0, at);
}

}  // namespace session_status::registry
