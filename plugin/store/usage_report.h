// Reads the usage database: sums over a span of time, grouped.
//
// Threads: any. The server may be writing meanwhile: a report is one consistent moment.
#ifndef SESSION_STATUS_PLUGIN_STORE_USAGE_REPORT_H_
#define SESSION_STATUS_PLUGIN_STORE_USAGE_REPORT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace session_status::store {

enum class UsageColumn { kHour, kDay, kAccount, kUser, kInstance, kOperation };

// "hour", "day", "account", "user", "instance", "operation".
absl::string_view NameOf(UsageColumn column);
absl::StatusOr<UsageColumn> ParseUsageColumn(absl::string_view name);

struct UsageQuery {
  absl::Time from = absl::InfinitePast();  // whole hours: from the one that holds it
  absl::Time to = absl::InfiniteFuture();  // to the one that holds the moment before it
  std::vector<UsageColumn> by = {UsageColumn::kAccount};
};

struct UsageRow {
  std::vector<std::string> group;  // one text for each of query.by; times as "2026-01-02T03:00Z"
  int64_t calls = 0;
};

// Rows in order of their groups. NotFound when there is no database at `path`.
absl::StatusOr<std::vector<UsageRow>> ReadUsage(const std::string& path, const UsageQuery& query);

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_USAGE_REPORT_H_
