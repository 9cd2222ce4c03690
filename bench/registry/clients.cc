#include "bench/registry/clients.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <random>

namespace session_status::bench {

void WriteId(uint64_t n, IdText* text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const uint64_t mixed = (n + 1) * 0x9E3779B97F4A7C15u;  // one to one
  std::memcpy(text->data(), "device", 6);
  for (size_t i = 0; i < 16; ++i) (*text)[6 + i] = kDigits[(mixed >> (4 * i)) & 15];
}

uint64_t HashOf(const Key& key) {
  static const std::array<uint8_t, 192> secret = [] {
    std::array<uint8_t, 192> s;
    std::random_device random;
    for (uint8_t& b : s) b = static_cast<uint8_t>(random());
    return s;
  }();
  return XXH3_64bits_withSecret(key.words.data(), key.words[3] >> 56, secret.data(), secret.size());
}

}  // namespace session_status::bench
