// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_PLUGIN_TEXT_UTF8_H_
#define SESSION_STATUS_PLUGIN_TEXT_UTF8_H_

#include "absl/strings/string_view.h"

namespace session_status::text {

bool IsValidUtf8(absl::string_view text);

// True when well-formed UTF-8 can begin with `text`, which may end in the middle of a character.
bool IsUtf8Prefix(absl::string_view text);

}  // namespace session_status::text

#endif  // SESSION_STATUS_PLUGIN_TEXT_UTF8_H_
