// mosquitto_session fleet: the fleet as one of its brokers sees it.
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

void PrintNodes(const pb::GetFleetResponse& reply) {
  std::vector<std::vector<std::string>> rows = {{"NODE", "NUMBER", "LEASE", "SEEN", "ONLINE"}};
  for (const pb::FleetNode& node : reply.nodes()) {
    const std::string seen = node.has_last_alive_age_ms()
                                 ? absl::StrCat(ShortDuration(node.last_alive_age_ms()), " ago")
                                 : "never";
    rows.push_back({absl::StrCat(Printable(node.name()), node.self() ? " (this one)" : ""),
                    absl::StrCat(node.number()),
                    node.alive()  ? "held"
                    : node.left() ? "left"
                                  : "lost",
                    seen, absl::StrCat(node.online())});
  }
  PrintTable(rows);
}

void PrintFleet(const pb::GetFleetResponse& reply) {
  const pb::FleetSummary& summary = reply.summary();
  std::vector<std::vector<std::string>> rows = {
      {"fleet", Printable(summary.name())},
      {"state", Printable(summary.state())},
      {"engine", Printable(reply.engine())},
      {"mode", reply.direct() ? "direct" : "replica"},
      {"lease", ShortDuration(reply.lease_ms())},
      {"online", absl::StrCat(summary.online(), " (", reply.own_sessions(), " here, ",
                              reply.other_sessions(), " elsewhere)")},
      {"others known", summary.has_others_age_ms()
                           ? absl::StrCat("as of ", ShortDuration(summary.others_age_ms()), " ago")
                           : "not yet"},
      {"loading", absl::StrCat(reply.shards_loading(), " of ", reply.shards(), " shards")},
      {"not yet written", absl::StrCat(reply.queued_changes(), " changes")},
      {"written, read",
       absl::StrCat(reply.events_written(), " changes, ", reply.entries_read(), " batches")},
      {"repairs",
       absl::StrCat(reply.resends(), " shards written again, ", reply.loads(), " read as a whole")},
      {"takeovers", absl::StrCat(reply.taken_over(), " (", reply.kicks(), " connections closed)")},
      {"engine errors",
       absl::StrCat(reply.engine_errors(), " (", reply.write_errors(), " refused writes)")},
  };
  if (!reply.last_error().empty()) rows.push_back({"last error", Printable(reply.last_error())});
  if (!reply.warning().empty()) rows.push_back({"warning", Printable(reply.warning())});
  PrintTable(rows);
}

void Run(Context* context) {
  pb::GetFleetResponse reply;
  if (absl::Status s = context->MakeClient().Call("GetFleet", pb::GetFleetRequest(), &reply);
      !s.ok()) {
    return context->Fail(s);
  }
  if (context->json) return PrintJson(reply);
  PrintNodes(reply);
  std::cout << "\n";
  PrintFleet(reply);
}

}  // namespace

void AddFleetCommand(CLI::App& app, Context* context) {
  CLI::App* command =
      app.add_subcommand("fleet", "Show the fleet of brokers: nodes, leases, lag, sizes");
  command->footer(
      "Examples:\n  mosquitto_session fleet\n"
      "  mosquitto_session --json fleet | jq -r '.nodes[] | select(.alive or .left | not) | "
      ".name'");
  command->callback([context] { Run(context); });
}

}  // namespace session_status::cli
