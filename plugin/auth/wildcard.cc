#include "plugin/auth/wildcard.h"

#include <cstdint>

#include "absl/strings/ascii.h"

namespace session_status::auth {
namespace {

bool SameLetter(char a, char b, LetterCase letter_case) {
  if (letter_case == LetterCase::kExact) return a == b;
  return absl::ascii_tolower(static_cast<unsigned char>(a)) ==
         absl::ascii_tolower(static_cast<unsigned char>(b));
}

// Bytes of the character that begins at text[at].
size_t CharacterSize(absl::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80) ++end;
  return end - at;
}

}  // namespace

bool MatchesWildcard(absl::string_view pattern, absl::string_view text, LetterCase letter_case) {
  size_t p = 0;
  size_t t = 0;
  // Where to resume when a later part fails: the last '*' takes one character more. An earlier '*'
  // never needs to: the last one can take whatever it would have.
  size_t star = absl::string_view::npos;
  size_t star_end = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_end = t;
    } else if (p < pattern.size() && pattern[p] == '?') {
      ++p;
      t += CharacterSize(text, t);
    } else if (p < pattern.size() && SameLetter(pattern[p], text[t], letter_case)) {
      ++p;
      ++t;
    } else if (star != absl::string_view::npos) {
      p = star + 1;
      star_end += CharacterSize(text, star_end);
      t = star_end;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace session_status::auth
