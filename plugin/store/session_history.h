// Reads one client's connections from the session database, over as long as it keeps them.
//
// Threads: any; blocking, by reading a file. The store may be writing meanwhile: an answer is one
//          consistent moment, at most a flush interval old.
//          It takes no lock that the store waits for.
// Errors:  NotFound when there is no database at `path`, DeadlineExceeded after time_limit, else as
//          Database. No limit holds a disk that does not answer.
#ifndef SESSION_STATUS_PLUGIN_STORE_SESSION_HISTORY_H_
#define SESSION_STATUS_PLUGIN_STORE_SESSION_HISTORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/store/event_ring.h"

namespace session_status::store {

struct HistoryQuery {
  std::string client_id;
  int64_t from_ms = 0;           // included
  int64_t until_ms = INT64_MAX;  // excluded
  uint32_t limit = 100;          // at most kHistoryEntriesMax
  absl::Duration time_limit = absl::InfiniteDuration();
};

inline constexpr uint32_t kHistoryEntriesMax = 10'000;

struct HistoryEntry {
  ChangeRecord record;  // listener_port: of its connection, like address
  // kUnknown: nothing is kept of the client before it, or something is missing in between. A
  // beginning whose client was online took over.
  registry::SessionState before = registry::SessionState::kUnknown;
  // Of an end that nobody saw, because the broker died, or the queue had no room for it: it lies
  // between this and record.at_ms.
  int64_t not_before_ms = 0;
  std::string address;  // of its connection; empty when its beginning is no longer kept
};

struct HistoryAnswer {
  std::vector<HistoryEntry> entries;
  // The oldest of all that is kept, of any client, or the end of the last gap; 0: nothing is kept.
  int64_t kept_since_ms = 0;
};

// Newest first. An end that the broker's own end caused has no row: it is made from the row of its
// life. A beginning without an end before the next beginning was taken over, unless changes are
// missing in between (kHistoryGapFromNumber).
absl::StatusOr<HistoryAnswer> ReadHistory(const std::string& path, const HistoryQuery& query);

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_SESSION_HISTORY_H_
