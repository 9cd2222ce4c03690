// mosquitto_session audit: what the plugin's self-audit compared, found and repaired.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

std::string LastPass(const pb::GetAuditResponse& reply) {
  if (reply.passes() == 0) return "none yet";
  return absl::StrCat(LocalTime(reply.last_pass_at_ms()), ", took ",
                      ShortDuration(reply.last_pass_ms()));
}

std::string Walks(const pb::GetAuditResponse& reply) {
  return absl::StrCat(reply.walks(), "; the last one over ",
                      reply.walk_complete() ? "all " : "the first ", reply.walked_clients(),
                      " clients");
}

void Print(const pb::GetAuditResponse& reply) {
  if (!reply.enabled()) {
    PrintTable({{"audit", "switched off (audit_period 0s)"}});
    return;
  }
  std::vector<std::vector<std::string>> rows = {
      {"compares with", reply.sees_broker_table() ? "the broker's own client table"
                                                  : "the connections the plugin follows (2.0)"},
      {"period", ShortDuration(reply.period_ms())},
      {"passes", absl::StrCat(reply.passes())},
      {"last pass", LastPass(reply)},
      {"checks", absl::StrCat(reply.checks())},
      {"drift repaired",
       absl::StrCat(reply.repaired_ends(), " ends, ", reply.repaired_connects(), " connects")},
      {"tracked / registered", absl::StrCat(reply.tracked(), " / ", reply.registered())},
      {"found expired", absl::StrCat(reply.found_expired())},
      {"cost per look",
       absl::StrCat("mean ", reply.slice_us_mean(), "us, longest ", reply.slice_us_max(), "us")},
  };
  if (reply.sees_broker_table()) {
    rows.push_back({"walks", Walks(reply)});
    rows.push_back({"undecidable", absl::StrCat(reply.undecidable())});
  }
  PrintTable(rows);
  if (reply.repairs().empty()) return;
  std::vector<std::vector<std::string>> repairs = {{"REPAIRED", "CLIENT", "BEFORE", "AFTER"}};
  for (const pb::AuditRepair& repair : reply.repairs()) {
    repairs.push_back({LocalTime(repair.time_ms()), Printable(repair.client_id()),
                       StateText(repair.before()), StateText(repair.after())});
  }
  PrintTable(repairs);
}

void Run(Context* context) {
  pb::GetAuditResponse reply;
  if (absl::Status s = context->MakeClient().Call("GetAudit", pb::GetAuditRequest(), &reply);
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

void AddAuditCommand(CLI::App& app, Context* context) {
  CLI::App* command = app.add_subcommand(
      "audit", "Show the self-audit: what was compared with the broker, what had to be repaired");
  command->footer(
      "Examples:\n  mosquitto_session audit\n"
      "  mosquitto_session --json audit | jq .repairs");
  command->callback([context] { Run(context); });
}

}  // namespace session_status::cli
