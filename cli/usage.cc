// mosquitto_session usage: transactions by account, user, instance, operation, hour or day.
//
// Reads the usage database beside the running plugin; never writes to it.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "cli/commands.h"
#include "cli/words.h"
#include "plugin/http/json_writer.h"
#include "plugin/store/usage_report.h"

namespace session_status::cli {
namespace {

constexpr char kDefaultDatabase[] = "/var/lib/mosquitto/session_status_usage.db";

struct Options {
  std::string database = kDefaultDatabase;
  std::string by = "account";
  std::string from;
  std::string to;
  bool csv = false;
};

absl::StatusOr<absl::Time> ParseBound(absl::string_view option, absl::string_view text,
                                      absl::Time when_empty) {
  if (text.empty()) return when_empty;
  const absl::StatusOr<absl::Time> time = ParseWhen(text, absl::Now());
  if (time.ok()) return time;
  return absl::InvalidArgumentError(absl::StrCat(option, ": ", time.status().message()));
}

absl::StatusOr<store::UsageQuery> MakeQuery(const Options& options) {
  store::UsageQuery query;
  const auto from = ParseBound("--from", options.from, absl::InfinitePast());
  if (!from.ok()) return from.status();
  const auto to = ParseBound("--to", options.to, absl::InfiniteFuture());
  if (!to.ok()) return to.status();
  query.from = *from;
  query.to = *to;
  query.by.clear();
  for (const absl::string_view name : absl::StrSplit(options.by, ',')) {
    const auto column = store::ParseUsageColumn(name);
    if (!column.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--by: ", column.status().message()));
    }
    query.by.push_back(*column);
  }
  return query;
}

std::vector<std::string> Heading(const store::UsageQuery& query) {
  std::vector<std::string> names;
  for (const store::UsageColumn column : query.by) names.emplace_back(store::NameOf(column));
  names.emplace_back("calls");
  return names;
}

// RFC 4180: quoted when it has to be.
std::string CsvField(absl::string_view text) {
  if (text.find_first_of(",\"\r\n") == absl::string_view::npos) return std::string(text);
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

void PrintCsv(const store::UsageQuery& query, const std::vector<store::UsageRow>& rows) {
  std::cout << absl::StrJoin(Heading(query), ",") << "\n";
  for (const store::UsageRow& row : rows) {
    for (const std::string& text : row.group) std::cout << CsvField(text) << ",";
    std::cout << row.calls << "\n";
  }
}

void PrintUsageJson(const store::UsageQuery& query, const std::vector<store::UsageRow>& rows) {
  std::string text;
  http::JsonWriter json(&text);
  json.StartObject();
  json.Key("usage");
  json.StartArray();
  for (const store::UsageRow& row : rows) {
    json.StartObject();
    for (size_t i = 0; i < row.group.size(); ++i) {
      json.Key(store::NameOf(query.by[i]));
      json.String(row.group[i]);
    }
    json.Key("calls");
    json.Int64(row.calls);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  std::cout << text << "\n";
}

void PrintUsageTable(const store::UsageQuery& query, const std::vector<store::UsageRow>& rows) {
  std::vector<std::vector<std::string>> table{Heading(query)};
  int64_t total = 0;
  for (const store::UsageRow& row : rows) {
    std::vector<std::string> line;
    for (const std::string& text : row.group) line.push_back(Printable(text));
    line.push_back(absl::StrCat(row.calls));
    total += row.calls;
    table.push_back(std::move(line));
  }
  std::vector<std::string> last(query.by.size(), "");
  last[0] = "total";
  last.push_back(absl::StrCat(total));
  table.push_back(std::move(last));
  PrintTable(table);
}

void Run(const Options& options, Context* context) {
  const absl::StatusOr<store::UsageQuery> query = MakeQuery(options);
  if (!query.ok()) return context->Fail(query.status());
  const auto rows = store::ReadUsage(options.database, *query);
  if (!rows.ok()) return context->Fail(rows.status());
  if (options.csv) {
    PrintCsv(*query, *rows);
  } else if (context->json) {
    PrintUsageJson(*query, *rows);
  } else {
    PrintUsageTable(*query, *rows);
  }
}

}  // namespace

void AddUsageCommand(CLI::App& app, Context* context) {
  auto options = std::make_shared<Options>();
  CLI::App* usage =
      app.add_subcommand("usage", "Count transactions of the documented API, from its database");
  usage->add_option("-d,--database", options->database, "Usage database")
      ->capture_default_str()
      ->type_name("FILE");
  usage
      ->add_option("-b,--by", options->by,
                   "Columns, separated by commas: hour, day, account, user, instance, operation")
      ->capture_default_str();
  usage->add_option("--from", options->from,
                    "First hour: a day, a time, or how long ago, as in 7d");
  usage->add_option("--to", options->to, "The hour after the last");
  usage->add_flag("--csv", options->csv, "Comma-separated values");
  usage->callback([options, context] { Run(*options, context); });
}

}  // namespace session_status::cli
