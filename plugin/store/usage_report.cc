#include "plugin/store/usage_report.h"

#include <iterator>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "plugin/store/database_file.h"
#include "plugin/store/sqlite.h"

namespace session_status::store {
namespace {

struct Column {
  UsageColumn column;
  absl::string_view name;
  absl::string_view sql;
};

constexpr Column kColumns[] = {
    {UsageColumn::kHour, "hour", "strftime('%Y-%m-%dT%H:%MZ', hour, 'unixepoch')"},
    {UsageColumn::kDay, "day", "strftime('%Y-%m-%d', hour, 'unixepoch')"},
    {UsageColumn::kAccount, "account", "account"},
    {UsageColumn::kUser, "user", "user"},
    {UsageColumn::kInstance, "instance", "instance"},
    {UsageColumn::kOperation, "operation", "operation"},
};

const Column& RowOf(UsageColumn column) { return kColumns[static_cast<size_t>(column)]; }

int64_t Seconds(absl::Time time) {
  if (time == absl::InfinitePast()) return std::numeric_limits<int64_t>::min();
  if (time == absl::InfiniteFuture()) return std::numeric_limits<int64_t>::max();
  return absl::ToUnixSeconds(time);
}

// Calls are counted by the hour, so a span is of whole ones: from the beginning of the one that
// holds `from` to the end of the one that holds the last moment before `to`.
absl::Time FloorHour(absl::Time time) {
  return absl::UnixEpoch() + absl::Floor(time - absl::UnixEpoch(), absl::Hours(1));
}
absl::Time CeilHour(absl::Time time) {
  return absl::UnixEpoch() + absl::Ceil(time - absl::UnixEpoch(), absl::Hours(1));
}

}  // namespace

absl::string_view NameOf(UsageColumn column) { return RowOf(column).name; }

absl::StatusOr<UsageColumn> ParseUsageColumn(absl::string_view name) {
  for (const Column& row : kColumns) {
    if (row.name == name) return row.column;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "unknown column; known are ",
      absl::StrJoin(kColumns, ", ",
                    [](std::string* out, const Column& row) { absl::StrAppend(out, row.name); })));
}

absl::StatusOr<std::vector<UsageRow>> ReadUsage(const std::string& path, const UsageQuery& query) {
  // A pipe would be waited for.
  if (absl::Status s = CheckIsFile(path); !s.ok()) return s;
  absl::StatusOr<Database> database = Database::Open(path, Database::Mode::kReadOnly);
  if (!database.ok()) return database.status();
  database->SetBusyTimeout(absl::Seconds(2));
  std::string sql = "SELECT sum(calls)";
  std::vector<std::string> groups;
  for (size_t i = 0; i < query.by.size(); ++i) {
    absl::StrAppend(&sql, ", ", RowOf(query.by[i]).sql);
    groups.push_back(absl::StrCat(i + 2));  // by position in the list of columns
  }
  absl::StrAppend(&sql, " FROM usage WHERE hour >= ?1 AND hour < ?2");
  if (!groups.empty()) {
    const std::string list = absl::StrJoin(groups, ", ");
    absl::StrAppend(&sql, " GROUP BY ", list, " ORDER BY ", list);
  }
  absl::StatusOr<Statement> statement = database->Prepare(sql);
  if (!statement.ok()) return statement.status();
  absl::Status status = statement->Bind(1, Seconds(FloorHour(query.from)));
  status.Update(statement->Bind(2, Seconds(CeilHour(query.to))));
  if (!status.ok()) return status;
  std::vector<UsageRow> rows;
  while (true) {
    absl::StatusOr<bool> more = statement->Step();
    if (!more.ok()) return more.status();
    if (!*more) return rows;
    UsageRow row;
    row.calls = statement->Integer(0);
    for (size_t i = 0; i < query.by.size(); ++i) {
      row.group.push_back(statement->Text(static_cast<int>(i) + 1));
    }
    rows.push_back(std::move(row));
  }
}

}  // namespace session_status::store
