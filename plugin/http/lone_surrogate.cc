#include "plugin/http/lone_surrogate.h"

#include "absl/strings/ascii.h"

namespace session_status::http {

namespace {

constexpr size_t kEscapeBytes = 6;  // "\uXXXX"

// Which half of a pair the escape at `at` is.
enum class Half { kNone, kFirst, kSecond };

Half HalfAt(absl::string_view json, size_t at) {
  if (absl::ascii_tolower(static_cast<unsigned char>(json[at + 2])) != 'd') return Half::kNone;
  const char next = absl::ascii_tolower(static_cast<unsigned char>(json[at + 3]));
  if (next < '8' || (next > '9' && next < 'a')) return Half::kNone;
  return next < 'c' ? Half::kFirst : Half::kSecond;
}

}  // namespace

size_t FindLoneSurrogate(absl::string_view json) {
  size_t at = json.find('\\');
  while (at != absl::string_view::npos && at + 1 < json.size()) {
    if (json[at + 1] != 'u' || json.size() - at < kEscapeBytes) {
      at = json.find('\\', at + 2);
      continue;
    }
    const Half half = HalfAt(json, at);
    if (half == Half::kSecond) return at;
    // RapidJSON has seen to it that the second half follows the first.
    at = json.find('\\', at + (half == Half::kFirst ? 2 * kEscapeBytes : kEscapeBytes));
  }
  return absl::string_view::npos;
}

}  // namespace session_status::http
