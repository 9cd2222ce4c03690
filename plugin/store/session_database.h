// The database of sessions: schema and statements, nothing about when to use them.
//
//   lives     one row per start of the broker: from when to when it ran, and whether it ended in
//             order. A session that its row shows online ended when the life ended that wrote it.
//   sessions  what was last known of each client
//   history   beginnings and ends of connections, in the order in which they happened
//   numbers   single numbers by name
//
// The version of the schema is PRAGMA user_version; a file that carries another one is
// FailedPrecondition with IsOtherSchema(), another program's database InvalidArgument. Every
// addition that older plugins can live with (a column with a default, a table, an index) keeps the
// version.
//
// Threads: one at a time.
// Errors:  as Database; after an error between Begin and Commit: Rollback.
#ifndef SESSION_STATUS_PLUGIN_STORE_SESSION_DATABASE_H_
#define SESSION_STATUS_PLUGIN_STORE_SESSION_DATABASE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "plugin/store/database_file.h"
#include "plugin/store/event_ring.h"
#include "plugin/store/lives.h"
#include "plugin/store/sqlite.h"
#include "registry/session_registry.h"

namespace session_status::store {

// Incarnations that a healthy database cannot hold: decades ahead of the clock's. Were they taken,
// there would be none above them.
inline constexpr int64_t kIncarnationAheadMax = int64_t{1} << 47;

// Numbers: changes of connections that `history` lacks lie between these times. 0: there are none.
inline constexpr char kHistoryGapFromNumber[] = "history_gap_from_ms";
inline constexpr char kHistoryGapUntilNumber[] = "history_gap_until_ms";  // excluded

// What one row of `sessions` says. `life`: that wrote it.
struct StoredSession {
  std::string client_id;
  registry::SessionDetails details;
  int64_t life = 0;
};

struct HistoryRow {
  ChangeRecord record;
  std::string client_id;
  std::string address;
};

class SessionDatabase {
 public:
  static constexpr int64_t kSchemaVersion = 1;

  enum class Access {
    kShared,     // others may read meanwhile (backup, sqlite3)
    kExclusive,  // needs no shared memory: works on a disk without a free byte
    kFrozen,     // reading only, on a file system that is mounted read-only
  };
  // Creates what is not there yet, but for kFrozen.
  static absl::StatusOr<std::unique_ptr<SessionDatabase>> Open(const std::string& path,
                                                               Access access);
  // True for the status of an Open that found something that is not this schema.
  static bool IsOtherSchema(const absl::Status& status);

  bool created() const { return created_; }  // by this Open
  // False: the file at the path is another one by now, or gone.
  bool IsInPlace() const { return file_->IsInPlace(); }
  // For after the database, which closes the connection.
  OpenedFile file() const { return *file_; }

  absl::Status Begin() { return database_.Execute("BEGIN IMMEDIATE"); }
  absl::Status Commit() { return database_.Execute("COMMIT"); }
  void Rollback() { database_.Execute("ROLLBACK").IgnoreError(); }

  absl::StatusOr<int64_t> Number(absl::string_view name);  // 0: never set
  absl::Status SetNumber(absl::string_view name, int64_t value);

  absl::StatusOr<Lives> ReadLives();
  absl::Status PutLife(int64_t number, const Life& life);
  absl::Status DeleteLivesBefore(int64_t number);

  absl::Status PutSession(absl::string_view client_id, const registry::SessionDetails& details,
                          int64_t life, int64_t generation);
  absl::Status DeleteSession(absl::string_view client_id);
  // Deletes at most `limit` sessions of other generations; returns how many.
  absl::StatusOr<int64_t> DeleteOtherGenerations(int64_t generation, int64_t limit);

  enum class Order {
    kByEnd,  // longest gone first; who was online ended with the life that wrote it
    kById,   // these two need no sorting and give what can be read of a damaged table
    kByIdReverse,
  };
  absl::StatusOr<int64_t> CountEnded();  // sessions that are offline once this life has begun
  // Rows with values that this schema cannot hold are counted and left out.
  absl::Status ReadSessions(Order order, const std::function<void(const StoredSession&)>& take,
                            uint64_t* invalid);

  // Rows are numbered, and what is kept is a range of numbers, so that it bounds bytes: a row whose
  // identifier, which stands in the table and in its index, has more than 64 bytes takes a number
  // for every 64 of them. The row has the last of its numbers.
  static int64_t NumbersOf(const HistoryRow& row);
  absl::Status AddHistory(const HistoryRow& row, int64_t life);
  // Deletes rows of the first `limit` numbers: up to the last from before `before_ms` in front of
  // the first that is from between then and `now_ms`, and those whose number lies `max` or more
  // below the last. Looks at `limit` rows at most; however many from after `now_ms` stand first,
  // they are passed once and not each time.
  absl::Status PruneHistory(int64_t before_ms, int64_t now_ms, int64_t max, int64_t limit);

 private:
  explicit SessionDatabase(Database database) : database_(std::move(database)) {}
  absl::Status Recognize();  // is it ours, of this version?
  absl::Status Prepare();    // pragmas and schema
  // The last row in front of all that are young, or 0.
  absl::StatusOr<int64_t> LastOldHistory(int64_t first, int64_t before_ms, int64_t now_ms,
                                         int64_t limit);
  // The statement for `sql`, prepared once.
  absl::StatusOr<Statement*> Cached(const char* sql);

  Database database_;
  std::optional<OpenedFile> file_;
  bool created_ = false;
  // Rows of the history with lower numbers have times that are still to come, and the earliest of
  // them.
  int64_t passed_before_ = 0;
  int64_t passed_earliest_ms_ = INT64_MAX;
  std::map<const char*, Statement> statements_;  // by address: each text is one constant
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_SESSION_DATABASE_H_
