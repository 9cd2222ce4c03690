// mosquitto_session list: all sessions that a filter wants, from one frozen cut.
//
// The table comes page by page (ListSessions), JSON lines and CSV as one stream (GET /v1/sessions):
// either way with flat memory, here and in the broker.
#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/interrupts.h"
#include "cli/list_stream.h"
#include "cli/progress.h"
#include "cli/session_text.h"
#include "cli/terminal.h"
#include "cli/words.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

constexpr uint32_t kPageSize = 1000;
// For a courtesy, on the way out.
constexpr double kCloseTimeoutS = 0.5;

struct Options {
  std::vector<std::string> states;
  std::vector<std::string> reasons;
  std::string prefix;
  std::string group;
  std::string address;
  std::string protocol;
  uint32_t listener = 0;
  std::string connected_from;
  std::string connected_until;
  std::string disconnected_from;
  std::string disconnected_until;
  std::vector<std::string> fields;
  bool csv = false;
  uint64_t limit = 0;
};

// What a table shows unless --fields says otherwise.
std::vector<std::string> Columns(const Options& options) {
  if (options.fields.empty()) {
    return {"clientId", "state", "connectedAtMs", "address", "protocolVersion", "endReason"};
  }
  std::vector<std::string> columns = options.fields;
  if (std::find(columns.begin(), columns.end(), "clientId") == columns.end()) {
    columns.insert(columns.begin(), "clientId");
  }
  return columns;
}

bool Filters(const pb::ListSessionsRequest& request) {
  pb::ListSessionsRequest bare = request;
  bare.clear_fields();
  bare.clear_page_size();
  return bare.ByteSizeLong() != 0;
}

pb::ListSessionsRequest MakeRequest(const Options& options) {
  const absl::Time now = absl::Now();
  pb::ListSessionsRequest request;
  const auto millis = [now](const std::string& text) {
    return absl::ToUnixMillis(*ParseWhen(text, now));  // the parser has checked it
  };
  const EnumWords states(pb::SessionState_descriptor());
  const EnumWords reasons(pb::EndReason_descriptor());
  for (const std::string& word : options.states) {
    request.add_states(static_cast<pb::SessionState>(states.NumberOf(word)));
  }
  for (const std::string& word : options.reasons) {
    request.add_end_reasons(static_cast<pb::EndReason>(reasons.NumberOf(word)));
  }
  request.set_client_id_prefix(options.prefix);
  request.set_group(options.group);
  request.set_address(options.address);
  request.set_protocol_version(options.protocol);
  request.set_listener_port(options.listener);
  if (!options.connected_from.empty())
    request.set_connected_from_ms(millis(options.connected_from));
  if (!options.connected_until.empty()) {
    request.set_connected_until_ms(millis(options.connected_until));
  }
  if (!options.disconnected_from.empty()) {
    request.set_disconnected_from_ms(millis(options.disconnected_from));
  }
  if (!options.disconnected_until.empty()) {
    request.set_disconnected_until_ms(millis(options.disconnected_until));
  }
  return request;
}

// How many sessions there are in all; 0 when a filter makes that no help, or nobody would see it.
uint64_t Total(const pb::ListSessionsRequest& request, const Options& options, AdminClient* client,
               int stop_fd) {
  if (!IsTerminal(STDERR_FILENO) || IsTerminal(STDOUT_FILENO)) return 0;
  if (Filters(request)) return options.limit;
  pb::GetCountsResponse counts;
  if (!client->Call("GetCounts", pb::GetCountsRequest(), &counts, stop_fd).ok()) {
    return options.limit;
  }
  const pb::StateCounts& sessions = counts.sessions();
  const uint64_t all = sessions.online() + sessions.offline_session_kept() + sessions.offline();
  return options.limit == 0 ? all : std::min(all, options.limit);
}

// Other listings need not wait until this one is found to be left. An older plugin answers one page
// more instead.
void CloseCursor(const std::string& cursor, Context context) {
  context.timeout_s = kCloseTimeoutS;
  pb::ListSessionsRequest request;
  request.set_cursor(cursor);
  request.set_close_cursor(true);
  request.set_page_size(1);
  pb::ListSessionsResponse ignored;
  // Otherwise it ends by itself, later.
  context.MakeClient().Call("ListSessions", request, &ignored).IgnoreError();
}

// Returns the signal that ended it before the end, or 0.
int PrintPages(const Options& options, Interrupts* interrupts, Context* context) {
  const std::vector<std::string> columns = Columns(options);
  AdminClient client = context->MakeClient();
  pb::ListSessionsRequest request = MakeRequest(options);
  for (const std::string& field : columns) request.add_fields(field);
  Progress progress("sessions", Total(request, options, &client, interrupts->fd()),
                    !IsTerminal(STDOUT_FILENO));
  TablePrinter table;
  std::vector<std::string> heading;
  heading.reserve(columns.size());
  for (const std::string& field : columns) heading.push_back(SessionHeading(field));
  std::vector<std::vector<std::string>> rows = {heading};
  for (uint64_t listed = 0;;) {
    const uint64_t left = options.limit == 0 ? kPageSize : options.limit - listed;
    request.set_page_size(static_cast<uint32_t>(std::min<uint64_t>(left, kPageSize)));
    pb::ListSessionsResponse page;
    if (absl::Status s = client.Call("ListSessions", request, &page, interrupts->fd()); !s.ok()) {
      if (absl::IsCancelled(s)) {
        if (!request.cursor().empty()) CloseCursor(request.cursor(), *context);
        return interrupts->Wait(absl::ZeroDuration());
      }
      context->Fail(s);
      return 0;
    }
    for (const pb::QuerySessionByClientIdResponse& session : page.sessions()) {
      if (options.limit != 0 && listed == options.limit) break;
      std::vector<std::string> row;
      row.reserve(columns.size());
      for (const std::string& field : columns) row.push_back(SessionCell(session, field));
      rows.push_back(std::move(row));
      ++listed;
    }
    {
      const Interrupts::Output output;
      table.Print(rows);
      std::cout.flush();
    }
    rows.clear();
    progress.Advance(static_cast<uint64_t>(page.sessions_size()));
    const int signal = interrupts->Wait(absl::ZeroDuration());
    if (page.next_cursor().empty()) return signal;
    const bool enough = options.limit != 0 && listed == options.limit;
    if (signal != 0 || enough || !std::cout) {
      CloseCursor(page.next_cursor(), *context);
      return signal;
    }
    request.Clear();
    request.set_cursor(page.next_cursor());
  }
}

// Returns the signal that ended it before the end, or 0.
int PrintStream(const Options& options, Interrupts* interrupts, Context* context) {
  AdminClient client = context->MakeClient();
  pb::ListSessionsRequest request = MakeRequest(options);
  for (const std::string& field : options.fields) request.add_fields(field);
  Progress progress("sessions", Total(request, options, &client, interrupts->fd()),
                    !IsTerminal(STDOUT_FILENO));
  ListStream stream(options.csv, options.limit);
  const absl::Status status =
      client.Get(ListPath(request, options.csv), interrupts->fd(), [&](absl::string_view bytes) {
        const uint64_t before = stream.sessions();
        const absl::string_view pass = stream.Take(bytes);
        {
          const Interrupts::Output output;
          std::cout.write(pass.data(), static_cast<std::streamsize>(pass.size()));
          std::cout.flush();
        }
        progress.Advance(stream.sessions() - before);
        return std::cout.good() && !stream.enough();
      });
  if (!absl::IsCancelled(status)) {
    const absl::Status whole = status.ok() ? stream.Finish() : status;
    if (!whole.ok()) context->Fail(whole);
  }
  return interrupts->Wait(absl::ZeroDuration());
}

void Run(const Options& options, Context* context) {
  const bool is_stream = options.csv || context->json;
  int signal = 0;
  if (is_stream) {
    Interrupts interrupts;
    signal = PrintStream(options, &interrupts, context);
  } else {
    Interrupts interrupts({SIGPIPE});  // of `| head`: there is something to close first
    signal = PrintPages(options, &interrupts, context);
  }
  if (signal != 0) raise(signal);  // as if it had not been held back
}

void AddFilters(CLI::App* command, Options* o) {
  const auto words = [](const google::protobuf::EnumDescriptor* e) { return EnumWords(e).words(); };
  command->add_option("--state", o->states, "States, separated by commas")
      ->delimiter(',')
      ->check(OneOf(words(pb::SessionState_descriptor())));
  command->add_option("--prefix", o->prefix, "Client identifiers that begin with TEXT")
      ->type_name("TEXT")
      ->check(IsUtf8());
  command->add_option("--group", o->group, "Client identifiers with TEXT before \"@@@\"")
      ->type_name("TEXT")
      ->check(IsNotEmpty())
      ->check(IsUtf8());
  command->add_option("--address", o->address, "Client address, or a network as in 10.0.0.0/8")
      ->type_name("ADDRESS")
      ->check(IsNotEmpty());
  command->add_option("--protocol", o->protocol, "MQTT version")
      ->check(OneOf({"3.1", "3.1.1", "5"}));
  command->add_option("--listener", o->listener, "Port of the broker's listener")
      ->type_name("PORT")
      ->transform(IsWholeNumber(1, 65'535));
  command->add_option("--reason", o->reasons, "Why the last connection ended, separated by commas")
      ->delimiter(',')
      ->check(OneOf(words(pb::EndReason_descriptor())));
  const std::pair<const char*, std::string*> times[] = {
      {"--connected-from", &o->connected_from},
      {"--connected-until", &o->connected_until},
      {"--disconnected-from", &o->disconnected_from},
      {"--disconnected-until", &o->disconnected_until}};
  const char* const help[] = {"Connected at this time or later", "Connected before this time",
                              "Disconnected at this time or later",
                              "Disconnected before this time"};
  for (size_t i = 0; i < std::size(times); ++i) {
    command->add_option(times[i].first, *times[i].second, help[i])
        ->check(IsWhen())
        ->type_name("TIME");
  }
}

}  // namespace

void AddListCommand(CLI::App& app, Context* context) {
  CLI::App* command = app.add_subcommand(
      "list", "List sessions, as of one moment: all, or those that every filter wants");
  auto options = std::make_shared<Options>();
  AddFilters(command, options.get());
  command
      ->add_option("--fields", options->fields,
                   "Members to show, separated by commas; default: all in JSON and CSV")
      ->delimiter(',')
      ->check(OneOf(SessionFieldNames()));
  command->add_flag("--csv", options->csv, "Comma-separated values, times in UTC");
  command->add_option("-n,--limit", options->limit, "Stop after N sessions")
      ->type_name("N")
      ->transform(IsWholeNumber(1));
  command->footer(
      "A listing is one frozen cut: no session twice, none missing, whatever happens meanwhile. "
      "It\n"
      "streams: a million sessions take no more memory than ten. With --json, one session a line.\n"
      "--csv is for spreadsheets: a cell that begins with = + - @ or a tabulator (to them, a\n"
      "formula), or with an apostrophe, has an apostrophe more in front. Programs take it away,\n"
      "or read JSON lines.\n"
      "TIME is a day (2026-01-02, from midnight UTC), a time (2026-01-02T03:00:00Z), or how long "
      "ago\n"
      "(90s, 15m, 2h, 7d).\n\n"
      "Examples:\n"
      "  mosquitto_session list --state online --address 10.0.0.0/8\n"
      "  mosquitto_session list --reason keepalive_timeout --disconnected-from 1h\n"
      "  mosquitto_session list --csv --fields clientId,username,address >sessions.csv\n"
      "  mosquitto_session --json list --state online | jq -r .clientId");
  command->callback([options, context] {
    RequireBefore({"--connected-from", options->connected_from},
                  {"--connected-until", options->connected_until});
    RequireBefore({"--disconnected-from", options->disconnected_from},
                  {"--disconnected-until", options->disconnected_until});
    if (options->csv && context->json) throw CLI::ExcludesError("--csv", "--json");
    Run(*options, context);
  });
}

}  // namespace session_status::cli
