// Says whether the plugin would accept these options, for a tool that is not the plugin: knows the
// table, and nothing of the types behind it.
//
// Threads: any; a pure function.
#ifndef SESSION_STATUS_PLUGIN_OPTION_CHECK_H_
#define SESSION_STATUS_PLUGIN_OPTION_CHECK_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace session_status {

// `given`: names without plugin_opt_, and values. InvalidArgument: what would stop the broker's
// start, in the words it would be logged with.
absl::Status CheckOptions(absl::Span<const std::pair<absl::string_view, absl::string_view>> given);

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_OPTION_CHECK_H_
