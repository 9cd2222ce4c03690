#include "plugin/option_check.h"

#include "plugin/options.h"

namespace session_status {

absl::Status CheckOptions(absl::Span<const std::pair<absl::string_view, absl::string_view>> given) {
  return ParseOptions(given).status();
}

}  // namespace session_status
