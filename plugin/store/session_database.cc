#include "plugin/store/session_database.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "registry/value_limits.h"

namespace session_status::store {
namespace {

using registry::EndReason;
using registry::SessionDetails;
using registry::SessionState;

// Somebody who makes a backup, or looks, holds the lock this long at most; else we try again later.
constexpr absl::Duration kBusyTimeout = absl::Seconds(2);

// "SesS": tells our file from other databases. PRAGMA application_id.
constexpr int64_t kApplicationId = 0x53657353;

// NORMAL: in WAL mode a commit survives the end of the process, however sudden; after a power
// failure the database is whole but may lack the last commits. Sorting in memory: a full disk must
// not keep us from reading.
constexpr char kPragmas[] = R"(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  PRAGMA journal_size_limit = 16777216;
  PRAGMA temp_store = MEMORY;
)";

constexpr char kSchema[] = R"(
  BEGIN IMMEDIATE;
  PRAGMA application_id = 0x53657353;
  PRAGMA user_version = 1;
  CREATE TABLE numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE lives (
    life INTEGER PRIMARY KEY,
    started_ms INTEGER NOT NULL,
    alive_ms INTEGER NOT NULL,       -- what happened until then is in this database
    ended_ms INTEGER NOT NULL        -- 0: not ended in order
  );
  CREATE TABLE sessions (
    client_id TEXT PRIMARY KEY,
    state INTEGER NOT NULL,          -- 1 online, 2 offline and session kept, 3 offline
    reason INTEGER NOT NULL,         -- of the last end, as EndReason in the .proto
    broker_code INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    connects INTEGER NOT NULL,
    connected_ms INTEGER NOT NULL,   -- times: milliseconds since 1970; 0: not known
    ended_ms INTEGER NOT NULL,
    ended_not_before_ms INTEGER NOT NULL,  -- 0: ended_ms is exact
    created_ms INTEGER NOT NULL,
    address TEXT NOT NULL,
    username TEXT NOT NULL,
    listener_port INTEGER NOT NULL,
    keepalive_s INTEGER NOT NULL,
    protocol INTEGER NOT NULL,
    transport INTEGER NOT NULL,
    clean_start INTEGER NOT NULL,
    life INTEGER NOT NULL,           -- that wrote this row
    generation INTEGER NOT NULL      -- of the last full save in which it was seen
  ) WITHOUT ROWID;
  CREATE TABLE history (
    number INTEGER PRIMARY KEY,      -- in the order of events; a long identifier takes several
    client_id TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    kind INTEGER NOT NULL,           -- 0 connection begun, 1 ended
    state INTEGER NOT NULL,          -- after it
    reason INTEGER NOT NULL,
    broker_code INTEGER NOT NULL,
    incarnation INTEGER NOT NULL,
    address TEXT NOT NULL,           -- of a beginning
    listener_port INTEGER NOT NULL,
    life INTEGER NOT NULL
  );
  CREATE INDEX history_by_client ON history (client_id, number);
  COMMIT;
)";

constexpr char kNumber[] = "SELECT value FROM numbers WHERE name = ?1";
constexpr char kSetNumber[] = "INSERT OR REPLACE INTO numbers VALUES (?1, ?2)";
constexpr char kLives[] = "SELECT life, started_ms, alive_ms, ended_ms FROM lives";
constexpr char kPutLife[] =
    "INSERT OR REPLACE INTO lives (life, started_ms, alive_ms, ended_ms) VALUES (?1, ?2, ?3, ?4)";
// Who was online in a life, and whose session the broker has kept since, needs it for its end, and
// the one after it that says when it was over (Lives::OverMs()).
constexpr char kDeleteLives[] =
    "WITH held AS MATERIALIZED (SELECT DISTINCT life FROM sessions WHERE state = 1) "
    "DELETE FROM lives WHERE life < ?1 AND life NOT IN held AND life NOT IN "
    "(SELECT (SELECT coalesce(min(n.life), 0) FROM lives n WHERE n.life > l.life AND n.alive_ms >= "
    "l.alive_ms) "
    "FROM lives l WHERE l.life IN held AND l.ended_ms = 0)";

#define SESSION_COLUMNS                                                                        \
  "client_id, state, reason, broker_code, incarnation, connects, connected_ms, ended_ms, "     \
  "ended_not_before_ms, created_ms, address, username, listener_port, keepalive_s, protocol, " \
  "transport, clean_start, life"

constexpr char kPutSession[] =
    "INSERT OR REPLACE INTO sessions (" SESSION_COLUMNS
    ", generation) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
    "?17, ?18, ?19)";
constexpr char kDeleteSession[] = "DELETE FROM sessions WHERE client_id = ?1";
constexpr char kDeleteOthers[] =
    "DELETE FROM sessions WHERE client_id IN "
    "(SELECT client_id FROM sessions WHERE generation <> ?1 LIMIT ?2)";
// Who was online ended with the life that wrote the row, or, if that one did not end in order,
// before the next one began: last, if there is none.
constexpr char kReadByEnd[] =
    "WITH ends AS MATERIALIZED (SELECT life AS of_life, CASE ended_ms WHEN 0 THEN "
    "max(alive_ms, lead(started_ms) OVER (ORDER BY life)) ELSE ended_ms END AS at FROM lives) "
    "SELECT " SESSION_COLUMNS
    " FROM sessions LEFT JOIN ends ON state = 1 AND of_life = life "
    "ORDER BY CASE state WHEN 1 THEN coalesce(at, 9223372036854775807) ELSE ended_ms END, state = "
    "1";
constexpr char kReadById[] = "SELECT " SESSION_COLUMNS " FROM sessions ORDER BY client_id";
constexpr char kReadByIdReverse[] =
    "SELECT " SESSION_COLUMNS " FROM sessions ORDER BY client_id DESC";

constexpr char kCountEnded[] = "SELECT count(*) FROM sessions WHERE state <> 2";

constexpr char kAddHistory[] =
    "INSERT INTO history (number, client_id, at_ms, kind, state, reason, broker_code, incarnation, "
    "address, listener_port, life) VALUES ((SELECT coalesce(max(number), 0) FROM history) + ?1, "
    "?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
constexpr char kHistoryRange[] =
    "SELECT coalesce((SELECT min(number) FROM history), 0), "
    "coalesce((SELECT max(number) FROM history), 0)";
constexpr char kHistoryTimes[] =
    "SELECT number, at_ms FROM history WHERE number >= ?1 ORDER BY number LIMIT ?2";
constexpr char kDeleteHistory[] = "DELETE FROM history WHERE number <= ?1";

constexpr char kOtherSchema[] = "is not a session database of this version";

int64_t Millis(absl::Time time) {
  return time == absl::InfinitePast() ? 0 : absl::ToUnixMillis(time);
}

absl::Time FromMillis(int64_t ms) {
  return ms == 0 ? absl::InfinitePast() : absl::FromUnixMillis(ms);
}

// Reads columns in order and remembers whether one was out of its range.
class RowReader {
 public:
  explicit RowReader(const Statement& row) : row_(row) {}
  template <typename T>
  T Integer(int64_t min, int64_t max) {
    const int64_t value = row_.Integer(column_++);
    if (value < min || value > max) ok_ = false;
    return static_cast<T>(value);
  }
  std::string Text(size_t min, size_t max) {
    std::string text = row_.Text(column_++);
    if (text.size() < min || text.size() > max) ok_ = false;
    return text;
  }
  int64_t Millis() { return Integer<int64_t>(0, registry::kMillisMax); }
  absl::Time Time() { return FromMillis(Millis()); }
  bool ok() const { return ok_; }

 private:
  const Statement& row_;
  int column_ = 0;
  bool ok_ = true;
};

bool ReadSession(const Statement& row, StoredSession* out) {
  RowReader read(row);
  SessionDetails& d = out->details;
  out->client_id = read.Text(0, 65'535);
  d.status.state = read.Integer<SessionState>(1, registry::kSessionStateCount - 1);
  d.status.reason = read.Integer<EndReason>(0, registry::kEndReasonCount - 1);
  d.broker_code = read.Integer<uint16_t>(0, UINT16_MAX);
  d.incarnation = read.Integer<uint64_t>(1, kIncarnationAheadMax - 1);
  d.connects = read.Integer<uint32_t>(0, UINT32_MAX);
  d.connected_at = read.Time();
  d.disconnected_at = read.Time();
  d.ended_not_before = read.Time();
  d.session_created_at = read.Time();
  d.address = read.Text(0, 65'535);
  d.username = read.Text(0, 65'535);
  d.listener_port = read.Integer<uint16_t>(0, UINT16_MAX);
  d.keepalive_s = read.Integer<uint16_t>(0, UINT16_MAX);
  d.protocol_version = read.Integer<registry::ProtocolVersion>(0, 5);
  d.transport = read.Integer<registry::Transport>(0, 2);
  d.clean_start = read.Integer<int64_t>(0, 1) != 0;
  out->life = read.Integer<int64_t>(1, INT64_MAX);
  return read.ok();
}

// Binds values to ?1, ?2, … and runs.
template <typename... Values>
absl::Status Run(const absl::StatusOr<Statement*>& statement, const Values&... values) {
  if (!statement.ok()) return statement.status();
  Statement& s = **statement;
  s.Reset();
  absl::Status status;
  int index = 0;
  (status.Update(s.Bind(++index, values)), ...);
  return status.ok() ? s.Run() : status;
}

int64_t AsInteger(uint64_t value) { return static_cast<int64_t>(value); }

}  // namespace

absl::StatusOr<std::unique_ptr<SessionDatabase>> SessionDatabase::Open(const std::string& path,
                                                                       Access access) {
  const bool frozen = access == Access::kFrozen;
  absl::StatusOr<Database> opened =
      Database::Open(path, frozen ? Database::Mode::kFrozen : Database::Mode::kCreate);
  if (!opened.ok()) return opened.status();
  opened->SetBusyTimeout(kBusyTimeout);
  std::unique_ptr<SessionDatabase> database(new SessionDatabase(*std::move(opened)));
  if (access == Access::kExclusive) {
    absl::Status s = database->database_.Execute("PRAGMA locking_mode = EXCLUSIVE");
    if (!s.ok()) return s;
  }
  if (absl::Status s = database->Recognize(); !s.ok()) {
    const absl::Status others = absl::IsDataLoss(s) ? CheckIsNotOthers(path) : absl::OkStatus();
    return others.ok() ? s : others;
  }
  // Sorting in memory: there may be no other place.
  absl::Status s =
      frozen ? database->database_.Execute("PRAGMA temp_store = MEMORY") : database->Prepare();
  if (!s.ok()) return s;
  database->file_.emplace(path);
  return database;
}

bool SessionDatabase::IsOtherSchema(const absl::Status& status) {
  return status.code() == absl::StatusCode::kFailedPrecondition &&
         absl::string_view(status.message()).find(kOtherSchema) != absl::string_view::npos;
}

absl::Status SessionDatabase::Recognize() {
  constexpr const char* kQuestions[] = {
      "PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema",
      "SELECT count(*) FROM sqlite_schema WHERE name IN ('sessions', 'lives')"};
  int64_t found[std::size(kQuestions)] = {};
  for (size_t i = 0; i < std::size(kQuestions); ++i) {
    absl::StatusOr<Statement> question = database_.Prepare(kQuestions[i]);
    if (!question.ok()) return question.status();
    absl::StatusOr<bool> row = question->Step();
    if (!row.ok()) return row.status();
    found[i] = question->Integer(0);
  }
  created_ = found[2] == 0;
  // Not by the application's number alone: that may be what is damaged.
  if (!created_ && found[0] != kApplicationId && found[3] == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        database_.path(), ": is another program's database; give this one a path of its own"));
  }
  if (!created_ && (found[0] != kApplicationId || found[1] != kSchemaVersion)) {
    return absl::FailedPreconditionError(absl::StrCat(database_.path(), ": ", kOtherSchema, " (",
                                                      kSchemaVersion, ") but of ", found[1]));
  }
  return absl::OkStatus();
}

absl::Status SessionDatabase::Prepare() {
  if (absl::Status s = database_.Execute(kPragmas); !s.ok()) return s;
  if (!created_) return absl::OkStatus();
  absl::Status status = database_.Execute(kSchema);
  if (!status.ok()) Rollback();
  return status;
}

absl::StatusOr<Statement*> SessionDatabase::Cached(const char* sql) {
  const auto found = statements_.find(sql);
  if (found != statements_.end()) return &found->second;
  absl::StatusOr<Statement> prepared = database_.Prepare(sql);
  if (!prepared.ok()) return prepared.status();
  return &statements_.emplace(sql, *std::move(prepared)).first->second;
}

absl::StatusOr<int64_t> SessionDatabase::CountEnded() {
  absl::StatusOr<Statement> s = database_.Prepare(kCountEnded);
  if (!s.ok()) return s.status();
  absl::StatusOr<bool> row = s->Step();
  if (!row.ok()) return row.status();
  return s->Integer(0);
}

absl::StatusOr<int64_t> SessionDatabase::Number(absl::string_view name) {
  absl::StatusOr<Statement*> statement = Cached(kNumber);
  if (!statement.ok()) return statement.status();
  Statement& s = **statement;
  s.Reset();
  if (absl::Status status = s.Bind(1, name); !status.ok()) return status;
  absl::StatusOr<bool> row = s.Step();
  if (!row.ok()) return row.status();
  const int64_t value = *row ? s.Integer(0) : 0;
  s.Reset();
  return value;
}

absl::Status SessionDatabase::SetNumber(absl::string_view name, int64_t value) {
  return Run(Cached(kSetNumber), name, value);
}

absl::StatusOr<Lives> SessionDatabase::ReadLives() {
  absl::StatusOr<Statement> s = database_.Prepare(kLives);
  if (!s.ok()) return s.status();
  Lives::ByNumber lives;
  while (true) {
    absl::StatusOr<bool> row = s->Step();
    if (!row.ok()) return row.status();
    if (!*row) return Lives(std::move(lives));
    RowReader read(*s);
    const auto number = read.Integer<int64_t>(1, INT64_MAX - 1);  // another one follows it
    const int64_t started_ms = read.Millis();
    const int64_t alive_ms = read.Millis();
    const int64_t ended_ms = read.Millis();
    if (!read.ok()) {
      return absl::DataLossError(database_.path() + ": a life has impossible values");
    }
    lives[number] = {started_ms, alive_ms, ended_ms};
  }
}

absl::Status SessionDatabase::PutLife(int64_t number, const Life& life) {
  return Run(Cached(kPutLife), number, life.started_ms, life.alive_ms, life.ended_ms);
}

absl::Status SessionDatabase::DeleteLivesBefore(int64_t number) {
  return Run(Cached(kDeleteLives), number);
}

absl::Status SessionDatabase::PutSession(absl::string_view client_id, const SessionDetails& d,
                                         int64_t life, int64_t generation) {
  return Run(Cached(kPutSession), client_id, static_cast<int64_t>(d.status.state),
             static_cast<int64_t>(d.status.reason), int64_t{d.broker_code},
             AsInteger(d.incarnation), int64_t{d.connects}, Millis(d.connected_at),
             Millis(d.disconnected_at), Millis(d.ended_not_before), Millis(d.session_created_at),
             absl::string_view(d.address), absl::string_view(d.username), int64_t{d.listener_port},
             int64_t{d.keepalive_s}, static_cast<int64_t>(d.protocol_version),
             static_cast<int64_t>(d.transport), int64_t{d.clean_start}, life, generation);
}

absl::Status SessionDatabase::DeleteSession(absl::string_view client_id) {
  return Run(Cached(kDeleteSession), client_id);
}

absl::StatusOr<int64_t> SessionDatabase::DeleteOtherGenerations(int64_t generation, int64_t limit) {
  if (absl::Status s = Run(Cached(kDeleteOthers), generation, limit); !s.ok()) return s;
  return database_.changes();
}

absl::Status SessionDatabase::ReadSessions(Order order,
                                           const std::function<void(const StoredSession&)>& take,
                                           uint64_t* invalid) {
  absl::StatusOr<Statement> s = database_.Prepare(order == Order::kByEnd  ? kReadByEnd
                                                  : order == Order::kById ? kReadById
                                                                          : kReadByIdReverse);
  if (!s.ok()) return s.status();
  StoredSession session;
  while (true) {
    absl::StatusOr<bool> row = s->Step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    if (ReadSession(*s, &session)) {
      take(session);
    } else {
      ++*invalid;
    }
  }
}

int64_t SessionDatabase::NumbersOf(const HistoryRow& row) {
  constexpr size_t kIdBytesPerNumber = 64;
  return std::max<int64_t>(
      1, static_cast<int64_t>((row.client_id.size() + kIdBytesPerNumber - 1) / kIdBytesPerNumber));
}

absl::Status SessionDatabase::AddHistory(const HistoryRow& row, int64_t life) {
  const ChangeRecord& r = row.record;
  return Run(Cached(kAddHistory), NumbersOf(row), absl::string_view(row.client_id), r.at_ms,
             static_cast<int64_t>(r.kind), static_cast<int64_t>(r.state),
             static_cast<int64_t>(r.reason), int64_t{r.broker_code}, AsInteger(r.incarnation),
             absl::string_view(row.address), int64_t{r.listener_port}, life);
}

// A clock that was wrong gave times that are out of order. What looks old behind a row
// that is young for sure is not old, and must not take along what is before it. A time
// that is still to come says nothing.
absl::StatusOr<int64_t> SessionDatabase::LastOldHistory(int64_t first, int64_t before_ms,
                                                        int64_t now_ms, int64_t limit) {
  if (now_ms >= passed_earliest_ms_) {  // it has come: that row may be young by now
    passed_before_ = 0;
    passed_earliest_ms_ = INT64_MAX;
  }
  absl::StatusOr<Statement*> statement = Cached(kHistoryTimes);
  if (!statement.ok()) return statement.status();
  Statement& s = **statement;
  s.Reset();
  absl::Status status = s.Bind(1, std::max(first, passed_before_));
  status.Update(s.Bind(2, limit));
  if (!status.ok()) return status;
  int64_t old = 0;
  while (true) {
    absl::StatusOr<bool> row = s.Step();
    if (!row.ok()) return row.status();
    if (!*row) break;
    const int64_t number = s.Integer(0);
    const int64_t at_ms = s.Integer(1);
    if (at_ms < before_ms) {
      old = number;
    } else if (at_ms <= now_ms) {
      break;
    } else if (old == 0) {
      passed_before_ = number + 1;
      passed_earliest_ms_ = std::min(passed_earliest_ms_, at_ms);
    }
  }
  s.Reset();
  return old;
}

absl::Status SessionDatabase::PruneHistory(int64_t before_ms, int64_t now_ms, int64_t max,
                                           int64_t limit) {
  absl::StatusOr<Statement*> range = Cached(kHistoryRange);
  if (!range.ok()) return range.status();
  (*range)->Reset();
  absl::StatusOr<bool> row = (*range)->Step();
  if (!row.ok()) return row.status();
  const int64_t first = (*range)->Integer(0);
  const int64_t newest = (*range)->Integer(1);
  (*range)->Reset();
  if (first < 0 || newest > INT64_MAX / 2) {
    return absl::DataLossError(database_.path() + ": a number of the history is out of range");
  }
  const absl::StatusOr<int64_t> old = LastOldHistory(first, before_ms, now_ms, limit);
  if (!old.ok()) return old.status();
  const int64_t last = std::min(first + limit - 1, std::max(*old, newest - max));
  if (last < first || newest == 0) return absl::OkStatus();
  if (last + 1 >= passed_before_) {  // nothing of that is left; without any row, numbers begin anew
    passed_before_ = 0;
    passed_earliest_ms_ = INT64_MAX;
  }
  return Run(Cached(kDeleteHistory), last);
}

}  // namespace session_status::store
