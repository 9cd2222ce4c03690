// The wildcards of policies: '*' is any run of characters, also none, also across '/' and ':';
// '?' is exactly one character (one UTF-8 code point). Nothing escapes them.
#ifndef SESSION_STATUS_PLUGIN_AUTH_WILDCARD_H_
#define SESSION_STATUS_PLUGIN_AUTH_WILDCARD_H_

#include "absl/strings/string_view.h"

namespace session_status::auth {

enum class LetterCase { kExact, kIgnore };

// Time at most pattern.size() * text.size(), no recursion, no allocation.
bool MatchesWildcard(absl::string_view pattern, absl::string_view text, LetterCase letter_case);

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_WILDCARD_H_
