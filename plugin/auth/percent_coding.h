// Percent-encoding as the signatures need it (RFC 3986: everything but A-Z a-z 0-9 - _ . ~ becomes
// %XX, upper case) and form decoding as requests arrive ('+' is a space, either hex case).
//
// Threads: any; pure functions over tables made at compile time.
#ifndef SESSION_STATUS_PLUGIN_AUTH_PERCENT_CODING_H_
#define SESSION_STATUS_PLUGIN_AUTH_PERCENT_CODING_H_

#include <string>

#include "absl/strings/string_view.h"

namespace session_status::auth {

void AppendPercentEncoded(absl::string_view text, std::string* out);

// The same applied twice, in one pass: what RPC signatures (V1) make of names and values.
void AppendTwicePercentEncoded(absl::string_view text, std::string* out);

// Appends the decoded bytes. False when a '%' is not followed by two hex digits; `*out` then ends
// somewhere in the middle.
bool AppendFormDecoded(absl::string_view text, std::string* out);

// True for well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
bool IsValidUtf8(absl::string_view text);

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_PERCENT_CODING_H_
