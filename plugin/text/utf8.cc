#include "plugin/text/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace session_status::text {
namespace {

constexpr size_t kCharacterBytesMax = 4;

// Of the characters that `text` begins with.
size_t ValidBytes(absl::string_view text) {
  const auto* const begin = reinterpret_cast<const uint8_t*>(text.data());
  const auto* p = begin;
  const uint8_t* const end = p + text.size();
  const auto continues = [end](const uint8_t* at) { return at < end && (*at & 0xC0) == 0x80; };
  while (p < end) {
    // Eight ASCII bytes at a time: nearly everything that arrives is ASCII.
    uint64_t word;
    if (end - p >= 8 && (std::memcpy(&word, p, 8), (word & 0x8080808080808080u) == 0)) {
      p += 8;
    } else if (*p < 0x80) {
      ++p;
    } else if (*p >= 0xC2 && *p <= 0xDF) {
      if (!continues(p + 1)) break;
      p += 2;
    } else if (*p >= 0xE0 && *p <= 0xEF) {
      if (!continues(p + 1) || !continues(p + 2)) break;
      if (*p == 0xE0 && p[1] < 0xA0) break;   // overlong
      if (*p == 0xED && p[1] >= 0xA0) break;  // surrogate
      p += 3;
    } else if (*p >= 0xF0 && *p <= 0xF4) {
      if (!continues(p + 1) || !continues(p + 2) || !continues(p + 3)) break;
      if (*p == 0xF0 && p[1] < 0x90) break;   // overlong
      if (*p == 0xF4 && p[1] >= 0x90) break;  // above U+10FFFF
      p += 4;
    } else {
      break;
    }
  }
  return static_cast<size_t>(p - begin);
}

}  // namespace

bool IsValidUtf8(absl::string_view text) { return ValidBytes(text) == text.size(); }

bool IsUtf8Prefix(absl::string_view text) {
  const absl::string_view rest = text.substr(ValidBytes(text));
  if (rest.empty()) return true;
  // Of any beginning of a character one of these two makes a whole one.
  for (const char next : {'\x80', '\xBF'}) {
    std::string character(rest.substr(0, kCharacterBytesMax));
    while (character.size() < kCharacterBytesMax) {
      character += next;
      if (IsValidUtf8(character)) return true;
    }
  }
  return false;
}

}  // namespace session_status::text
