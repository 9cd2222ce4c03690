// Percent-encoding as the signatures need it (RFC 3986: everything but A-Z a-z 0-9 - _ . ~ becomes
// %XX, upper case) and form decoding as requests arrive ('+' is a space, either hex case).
//
// Threads: any; pure functions over tables made at compile time.
#ifndef SESSION_STATUS_PLUGIN_TEXT_PERCENT_CODING_H_
#define SESSION_STATUS_PLUGIN_TEXT_PERCENT_CODING_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "plugin/text/text_room.h"

namespace session_status::text {

// Bytes that every spelling leaves as they are.
constexpr bool IsUnreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.' || c == '~';
}

inline constexpr size_t kEscapedBytesMax = 3;  // that one byte becomes: "%XX"
void AddPercentEncoded(absl::string_view text, TextRoom* out);
void AppendPercentEncoded(absl::string_view text, std::string* out);

// The same applied twice, in one pass: what RPC signatures (V1) make of names and values.
inline constexpr size_t kTwiceEscapedBytesMax = 5;  // "%25XX"
void AddTwicePercentEncoded(absl::string_view text, TextRoom* out);

// Writes the decoded bytes to `*out` and moves it behind them; there must be room for text.size().
// False when a '%' is not followed by two hex digits. Clears `*canonical` when percent-encoding the
// result would not give `text` again: a '+', an escape of an unreserved byte, lower-case digits.
bool FormDecode(absl::string_view text, char** out, bool* canonical);

// The same into a string, which stays as it is when that is false.
bool AppendFormDecoded(absl::string_view text, std::string* out);

}  // namespace session_status::text

#endif  // SESSION_STATUS_PLUGIN_TEXT_PERCENT_CODING_H_
