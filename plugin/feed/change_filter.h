// Which changes a follower wants. All conditions that are set must hold.
//
// Threads: any; a value, const after it was filled.
#ifndef SESSION_STATUS_PLUGIN_FEED_CHANGE_FILTER_H_
#define SESSION_STATUS_PLUGIN_FEED_CHANGE_FILTER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "plugin/feed/change.h"
#include "proto/session_status.pb.h"

namespace session_status::feed {

namespace pb = ::mosquitto_session_status::v1;

// 10,000 states of 64 characters are about 2 MB to send at the start, and a hash table of 1 MB.
inline constexpr size_t kWatchSetMax = 10'000;

// What to follow, and from where.
struct WatchOptions {
  std::vector<std::string> client_ids = {};  // without duplicates; empty: all clients
  std::string prefix = {};
  std::string group = {};
  uint32_t kinds = 0;  // bit k: ChangeKind k; 0: all
  bool has_after = false;
  uint64_t after_sequence = 0;
  int64_t epoch = 0;  // 0: not checked

  // All but the watch set, which the subscription checks by itself.
  bool Wants(const Change& change) const;
};

// Checks limits. Errors: InvalidArgument that names the member.
absl::StatusOr<WatchOptions> MakeWatchOptions(const pb::WatchSessionsRequest& request);

}  // namespace session_status::feed

#endif  // SESSION_STATUS_PLUGIN_FEED_CHANGE_FILTER_H_
