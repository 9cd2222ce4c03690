// mosquitto_session history ID: the last beginnings and ends of one client's connections, from the
// plugin's memory or, with --stored, from its session database.
// mosquitto_session flappers: the clients whose connections break again and again.
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/session_text.h"
#include "cli/words.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

constexpr uint32_t kLimitMax = std::numeric_limits<uint32_t>::max();  // what a request can say

std::string Why(const pb::SessionChange& change) {
  if (change.taken_over()) return "took over";
  if (change.end_reason() == pb::END_REASON_NONE) return "";
  return absl::StrCat(ReasonText(change.end_reason()), BrokerCodeNote(change.broker_code()));
}

std::string From(const pb::SessionChange& change) {
  if (change.listener_port() == 0) return Printable(change.address());
  return absl::StrCat(Printable(change.address()), " on ", change.listener_port());
}

// Nothing, and why: not the same as nothing to tell.
void PrintOff(const char* option) {
  std::cout << "off: plugin_opt_" << option << " is 0; a larger number turns it on\n";
}

void Print(const pb::GetHistoryResponse& reply) {
  if (reply.disabled()) return PrintOff("history_bytes_max");
  std::vector<std::vector<std::string>> rows = {
      {"TIME", "STATE", "WHY", "INCARNATION", "FROM", "PROTOCOL"}};
  for (const pb::SessionChange& change : reply.entries()) {
    rows.push_back({MomentText(change.not_before_ms(), change.time_ms()),
                    absl::StrCat(StateText(change.state()),
                                 change.kind() == pb::CHANGE_KIND_REPAIRED ? " (repaired)" : ""),
                    Why(change), absl::StrCat(change.incarnation()), From(change),
                    change.protocol_version()});
  }
  PrintTable(rows);
  std::vector<std::vector<std::string>> notes = {{"flaps", absl::StrCat(reply.flaps())}};
  if (reply.has_dropped_before_ms()) {
    notes.push_back({"may be incomplete before", LocalTime(reply.dropped_before_ms())});
  }
  if (reply.complete_until_ms() != 0) {
    notes.push_back({"stored until", LocalTime(reply.complete_until_ms())});
  }
  PrintTable(notes);
}

void Print(const pb::ListFlappersResponse& reply) {
  if (reply.disabled()) return PrintOff("flappers_max");
  std::vector<std::vector<std::string>> rows = {
      {"CLIENT", "SCORE", "FLAPS", "SINCE", "LAST", "WHY", "FROM"}};
  for (const pb::Flapper& flapper : reply.flappers()) {
    rows.push_back({Printable(flapper.client_id()), absl::StrCat(flapper.score()),
                    absl::StrCat(flapper.flaps()), LocalTime(flapper.first_flap_ms()),
                    LocalTime(flapper.last_flap_ms()), ReasonText(flapper.last_reason()),
                    Printable(flapper.address())});
  }
  PrintTable(rows);
}

// Empty: no bound. The parser has checked it.
struct Bounds {
  std::string from;
  std::string to;
};

void Apply(const Bounds& bounds, pb::GetHistoryRequest* request) {
  const absl::Time now = absl::Now();
  const auto millis = [now](const std::string& when) {
    return absl::ToUnixMillis(*ParseWhen(when, now));
  };
  if (!bounds.from.empty()) request->set_from_ms(millis(bounds.from));
  if (!bounds.to.empty()) request->set_until_ms(millis(bounds.to));
}

// Where the rest may be found, when nothing came; a plugin that does not tell leaves it at that.
std::string WhereElse(const pb::GetHistoryRequest& request, AdminClient* client) {
  pb::GetServerStatusResponse status;
  if (!client->Call("GetServerStatus", pb::GetServerStatusRequest(), &status).ok()) return "";
  std::string text;
  if (!request.stored() && status.has_session_store()) {
    text = "; --stored tells of earlier connections";
  }
  if (!status.has_fleet()) return text;
  pb::QuerySessionByClientIdRequest query;
  query.set_client_id(request.client_id());
  pb::QuerySessionByClientIdResponse session;
  const bool known = client->Call("QuerySessionByClientId", query, &session).ok();
  const bool elsewhere =
      known && !session.node().empty() && session.node() != status.fleet().node();
  return absl::StrCat(text, elsewhere ? absl::StrCat("; the client is connected to node ",
                                                     Printable(session.node()), ": ask there")
                                      : "; each node of the fleet remembers only its own clients");
}

void SayIfEmpty(const pb::GetHistoryRequest& request, const pb::GetHistoryResponse& reply,
                AdminClient* client) {
  if (reply.disabled() || !reply.entries().empty()) return;
  const bool bounded = request.has_from_ms() || request.has_until_ms();
  std::cout << "nothing is remembered here"
            << (request.stored()                ? (bounded ? " of this time" : "")
                : reply.has_dropped_before_ms() ? ""
                                                : ": no connection to this broker since its start")
            << WhereElse(request, client) << "\n";
}

void RunHistory(const pb::GetHistoryRequest& request, Context* context) {
  AdminClient client = context->MakeClient();
  pb::GetHistoryResponse reply;
  if (absl::Status s = client.Call("GetHistory", request, &reply); !s.ok()) {
    return context->Fail(s);
  }
  if (context->json) return PrintJson(reply);
  Print(reply);
  SayIfEmpty(request, reply, &client);
}

void RunFlappers(const pb::ListFlappersRequest& request, Context* context) {
  pb::ListFlappersResponse reply;
  if (absl::Status s = context->MakeClient().Call("ListFlappers", request, &reply); !s.ok()) {
    return context->Fail(s);
  }
  if (context->json) {
    PrintJson(reply);
  } else {
    Print(reply);
  }
}

}  // namespace

void AddHistoryCommand(CLI::App& app, Context* context) {
  CLI::App* command = app.add_subcommand(
      "history", "Show one client's last connections: when, why they ended, from where");
  auto request = std::make_shared<pb::GetHistoryRequest>();
  command
      ->add_option_function<std::string>(
          "ID", [request](const std::string& id) { request->set_client_id(id); },
          "Client identifier")
      ->required()
      ->check(IsUtf8());
  command
      ->add_option_function<uint32_t>(
          "-n,--limit", [request](uint32_t limit) { request->set_limit(limit); },
          "Show at most this many, newest first")
      ->type_name("N")
      ->transform(IsWholeNumber(1, kLimitMax));
  command->add_flag_callback(
      "--stored", [request] { request->set_stored(true); },
      "From the session database, over restarts of the broker (at most 100, or --limit up to "
      "1000)");
  auto bounds = std::make_shared<Bounds>();
  command
      ->add_option("--from", bounds->from,
                   "From this moment on: 2026-01-02T03:00:00Z, or 7d ago; with --stored")
      ->type_name("TIME")
      ->check(IsWhen());
  command->add_option("--to", bounds->to, "Before this moment; with --stored")
      ->type_name("TIME")
      ->check(IsWhen());
  command->footer(
      "Examples:\n  mosquitto_session history sensor-17\n"
      "  mosquitto_session history --stored --from 7d sensor-17");
  command->callback([request, bounds, context] {
    // Not by CLI11's needs(), which --help would show in the middle of the text.
    if (!request->stored() && !bounds->from.empty()) {
      throw CLI::RequiresError("--from", "--stored");
    }
    if (!request->stored() && !bounds->to.empty()) throw CLI::RequiresError("--to", "--stored");
    RequireBefore({"--from", bounds->from}, {"--to", bounds->to});
    Apply(*bounds, request.get());
    RunHistory(*request, context);
  });
}

void AddFlappersCommand(CLI::App& app, Context* context) {
  CLI::App* command = app.add_subcommand(
      "flappers", "List the clients whose connections break, or are taken over, again and again");
  auto request = std::make_shared<pb::ListFlappersRequest>();
  command
      ->add_option_function<uint32_t>(
          "-n,--limit", [request](uint32_t limit) { request->set_limit(limit); },
          "Show at most this many (default 20)")
      ->type_name("N")
      ->transform(IsWholeNumber(1, kLimitMax));
  command->footer(
      "SCORE counts flaps by age: one half an hour ago counts half.\n\n"
      "Example:\n  mosquitto_session flappers -n 5");
  command->callback([request, context] { RunFlappers(*request, context); });
}

}  // namespace session_status::cli
