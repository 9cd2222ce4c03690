// Says whether the plugin would accept these options, for a tool that is not the plugin: knows the
// table and what a start does with the values, and shows nothing of the types behind them.
//
// Threads: one at a time; starts none.
#ifndef SESSION_STATUS_PLUGIN_OPTION_CHECK_H_
#define SESSION_STATUS_PLUGIN_OPTION_CHECK_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace session_status {

// `given`: names without plugin_opt_, and values. Whatever would stop the broker's start, each in
// the words it would be logged with; empty: nothing. Looks at each option, then, if all are right,
// at what contradicts another one, then at the URL and the certificate that a start would load; at
// certificates only as far as this process may read them.
std::vector<absl::Status> CheckOptions(
    absl::Span<const std::pair<absl::string_view, absl::string_view>> given);

// What is in the secret file of this option, as the plugin would read it. OK of options whose file
// is not read here.
absl::Status CheckSecretFile(absl::string_view option, const std::string& path);

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_OPTION_CHECK_H_
