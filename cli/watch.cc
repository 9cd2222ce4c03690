// mosquitto_session watch: every change as it happens, by the change feed.
//
// A connection that breaks, or on which even heartbeats stay away, is made again from the last
// sequence that was told, so that nothing is missed and nothing comes twice; where the plugin no
// longer has what came in between, it says so and so does the output.
#include <unistd.h>

#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/id_input.h"
#include "cli/interrupts.h"
#include "cli/terminal.h"
#include "cli/watch_line.h"
#include "cli/words.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

constexpr absl::Duration kRetryFirst = absl::Milliseconds(200);
constexpr absl::Duration kRetryMax = absl::Seconds(5);

struct Options {
  std::vector<std::string> ids;
  std::string file;
  std::string prefix;
  std::string group;
  std::vector<std::string> kinds;
  std::string after;  // a FeedPlace; empty: now
  bool text = false;
  uint64_t count = 0;
};

class Watcher {
 public:
  Watcher(const Options& options, Context* context)
      : context_(context),
        count_(options.count),
        colour_(WantsColour(STDOUT_FILENO)),
        json_(context->json || !(options.text || IsTerminal(STDOUT_FILENO))) {
    const EnumWords kinds(pb::ChangeKind_descriptor());
    for (const std::string& id : options.ids) request_.add_client_ids(id);
    for (const std::string& kind : options.kinds) {
      request_.add_kinds(static_cast<pb::ChangeKind>(kinds.NumberOf(kind)));
    }
    request_.set_client_id_prefix(options.prefix);
    request_.set_group(options.group);
    if (options.after.empty()) return;
    const FeedPlace after = *ParseFeedPlace(options.after);  // the parser has checked it
    request_.set_after_sequence(after.sequence);
    request_.set_feed_epoch(after.epoch);
  }

  void Run() {
    AdminClient client = context_->MakeClient();
    for (absl::Duration pause = kRetryFirst;;) {
      const uint64_t seen = events_;
      const absl::Status status = client.Watch(
          request_, interrupts_.fd(), [this](const auto& event) { return OnEvent(event); });
      if (status.ok() || absl::IsCancelled(status)) return;
      // The first connection has to succeed; what was followed once is waited for.
      if (!absl::IsUnavailable(status) || events_ == 0) return context_->Fail(status);
      if (events_ != seen) pause = kRetryFirst;
      if (pause == kRetryFirst) {
        const Interrupts::Output output;
        std::cerr << "mosquitto_session: " << status.message() << "; trying again, Ctrl-C ends\n";
      }
      if (interrupts_.Wait(pause) != 0) return;
      pause = std::min(pause * 2, kRetryMax);
    }
  }

 private:
  // False: enough.
  bool OnEvent(const pb::WatchSessionsResponse& event) {
    ++events_;
    Remember(event);
    if (event.has_heartbeat()) return true;
    const Interrupts::Output output;
    if (json_) {
      PrintJson(event);
    } else {
      std::cout << WatchLine(event, request_.feed_epoch(), colour_) << "\n";
    }
    std::cout.flush();
    const bool counted = event.has_change() || event.has_state();
    return std::cout.good() && !(counted && count_ != 0 && ++shown_ == count_);
  }

  // Where the next connection goes on.
  void Remember(const pb::WatchSessionsResponse& event) {
    if (event.has_change()) request_.set_after_sequence(event.change().sequence());
    const pb::FeedPosition* position = event.has_started()     ? &event.started()
                                       : event.has_heartbeat() ? &event.heartbeat()
                                                               : nullptr;
    if (position != nullptr) {
      request_.set_after_sequence(position->sequence());
      request_.set_feed_epoch(position->feed_epoch());
    }
  }

  Context* const context_;
  const uint64_t count_;
  const bool colour_;
  const bool json_;
  Interrupts interrupts_;
  pb::WatchSessionsRequest request_;
  uint64_t events_ = 0;
  uint64_t shown_ = 0;
};

}  // namespace

void AddWatchCommand(CLI::App& app, Context* context) {
  CLI::App* command = app.add_subcommand(
      "watch", "Follow changes as they happen: lines on a terminal, JSON lines otherwise");
  auto o = std::make_shared<Options>();
  command
      ->add_option(
          "ID", o->ids,
          "Client identifiers to follow; their present states come first, but with --after")
      ->check(IsUtf8());
  command->add_option("-f,--file", o->file, "Read identifiers from FILE, one a line; - is stdin")
      ->type_name("FILE");
  command->add_option("--prefix", o->prefix, "Client identifiers that begin with TEXT")
      ->type_name("TEXT")
      ->check(IsUtf8());
  command->add_option("--group", o->group, "Client identifiers with TEXT before \"@@@\"")
      ->type_name("TEXT")
      ->check(IsNotEmpty())
      ->check(IsUtf8());
  command->add_option("--kind", o->kinds, "Kinds of change, separated by commas")
      ->delimiter(',')
      ->check(OneOf(EnumWords(pb::ChangeKind_descriptor()).words()));
  command
      ->add_option(
          "--after", o->after,
          "Begin after this change instead of now: EPOCH-SEQUENCE; a SEQUENCE alone counts "
          "only within one life of the broker")
      ->type_name("PLACE")
      ->check(IsFeedPlace());
  command->add_option("-n,--count", o->count, "End after N lines of clients")
      ->type_name("N")
      ->transform(IsWholeNumber(1));
  command->add_flag("--text", o->text, "Lines for people even when the output is no terminal");
  command->footer(
      "A connection that breaks is made again where it was: nothing is missed, nothing comes "
      "twice.\n"
      "What the plugin no longer has is reported as a gap. Ctrl-C ends, with exit status 0; where\n"
      "nobody reads the output, after a second, as the signal that it is. Colours are off with\n"
      "NO_COLOR in the environment.\n\n"
      "--after goes on where the JSON lines of an earlier run end: EPOCH is the feedEpoch of the\n"
      "last \"started\", SEQUENCE that of the last \"change\" behind it or, without one, of that\n"
      "\"started\" itself (0 when it has none).\n\n"
      "Examples:\n"
      "  mosquitto_session watch\n"
      "  mosquitto_session watch sensor-1 gateway-7\n"
      "  mosquitto_session watch --group meters --kind offline,session_kept\n"
      "  mosquitto_session watch --after 1795644849123-4711\n"
      "  mosquitto_session watch | jq -r 'select(.change) | .change.clientId'");
  command->callback([o, context] {
    if (!ReadIds(o->file, &o->ids, context)) return;
    Watcher(*o, context).Run();
  });
}

}  // namespace session_status::cli
