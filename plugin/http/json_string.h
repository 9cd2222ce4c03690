// JSON strings without a writer object, for replies whose every other byte is a constant.
#ifndef SESSION_STATUS_PLUGIN_HTTP_JSON_STRING_H_
#define SESSION_STATUS_PLUGIN_HTTP_JSON_STRING_H_

#include "absl/strings/string_view.h"
#include "plugin/text/text_room.h"

namespace session_status::http {

// Adds `text` in quotes, byte for byte as JsonWriter::String() does (a test holds it to that).
// Text without anything to escape, the rule, is copied as a whole; the rest is left to RapidJSON.
//
// Threads: any.
void AddJsonString(absl::string_view text, text::TextRoom* out);

// Whether nothing in `text` has to be escaped.
bool IsPlainInJson(absl::string_view text);

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_JSON_STRING_H_
