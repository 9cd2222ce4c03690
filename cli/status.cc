// mosquitto_session status: the plugin itself.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

void Print(const pb::GetServerStatusResponse& reply) {
  std::vector<std::vector<std::string>> rows = {
      {"plugin", reply.version()},
      {"broker", reply.broker()},
      {"instance", Printable(reply.instance_id())},
      {"up since",
       absl::StrCat(LocalTime(reply.started_at_ms()), " (", ShortDuration(reply.uptime_ms()), ")")},
      {"online", absl::StrCat(reply.sessions().online())},
      {"offline, session kept", absl::StrCat(reply.sessions().offline_session_kept())},
      {"offline, remembered", absl::StrCat(reply.sessions().offline())},
      {"connects", absl::StrCat(reply.connects(), " (", reply.takeovers(), " takeovers)")},
      {"changes", absl::StrCat(reply.sequence(), " (", reply.stale_events(), " events ignored)")},
      {"snapshot", absl::StrCat("at change ", reply.snapshot().sequence(), ", ",
                                ShortDuration(reply.snapshot().age_ms()), " old, refreshed every ",
                                ShortDuration(reply.snapshot_refresh_ms()))},
      {"registry memory", absl::StrCat(reply.registry_memory_bytes() / 1024, " KiB")},
  };
  if (reply.has_fleet()) {
    const pb::FleetSummary& fleet = reply.fleet();
    rows.push_back({"fleet", absl::StrCat(Printable(fleet.name()), ": ", Printable(fleet.state()),
                                          ", ", fleet.nodes_alive(), " of ", fleet.nodes(),
                                          " nodes, ", fleet.online(), " online")});
  }
  PrintTable(rows);
}

void Run(Context* context) {
  pb::GetServerStatusResponse reply;
  if (absl::Status s =
          context->MakeClient().Call("GetServerStatus", pb::GetServerStatusRequest(), &reply);
      !s.ok()) {
    return context->Fail(s);
  }
  if (context->json) {
    PrintJson(reply);
  } else {
    Print(reply);
  }
}

}  // namespace

void AddStatusCommand(CLI::App& app, Context* context) {
  CLI::App* command =
      app.add_subcommand("status", "Show the plugin: version, broker, counts, snapshot age");
  command->footer(
      "Examples:\n  mosquitto_session status\n"
      "  mosquitto_session --json status | jq -r .sessions.online");
  command->callback([context] { Run(context); });
}

}  // namespace session_status::cli
