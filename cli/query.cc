// mosquitto_session query ID: one client, exactly, from the live registry.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/session_text.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

std::string Detection(const pb::QuerySessionByClientIdResponse& reply) {
  if (reply.has_detection_bound_s()) {
    return absl::StrCat("within ", reply.detection_bound_s(), "s");
  }
  return reply.silent_death_undetected() ? "never (keepalive 0)" : "";
}

// In a fleet: who says so.
std::string Source(const pb::QuerySessionByClientIdResponse& reply) {
  switch (reply.source()) {
    case pb::ANSWER_SOURCE_ENGINE:
      return "the fleet's engine, now";
    case pb::ANSWER_SOURCE_REPLICA:
      return reply.fleet().has_others_age_ms()
                 ? absl::StrCat("last known ", ShortDuration(reply.fleet().others_age_ms()), " ago")
                 : "this node only; nothing is known of the others";
    default:
      return "this node, now";
  }
}

void PrintReply(const pb::QuerySessionByClientIdResponse& reply) {
  std::vector<std::vector<std::string>> rows;
  const auto row = [&rows](const char* name, std::string value) {
    if (!value.empty()) rows.push_back({name, std::move(value)});
  };
  row("client", Printable(reply.client_id()));
  row("state", StateText(reply.state()));
  row("node", Printable(reply.node()));
  if (reply.has_connected_at_ms()) row("connected at", LocalTime(reply.connected_at_ms()));
  if (reply.has_disconnected_at_ms()) row("disconnected at", LocalTime(reply.disconnected_at_ms()));
  if (reply.end_reason() != pb::END_REASON_NONE) {
    row("reason", absl::StrCat(ReasonText(reply.end_reason()),
                               BrokerCodeNote(reply.broker_code(), "broker code ")));
  }
  if (reply.has_ended_not_before_ms()) {
    row("ended between", absl::StrCat(LocalTime(reply.ended_not_before_ms()), " and ",
                                      LocalTime(reply.ended_not_after_ms())));
  }
  if (reply.restored()) row("restored", "known from before the broker's last start");
  row("address", Printable(reply.address()));
  if (reply.listener_port() != 0) row("listener port", absl::StrCat(reply.listener_port()));
  row("protocol", reply.protocol_version());
  if (reply.transport() == pb::TRANSPORT_WEBSOCKETS) row("transport", "websockets");
  row("user name", Printable(reply.username()));
  if (reply.has_clean_start()) {
    row("clean start", reply.clean_start() ? "yes" : "no");
    row("keepalive", absl::StrCat(reply.keepalive_s(), "s"));
  }
  row("death noticed", Detection(reply));
  if (reply.has_session_created_at_ms())
    row("session since", LocalTime(reply.session_created_at_ms()));
  if (reply.incarnation() != 0) row("incarnation", absl::StrCat(reply.incarnation()));
  if (reply.connects() != 0) row("connects", absl::StrCat(reply.connects()));
  if (reply.has_fleet()) row("source", Source(reply));
  PrintTable(rows);
}

void Run(const std::string& client_id, Context* context) {
  pb::QuerySessionByClientIdRequest request;
  request.set_client_id(client_id);
  pb::QuerySessionByClientIdResponse reply;
  if (absl::Status s = context->MakeClient().Call("QuerySessionByClientId", request, &reply);
      !s.ok()) {
    return context->Fail(s);
  }
  if (context->json) {
    PrintJson(reply);
  } else {
    PrintReply(reply);
  }
  context->exit_code = reply.online() ? kExitOk : kExitNotOnline;
}

}  // namespace

void AddQueryCommand(CLI::App& app, Context* context) {
  CLI::App* command = app.add_subcommand(
      "query", "Ask for one client, exactly: state, since when, from where, why it ended");
  auto client_id = std::make_shared<std::string>();
  command->add_option("ID", *client_id, "Client identifier")->required()->check(IsUtf8());
  command->footer(
      "Exit status 0: online, 1: not online.\n\nExample:\n  mosquitto_session query sensor-17");
  command->callback([client_id, context] { Run(*client_id, context); });
}

}  // namespace session_status::cli
