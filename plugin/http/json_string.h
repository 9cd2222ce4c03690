// JSON strings without a writer object, for replies whose every other byte is a constant.
#ifndef SESSION_STATUS_PLUGIN_HTTP_JSON_STRING_H_
#define SESSION_STATUS_PLUGIN_HTTP_JSON_STRING_H_

#include <string>

#include "absl/strings/string_view.h"

namespace session_status::http {

// Appends `text` in quotes, byte for byte as JsonWriter::String() does (a test holds it to that).
// Text without anything to escape, the rule, is copied as a whole; the rest is left to RapidJSON.
//
// Threads: any.
void AppendJsonString(absl::string_view text, std::string* out);

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_JSON_STRING_H_
