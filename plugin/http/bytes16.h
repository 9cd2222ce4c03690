// Sixteen bytes of text looked at together, by the vector types that gcc and clang share (SSE2,
// NEON, plain code elsewhere). A test is written once, as if for a byte: `c == '"' | c < 0x20`.
//
// Threads: any; values and pure functions. Nothing outside of the text given is read.
#ifndef SESSION_STATUS_PLUGIN_HTTP_BYTES16_H_
#define SESSION_STATUS_PLUGIN_HTTP_BYTES16_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace session_status::http {

// Arithmetic is that of uint8_t in each byte; a comparison gives 0xff where it holds, else 0.
using Bytes16 = uint8_t __attribute__((vector_size(16)));

inline Bytes16 LoadBytes16(const char* from) {
  Bytes16 bytes;
  std::memcpy(&bytes, from, sizeof(bytes));
  return bytes;
}

// A text of 1 to 16 bytes; the places that are left hold bytes of it again.
inline Bytes16 LoadShort(absl::string_view text) {
  const size_t size = text.size();
  uint64_t halves[2];
  if (size >= 8) {
    std::memcpy(&halves[0], text.data(), 8);
    std::memcpy(&halves[1], text.data() + size - 8, 8);
  } else if (size >= 4) {
    uint32_t first, last;
    std::memcpy(&first, text.data(), 4);
    std::memcpy(&last, text.data() + size - 4, 4);
    halves[0] = halves[1] = first | uint64_t{last} << 32;
  } else {
    const auto at = [text](size_t i) { return uint64_t{static_cast<uint8_t>(text[i])}; };
    halves[0] = halves[1] =
        (at(0) | at(size / 2) << 8 | at(size - 1) << 16) * 0x0001'0000'0100'0001u;
  }
  Bytes16 bytes;
  std::memcpy(&bytes, halves, sizeof(bytes));
  return bytes;
}

inline bool AnyByte(Bytes16 bytes) {
  uint64_t halves[2];
  std::memcpy(halves, &bytes, sizeof(bytes));
  return (halves[0] | halves[1]) != 0;
}

// The place of the first byte of eight that is not 0. REQUIRES: there is one.
inline size_t FirstByte(uint64_t eight) {
  const int bits = std::endian::native == std::endian::little ? std::countr_zero(eight)
                                                              : std::countl_zero(eight);
  return static_cast<size_t>(bits) / 8;
}

// Writes sixteen bytes as 32 hexadecimal digits; `a` is 'a' or 'A'. Computed, not looked up:
// nothing about a secret shows in what is cached.
inline void WriteHex(Bytes16 bytes, char a, char* out) {
  const auto digits = [a](Bytes16 numbers) -> Bytes16 {
    const Bytes16 letters = numbers > 9;
    return numbers + '0' + (letters & static_cast<uint8_t>(a - '0' - 10));
  };
  const Bytes16 high = digits(bytes >> 4);
  const Bytes16 low = digits(bytes & 15);
  const Bytes16 pairs[] = {
      __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23),
      __builtin_shufflevector(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                              31)};
  std::memcpy(out, pairs, sizeof(pairs));
}

inline size_t FirstByte(Bytes16 bytes) {
  uint64_t halves[2];
  std::memcpy(halves, &bytes, sizeof(bytes));
  return halves[0] != 0 ? FirstByte(halves[0]) : 8 + FirstByte(halves[1]);
}

// Whether `test` (Bytes16 -> Bytes16) holds for any byte of `text`.
template <typename Test>
bool AnyByteOf(absl::string_view text, Test test) {
  if (text.size() < 16) return !text.empty() && AnyByte(test(LoadShort(text)));
  const char* const last = text.data() + text.size() - 16;
  Bytes16 found = test(LoadBytes16(last));  // what the steps of 16 leave over
  for (const char* at = text.data(); at < last; at += 16) found |= test(LoadBytes16(at));
  return AnyByte(found);
}

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_BYTES16_H_
