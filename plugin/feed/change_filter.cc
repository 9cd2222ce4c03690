#include "plugin/feed/change_filter.h"

#include <unordered_set>

#include "absl/hash/hash.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace session_status::feed {

bool WatchOptions::Wants(const Change& change) const {
  if (kinds != 0 && (kinds >> static_cast<unsigned>(change.kind) & 1) == 0) return false;
  if (!absl::StartsWith(change.client_id, prefix)) return false;
  return group.empty() || GroupOf(change.client_id) == group;
}

absl::StatusOr<WatchOptions> MakeWatchOptions(const pb::WatchSessionsRequest& request) {
  if (static_cast<size_t>(request.client_ids_size()) > kWatchSetMax) {
    return absl::InvalidArgumentError(absl::StrCat("client_ids has ", request.client_ids_size(),
                                                   " elements; at most ", kWatchSetMax));
  }
  WatchOptions options;
  std::unordered_set<absl::string_view, absl::Hash<absl::string_view>> seen;
  for (const std::string& id : request.client_ids()) {
    if (id.empty() || id.size() > registry::kClientIdBytesMax) {
      return absl::InvalidArgumentError("client_ids: an identifier has 1 to 65535 bytes");
    }
    if (seen.insert(id).second) options.client_ids.push_back(id);
  }
  for (const int kind : request.kinds()) {
    if (kind <= 0 || kind >= kChangeKindCount) {
      return absl::InvalidArgumentError(absl::StrCat("kinds: there is no kind ", kind));
    }
    options.kinds |= uint32_t{1} << kind;
  }
  options.prefix = request.client_id_prefix();
  options.group = request.group();
  options.has_after = request.has_after_sequence();
  options.after_sequence = request.after_sequence();
  options.epoch = request.feed_epoch();
  return options;
}

}  // namespace session_status::feed
