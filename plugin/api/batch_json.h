// The hot call in JSON, answered from the text to the text; see batch_wire.h. The reader recognises
// one shape, the one that JSON.stringify makes of a batch without an instance; everything else,
// spaces included, is RapidJSON's. tests/api/batch_json_test holds every byte of the answer equal
// to the general way's.
//
// Threads: any.
// Errors:  none of its own: whatever is not plain is left to the general way.
#ifndef SESSION_STATUS_PLUGIN_API_BATCH_JSON_H_
#define SESSION_STATUS_PLUGIN_API_BATCH_JSON_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/api/service.h"

namespace session_status::api {

// Appends the answer to `*out` and returns true; or returns false and changes nothing, when
// `message` is anything but {"clientIds":["…",…]} with 1 to kBatchIdsMax identifiers of 1 to
// registry::kClientIdBytesMax printable ASCII characters that JSON writes as they are.
bool AnswerPlainJsonBatch(const Service& service, absl::string_view message, absl::Time now,
                          std::string* out);

}  // namespace session_status::api

#endif  // SESSION_STATUS_PLUGIN_API_BATCH_JSON_H_
