// mosquitto_session usage: transactions by account, user, instance, operation, hour or day.
//
// Reads the usage database beside the running plugin; never writes to it.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/words.h"
#include "plugin/http/json_writer.h"
#include "plugin/store/usage_report.h"

namespace session_status::cli {
namespace {

constexpr char kDefaultDatabase[] = "/var/lib/mosquitto/session_status_usage.db";

struct Options {
  std::string database = kDefaultDatabase;
  std::vector<std::string> by = {"account"};
  std::string from;
  std::string to;
  bool csv = false;
};

std::vector<std::string> ColumnWords() {
  std::vector<std::string> words;
  for (const store::UsageColumn column :
       {store::UsageColumn::kHour, store::UsageColumn::kDay, store::UsageColumn::kAccount,
        store::UsageColumn::kUser, store::UsageColumn::kInstance, store::UsageColumn::kOperation}) {
    words.emplace_back(store::NameOf(column));
  }
  return words;
}

// The parser has checked the words.
store::UsageQuery MakeQuery(const Options& options) {
  store::UsageQuery query;
  const absl::Time now = absl::Now();
  if (!options.from.empty()) query.from = *ParseWhen(options.from, now);
  if (!options.to.empty()) query.to = *ParseWhen(options.to, now);
  query.by.clear();
  for (const std::string& name : options.by) {
    const store::UsageColumn column = *store::ParseUsageColumn(name);
    const bool twice = std::find(query.by.begin(), query.by.end(), column) != query.by.end();
    if (!twice) query.by.push_back(column);
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

// SQLite's words, and what they mean here.
absl::Status Explained(const absl::Status& error, const std::string& database) {
  if (const std::string why = WhyUnreadable(database); absl::EndsWith(why, "it is a folder")) {
    return absl::Status(error.code(),
                        absl::StrCat(why, "; name the plugin's usage_database with --database"));
  }
  if (absl::StrContains(error.message(), std::strerror(EACCES))) {
    return absl::Status(
        error.code(),
        absl::StrCat(error.message(), "; it is for the broker's user only: ask with sudo"));
  }
  if (absl::StrContains(error.message(), std::strerror(ENOENT))) {
    return absl::Status(
        error.code(),
        absl::StrCat(error.message(), "; name the plugin's usage_database with --database"));
  }
  if (!absl::StrContains(error.message(), "no such table: usage") &&
      !absl::StrContains(error.message(), "file is not a database")) {
    return error;
  }
  return absl::Status(error.code(), absl::StrCat(database,
                                                 " is no usage database; name the plugin's with "
                                                 "--database"));
}

void Run(const Options& options, Context* context) {
  const store::UsageQuery query = MakeQuery(options);
  const auto rows = store::ReadUsage(options.database, query);
  if (!rows.ok()) return context->Fail(Explained(rows.status(), options.database));
  if (options.csv) {
    PrintCsv(query, *rows);
  } else if (context->json) {
    PrintUsageJson(query, *rows);
  } else {
    PrintUsageTable(query, *rows);
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
  usage->add_option("-b,--by", options->by, "Columns, separated by commas")
      ->delimiter(',')
      ->default_str("account")
      ->check(OneOf(ColumnWords()));
  usage
      ->add_option("--from", options->from,
                   "Whole hours (UTC), from the one that holds TIME: a day, a time, or how long "
                   "ago, as in 7d")
      ->type_name("TIME")
      ->check(IsWhen());
  usage->add_option("--to", options->to, "To the one that holds the moment before TIME")
      ->type_name("TIME")
      ->check(IsWhen());
  usage->add_flag("--csv", options->csv, "Comma-separated values");
  usage->footer(
      "Reads the database beside the running plugin, and never writes to it.\n\n"
      "Only the broker's user and root may read it.\n\n"
      "Examples:\n  sudo mosquitto_session usage --by account --from 2026-01-01 --to 2026-02-01\n"
      "  sudo mosquitto_session usage --by day,operation --from 7d --csv");
  usage->callback([options, context] {
    RequireBefore({"--from", options->from}, {"--to", options->to});
    if (options->csv && context->json) throw CLI::ExcludesError("--csv", "--json");
    Run(*options, context);
  });
}

}  // namespace session_status::cli
