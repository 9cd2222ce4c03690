// mosquitto_session status: the plugin itself.
#include "cli/commands.h"
#include "cli/status_text.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

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
    PrintTable(StatusRows(reply));
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
