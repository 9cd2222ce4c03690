// Query strings and form bodies: name=value pairs, percent-encoded (WHATWG URL, section 5.1).
//
// Threads: any. Errors: as absl::Status, naming the offending pair by position.
#ifndef SESSION_STATUS_PLUGIN_HTTP_QUERY_STRING_H_
#define SESSION_STATUS_PLUGIN_HTTP_QUERY_STRING_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace session_status::http {

// Splits at '&', then at the first '=', and decodes both sides. Order is kept, names may repeat.
// Values are bytes: whoever needs UTF-8 checks it.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseQueryString(
    absl::string_view query);

// Of a body, by its Content-Type: parameters of the type (charset=…) do not matter.
bool IsForm(absl::string_view content_type);

// For parameters that are text and say one thing each: refuses what is not UTF-8, and a name that
// comes again, of which one value would be lost. Those of `repeatable` may: their values add up.
absl::Status CheckTextParameters(const std::vector<std::pair<std::string, std::string>>& parameters,
                                 absl::Span<const absl::string_view> repeatable);

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_QUERY_STRING_H_
