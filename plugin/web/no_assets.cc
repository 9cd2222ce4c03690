#include "plugin/web/asset.h"

namespace session_status::web {

absl::Span<const Asset> Assets() { return {}; }

}  // namespace session_status::web
