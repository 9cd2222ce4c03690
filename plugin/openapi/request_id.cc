#include "plugin/openapi/request_id.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "plugin/auth/keyed_mac.h"
#include "plugin/http/bytes16.h"

namespace session_status::openapi {
namespace {

constexpr size_t kIdBytes = 16;

// The generator is out of order (then signatures are too). Identifiers must still be unique.
void FillWithNumbers(absl::Span<uint8_t> out) {
  static std::atomic<uint64_t> next{1};
  for (size_t i = 0; i + kIdBytes <= out.size(); i += kIdBytes) {
    // relaxed: only the number itself matters.
    const uint64_t number = next.fetch_add(1, std::memory_order_relaxed);
    std::memset(out.data() + i, 0, kIdBytes);
    std::memcpy(out.data() + i, &number, sizeof(number));
  }
}

}  // namespace

RequestId RequestIds::Next() {
  if (used_ == random_.size()) {
    if (!auth::FillRandom(absl::MakeSpan(random_))) FillWithNumbers(absl::MakeSpan(random_));
    used_ = 0;
  }
  uint8_t* const bytes = random_.data() + used_;
  used_ += kIdBytes;
  bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x40);  // version 4
  bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);  // variant of RFC 4122
  char digits[2 * kIdBytes];
  http::WriteHex(http::LoadBytes16(reinterpret_cast<const char*>(bytes)), 'A', digits);
  RequestId id;
  char* out = id.characters_.data();
  const char* from = digits;
  for (const size_t group : {8, 4, 4, 4, 12}) {
    if (from != digits) *out++ = '-';
    out = std::copy(from, from + group, out);
    from += group;
  }
  return id;
}

}  // namespace session_status::openapi
