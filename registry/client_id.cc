#include "registry/client_id.h"

#include <random>

#include "registry/client_id_inl.h"

namespace session_status::registry {

static_assert(XXH3_SECRET_SIZE_MIN <= 192, "the secret must be long enough for XXH3");

ClientIdHasher::ClientIdHasher() {
  std::random_device random;
  for (size_t i = 0; i < kSecretBytes; i += sizeof(uint32_t)) {
    const uint32_t word = random();
    std::memcpy(&secret_[i], &word, sizeof word);
  }
}

absl::string_view GroupOf(absl::string_view client_id) {
  const size_t at = client_id.find("@@@");
  return at == absl::string_view::npos ? absl::string_view() : client_id.substr(0, at);
}

}  // namespace session_status::registry
