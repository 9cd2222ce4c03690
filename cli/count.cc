// mosquitto_session count: exact counts, at the same cost for ten clients and ten million.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

using Rows = std::vector<std::vector<std::string>>;

std::string OrUnknown(const std::string& text) { return text.empty() ? "(unknown)" : text; }

std::vector<std::string> StateCells(std::string first, const pb::StateCounts& counts) {
  return {std::move(first), absl::StrCat(counts.online()),
          absl::StrCat(counts.offline_session_kept()), absl::StrCat(counts.offline())};
}

// One way to count: its word, its table, and what of the answer it leaves away in JSON.
struct Breakdown {
  const char* word;
  Rows (*rows)(const pb::GetCountsResponse&);
  void (*clear)(pb::GetCountsResponse*);
};

Rows ByState(const pb::GetCountsResponse& r) {
  const pb::StateCounts& s = r.sessions();
  return {{"STATE", "CLIENTS"},
          {"online", absl::StrCat(s.online())},
          {"offline, session kept", absl::StrCat(s.offline_session_kept())},
          {"offline", absl::StrCat(s.offline())},
          {"total", absl::StrCat(s.online() + s.offline_session_kept() + s.offline())}};
}

Rows ByReason(const pb::GetCountsResponse& r) {
  Rows rows = {{"REASON", "ENDS SINCE START"}};
  for (const auto& row : r.ends_by_reason()) {
    rows.push_back({ReasonText(row.reason()), absl::StrCat(row.count())});
  }
  return rows;
}

Rows ByProtocol(const pb::GetCountsResponse& r) {
  Rows rows = {{"PROTOCOL", "ONLINE"}};
  for (const auto& row : r.online_by_protocol()) {
    rows.push_back({OrUnknown(row.protocol_version()), absl::StrCat(row.online())});
  }
  return rows;
}

Rows ByListener(const pb::GetCountsResponse& r) {
  Rows rows = {{"LISTENER", "ONLINE"}};
  for (const auto& row : r.online_by_listener()) {
    rows.push_back({row.listener_port() == 0 ? "(unknown)" : absl::StrCat(row.listener_port()),
                    absl::StrCat(row.online())});
  }
  return rows;
}

Rows ByGroup(const pb::GetCountsResponse& r) {
  Rows rows = {{"GROUP", "ONLINE", "SESSION KEPT", "OFFLINE"}};
  for (const auto& row : r.groups()) {
    rows.push_back(
        StateCells(row.group().empty() ? "(none)" : Printable(row.group()), row.sessions()));
  }
  return rows;
}

constexpr Breakdown kBreakdowns[] = {
    {"state", ByState, [](pb::GetCountsResponse* r) { r->clear_sessions(); }},
    {"reason", ByReason, [](pb::GetCountsResponse* r) { r->clear_ends_by_reason(); }},
    {"protocol", ByProtocol, [](pb::GetCountsResponse* r) { r->clear_online_by_protocol(); }},
    {"listener", ByListener, [](pb::GetCountsResponse* r) { r->clear_online_by_listener(); }},
    {"group", ByGroup, [](pb::GetCountsResponse* r) { r->clear_groups(); }},
};

std::vector<std::string> BreakdownWords() {
  std::vector<std::string> words;
  for (const Breakdown& breakdown : kBreakdowns) words.emplace_back(breakdown.word);
  return words;
}

void Run(const std::vector<std::string>& by, Context* context) {
  pb::GetCountsResponse reply;
  if (absl::Status s = context->MakeClient().Call("GetCounts", pb::GetCountsRequest(), &reply);
      !s.ok()) {
    return context->Fail(s);
  }
  const auto wanted = [&by](const Breakdown& breakdown) {
    return std::find(by.begin(), by.end(), breakdown.word) != by.end();
  };
  if (context->json) {
    for (const Breakdown& breakdown : kBreakdowns) {
      if (!by.empty() && !wanted(breakdown)) breakdown.clear(&reply);
    }
    return PrintJson(reply);
  }
  for (const Breakdown& breakdown : kBreakdowns) {
    if (wanted(breakdown) || (by.empty() && breakdown.rows == ByState)) {
      PrintTable(breakdown.rows(reply));
    }
  }
  if (reply.online_elsewhere() > 0) {
    std::cout << "elsewhere in the fleet, not counted above: " << reply.online_elsewhere()
              << " online\n";
  }
}

}  // namespace

void AddCountCommand(CLI::App& app, Context* context) {
  CLI::App* command = app.add_subcommand(
      "count", "Count clients by state, protocol, listener or group, ends by reason");
  auto by = std::make_shared<std::vector<std::string>>();
  command
      ->add_option("-b,--by", *by,
                   "What to count by, separated by commas; default: state, and everything in JSON")
      ->delimiter(',')
      ->check(OneOf(BreakdownWords()));
  command->footer(
      "Counts are kept with every change: asking costs the same for ten clients and ten million.\n"
      "A group is what stands before \"@@@\" in a client identifier. Groups with a name of more "
      "than "
      "64\n"
      "bytes, and those beyond 4095 at a time, are counted as (none). Other brokers' clients of a "
      "fleet\n"
      "are told in one line, or as onlineElsewhere in JSON.\n\n"
      "Examples:\n  mosquitto_session count\n"
      "  mosquitto_session count --by listener,protocol\n"
      "  mosquitto_session --json count | jq -r .sessions.online");
  command->callback([by, context] { Run(*by, context); });
}

}  // namespace session_status::cli
