#include "plugin/store/session_history.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "plugin/store/database_file.h"
#include "plugin/store/session_database.h"
#include "plugin/store/sqlite.h"

namespace session_status::store {
namespace {

using registry::EndReason;
using registry::SessionState;

// A checkpoint of the store lasts this long at most; readers do not wait for its commits.
constexpr absl::Duration kBusyTimeout = absl::Milliseconds(250);

// ended_ms, alive_ms: of the row's life; over_ms: Lives::OverMs() of it, or, if none of those after
// it says, any time. 0: there is none.
constexpr char kSelect[] = R"(
  SELECT at_ms, kind, state, reason, broker_code, incarnation, address, listener_port, h.life,
         coalesce(l.ended_ms, 0), coalesce(l.alive_ms, 0),
         coalesce((SELECT CASE WHEN started_ms >= coalesce(l.alive_ms, 0) THEN started_ms
                               ELSE alive_ms END
                   FROM lives WHERE life > h.life AND alive_ms >= coalesce(l.alive_ms, 0)
                   ORDER BY life LIMIT 1),
                  (SELECT max(started_ms) FROM lives WHERE life > h.life), 0)
  FROM history h LEFT JOIN lives l ON l.life = h.life
  WHERE client_id = ?1 AND at_ms < ?2
  ORDER BY number DESC
)";

constexpr char kSelectFirst[] = "SELECT at_ms FROM history ORDER BY number LIMIT 1";
constexpr char kSelectNumber[] = "SELECT value FROM numbers WHERE name = ?1";

// Changes that found no room in the store's queue lie in it.
struct Gap {
  int64_t from_ms = 0;   // until then nothing is missing
  int64_t until_ms = 0;  // and from then on; 0: there is no gap
  bool IsBetween(int64_t older_ms, int64_t newer_ms) const {
    return older_ms < until_ms && newer_ms > from_ms;
  }
};

struct Row {
  HistoryEntry entry;
  int64_t life = 0;
  int64_t ended_ms = 0;
  int64_t alive_ms = 0;
  int64_t over_ms = 0;
};

Row ReadRow(const Statement& s) {
  Row row;
  ChangeRecord& r = row.entry.record;
  r.at_ms = s.Integer(0);
  r.kind = static_cast<ChangeRecord::Kind>(std::clamp<int64_t>(s.Integer(1), 0, 2));
  r.state = static_cast<SessionState>(
      std::clamp<int64_t>(s.Integer(2), 0, registry::kSessionStateCount - 1));
  r.reason =
      static_cast<EndReason>(std::clamp<int64_t>(s.Integer(3), 0, registry::kEndReasonCount - 1));
  r.broker_code = static_cast<uint16_t>(s.Integer(4));
  r.incarnation = static_cast<uint64_t>(s.Integer(5));
  row.entry.address = s.Text(6);
  r.listener_port = static_cast<uint16_t>(s.Integer(7));
  row.life = s.Integer(8);
  row.ended_ms = s.Integer(9);
  row.alive_ms = s.Integer(10);
  row.over_ms = s.Integer(11);
  return row;
}

// The end of the connection that `begun` began, if the broker's end was its end. `newer`: the
// client's row after it, if there is one. Its own end may be one of those that the gap has.
std::optional<HistoryEntry> EndOfLife(const Row& begun, const Row* newer, const Gap& gap) {
  if (begun.entry.record.kind != ChangeRecord::Kind::kBegun || begun.over_ms == 0) {
    return std::nullopt;
  }
  if (newer != nullptr && newer->life == begun.life) return std::nullopt;  // ended, or taken over
  HistoryEntry end;
  end.record.kind = ChangeRecord::Kind::kEnded;
  end.record.state = SessionState::kOffline;
  end.record.broker_code = registry::kNoBrokerCode;
  end.record.incarnation = begun.entry.record.incarnation;
  if (begun.ended_ms != 0) {
    end.record.reason = EndReason::kServerShutdown;
    end.record.at_ms = begun.ended_ms;
  } else {
    end.record.reason = EndReason::kBrokerRestart;
    end.not_before_ms = std::max(begun.alive_ms, begun.entry.record.at_ms);
    end.record.at_ms = std::max(begun.over_ms, end.not_before_ms);
  }
  if (gap.IsBetween(begun.entry.record.at_ms, end.record.at_ms)) {
    end.record.reason = EndReason::kUnknown;
    end.not_before_ms = std::max(gap.from_ms, begun.entry.record.at_ms);
  }
  return end;
}

// What an entry shares with the one before it, oldest first: an end has the address of its
// beginning. Who ended twice was kept in between, by a broker whose own end has no row that says
// so.
void Complete(const Gap& gap, std::vector<HistoryEntry>* entries) {
  for (size_t i = entries->size(); i-- > 1;) {
    const HistoryEntry& older = (*entries)[i];
    HistoryEntry& entry = (*entries)[i - 1];
    if (!gap.IsBetween(older.record.at_ms, entry.record.at_ms)) entry.before = older.record.state;
    if (entry.record.kind != ChangeRecord::Kind::kEnded ||
        entry.record.incarnation != older.record.incarnation) {
      continue;
    }
    if (older.record.kind == ChangeRecord::Kind::kEnded) {
      entry.before = SessionState::kOfflineSessionKept;
    }
    entry.address = older.address;
    entry.record.listener_port = older.record.listener_port;
  }
}

// Rows are in the order of events, and so of their times, except where a clock was wrong: so many
// entries that are too old are skipped before the search ends.
constexpr size_t kOldEntriesMax = 1000;

// Newest first, and one or two more than asked for: they say what was before the last. Those
// that are too old are among them.
absl::Status ReadEntries(const HistoryQuery& query, size_t limit, const Gap& gap, Statement* s,
                         std::vector<HistoryEntry>* entries) {
  std::optional<Row> newer;
  size_t wanted = 0;
  size_t old = 0;
  const auto add = [&](HistoryEntry entry) {
    ++(entry.record.at_ms < query.from_ms ? old : wanted);
    entries->push_back(std::move(entry));
  };
  while (wanted <= limit && old < kOldEntriesMax) {
    absl::StatusOr<bool> more = s->Step();
    if (!more.ok()) return more.status();
    if (!*more) break;
    Row row = ReadRow(*s);
    std::optional<HistoryEntry> end = EndOfLife(row, newer ? &*newer : nullptr, gap);
    if (end.has_value() && end->record.at_ms < query.until_ms) add(*std::move(end));
    add(row.entry);
    newer = std::move(row);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReadNumber(absl::string_view name, Database* database) {
  absl::StatusOr<Statement> s = database->Prepare(kSelectNumber);
  if (!s.ok()) return s.status();
  if (absl::Status bound = s->Bind(1, name); !bound.ok()) return bound;
  const absl::StatusOr<bool> any = s->Step();
  if (!any.ok()) return any.status();
  return *any ? s->Integer(0) : 0;
}

absl::StatusOr<Gap> ReadGap(Database* database) {
  const absl::StatusOr<int64_t> from_ms = ReadNumber(kHistoryGapFromNumber, database);
  if (!from_ms.ok()) return from_ms.status();
  const absl::StatusOr<int64_t> until_ms = ReadNumber(kHistoryGapUntilNumber, database);
  if (!until_ms.ok()) return until_ms.status();
  return Gap{*from_ms, *until_ms};
}

}  // namespace

absl::StatusOr<HistoryAnswer> ReadHistory(const std::string& path, const HistoryQuery& query) {
  absl::StatusOr<Database> database = Database::Open(
      path, IsOnReadOnlyFileSystem(path) ? Database::Mode::kFrozen : Database::Mode::kReadOnly);
  if (!database.ok()) return database.status();
  database->SetBusyTimeout(std::min(kBusyTimeout, query.time_limit));
  database->SetTimeLimit(query.time_limit);
  // One moment for all questions; goes with the connection.
  if (absl::Status s = database->Execute("BEGIN"); !s.ok()) return s;
  HistoryAnswer answer;
  {
    absl::StatusOr<Statement> s = database->Prepare(kSelectFirst);
    if (!s.ok()) return s.status();
    const absl::StatusOr<bool> any = s->Step();
    if (!any.ok()) return any.status();
    if (*any) answer.kept_since_ms = s->Integer(0);
  }
  const absl::StatusOr<Gap> gap = ReadGap(&*database);
  if (!gap.ok()) return gap.status();
  answer.kept_since_ms = std::max(answer.kept_since_ms, gap->until_ms);
  absl::StatusOr<Statement> s = database->Prepare(kSelect);
  if (!s.ok()) return s.status();
  absl::Status status = s->Bind(1, absl::string_view(query.client_id));
  status.Update(s->Bind(2, query.until_ms));
  if (!status.ok()) return status;
  std::vector<HistoryEntry>& entries = answer.entries;
  const size_t limit = std::min(query.limit, kHistoryEntriesMax);
  if (absl::Status read = ReadEntries(query, limit, *gap, &*s, &entries); !read.ok()) return read;
  Complete(*gap, &entries);
  std::erase_if(entries, [&](const HistoryEntry& e) { return e.record.at_ms < query.from_ms; });
  if (entries.size() > limit) entries.resize(limit);
  return answer;
}

}  // namespace session_status::store
