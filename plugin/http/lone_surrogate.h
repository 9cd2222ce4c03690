// Half of a surrogate pair in a JSON text.
//
// RapidJSON, as Debian 12 has it, refuses the first half without the second, but takes a second
// half alone ("\ude00") and makes three bytes of it that are no UTF-8: whoever echoes them answers
// what no JSON parser reads. So every text is looked at after RapidJSON has accepted it.
#ifndef SESSION_STATUS_PLUGIN_HTTP_LONE_SURROGATE_H_
#define SESSION_STATUS_PLUGIN_HTTP_LONE_SURROGATE_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace session_status::http {

// Where the escape of a second half without a first begins in `json`, which RapidJSON has accepted;
// npos: nowhere.
//
// Threads: any.
size_t FindLoneSurrogate(absl::string_view json);

// What to say of it.
inline constexpr char kLoneSurrogate[] = "The surrogate pair in string is invalid.";

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_LONE_SURROGATE_H_
