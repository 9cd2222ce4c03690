// The sessions of the lives before, as what this life is told of them.
//
// Threads: one at a time.
// Errors:  as SessionDatabase; DataLoss where rows have impossible values. Whatever can be read has
//          been told then nevertheless, some of it twice.
#ifndef SESSION_STATUS_PLUGIN_STORE_PAST_SESSIONS_H_
#define SESSION_STATUS_PLUGIN_STORE_PAST_SESSIONS_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "plugin/store/lives.h"
#include "plugin/store/session_database.h"
#include "registry/session_registry.h"

namespace session_status::store {

// The last connection, as its event told of it; the texts are those of `details`.
registry::Connection ConnectionOf(const registry::SessionDetails& details);

// Longest gone first. The first `excess` that ended are left out, but for those that `is_held` is
// true for. `path`: of the file, for messages.
absl::Status ReadPastSessions(SessionDatabase& database, absl::string_view path, int64_t excess,
                              const std::function<bool(absl::string_view client_id)>& is_held,
                              const std::function<void(const StoredSession&)>& take);

// As a kRestored event in state kOffline. Who was online ended with the life that wrote the row:
// when that was the `lives` tell, and that this one, which is not among them, began at
// `started_ms`. The event's texts are the session's.
registry::SessionEvent RestoredEvent(const StoredSession& session, const Lives& lives,
                                     int64_t started_ms);

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_PAST_SESSIONS_H_
