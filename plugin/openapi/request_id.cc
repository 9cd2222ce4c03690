#include "plugin/openapi/request_id.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "plugin/auth/keyed_mac.h"

namespace session_status::openapi {

std::string NewRequestId() {
  std::array<uint8_t, 16> bytes;
  if (!auth::FillRandom(absl::MakeSpan(bytes))) {
    // The generator is out of order (then signatures are too). An identifier must still be unique.
    static std::atomic<uint64_t> next{1};
    // relaxed: only the number itself matters.
    const uint64_t number = next.fetch_add(1, std::memory_order_relaxed);
    bytes.fill(0);
    std::memcpy(bytes.data(), &number, sizeof(number));
  }
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x40);  // version 4
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);  // variant of RFC 4122
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text(36, '-');
  size_t at = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) ++at;
    text[at++] = kDigits[bytes[i] >> 4];
    text[at++] = kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace session_status::openapi
