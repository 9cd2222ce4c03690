// mosquitto_session batch ID…: many clients from one snapshot, in the order asked.
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/id_input.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

// The service's limit for one call; longer lists are asked in several.
constexpr int kIdsPerCall = 10'000;
// Long identifiers fill a request before that; the listener takes 1 MiB unless it is told
// otherwise.
constexpr size_t kBytesPerCall = 768 * 1024;
constexpr size_t kOverheadBytes = 4;  // tag and length of one identifier

// The identifiers from `*done` on that one call can ask for, at least one.
pb::BatchQuerySessionByClientIdsRequest NextRequest(const std::vector<std::string>& ids,
                                                    size_t* done) {
  pb::BatchQuerySessionByClientIdsRequest request;
  size_t bytes = 0;
  for (; *done < ids.size() && request.client_ids_size() < kIdsPerCall; ++*done) {
    bytes += ids[*done].size() + kOverheadBytes;
    if (bytes > kBytesPerCall && request.client_ids_size() > 0) break;
    request.add_client_ids(ids[*done]);
  }
  return request;
}

void Print(const pb::BatchQuerySessionByClientIdsResponse& reply) {
  std::vector<std::vector<std::string>> rows = {{"CLIENT", "STATE", "REASON"}};
  if (reply.has_fleet()) rows[0].emplace_back("NODE");
  for (const pb::OnlineStatus& s : reply.sessions()) {
    const bool ended = s.end_reason() != pb::END_REASON_NONE;
    rows.push_back(
        {Printable(s.client_id()),
         s.has_error() ? absl::StrCat("error: ", s.error().message()) : StateText(s.state()),
         ended ? ReasonText(s.end_reason()) : ""});
    if (reply.has_fleet()) {
      rows.back().push_back(
          Printable(s.online() && s.node().empty() ? reply.fleet().node() : s.node()));
    }
  }
  PrintTable(rows);
  std::cout << "snapshot " << reply.snapshot().sequence() << ", "
            << ShortDuration(reply.snapshot().age_ms()) << " old";
  if (reply.fleet().has_others_age_ms()) {
    std::cout << "; other nodes' clients as of " << ShortDuration(reply.fleet().others_age_ms())
              << " ago";
  } else if (reply.has_fleet()) {
    std::cout << "; nothing is known of other nodes' clients";
  }
  std::cout << "\n";
}

void Run(const std::vector<std::string>& ids, Context* context) {
  AdminClient client = context->MakeClient();
  Progress progress("clients", ids.size(), !IsTerminal(STDOUT_FILENO));
  for (size_t done = 0; done < ids.size();) {
    const pb::BatchQuerySessionByClientIdsRequest request = NextRequest(ids, &done);
    pb::BatchQuerySessionByClientIdsResponse reply;
    if (absl::Status s = client.Call("BatchQuerySessionByClientIds", request, &reply); !s.ok()) {
      return context->Fail(s);
    }
    if (context->json) {
      PrintJson(reply);
    } else {
      Print(reply);
    }
    progress.Advance(static_cast<uint64_t>(request.client_ids_size()));
  }
}

}  // namespace

void AddBatchCommand(CLI::App& app, Context* context) {
  CLI::App* command = app.add_subcommand(
      "batch", "Ask for many clients at once, from one snapshot; the answer says how old it is");
  auto ids = std::make_shared<std::vector<std::string>>();
  auto file = std::make_shared<std::string>();
  command->add_option("ID", *ids, "Client identifiers")->check(IsUtf8());
  command->add_option("-f,--file", *file, "Read identifiers from FILE, one a line; - is stdin")
      ->type_name("FILE");
  command->footer(
      "More than 10000 identifiers, or than 768 KiB of them, are asked in several calls, each from "
      "one\nsnapshot.\n\n"
      "Examples:\n  mosquitto_session batch sensor-1 sensor-2\n"
      "  cut -d, -f1 devices.csv | mosquitto_session --json batch -f -");
  command->callback([ids, file, context] {
    if (!ReadIds(*file, ids.get(), context)) return;
    if (ids->empty()) throw CLI::RequiredError("at least one ID, or --file");
    Run(*ids, context);
  });
}

}  // namespace session_status::cli
