// mosquitto_session access check: what an access file allows, and which statement says so.
//
// Works on the file, not on a running plugin: try a change before it is in force.
#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/text_file.h"
#include "cli/words.h"
#include "plugin/auth/access_file.h"
#include "plugin/auth/resource_name.h"
#include "plugin/http/json_writer.h"
#include "plugin/text/near_word.h"

namespace session_status::cli {
namespace {

struct Options {
  std::string file;
  std::string key;
  std::string action;
  std::string resource;
  std::string region = "local";
  std::string source_ip;
  std::string at;
  absl::optional<std::string> session_policy_file;  // nullopt: not given
  bool secure = false;
};

constexpr char kFooter[] =
    "Works on the file, not on a running plugin: try a change before it is in force.\n"
    "Exit status 0: allowed, 1: denied. Whether a server serves the instance is not in the file, "
    "and\n"
    "not asked here: its options instance_id, instances_by_listener and instances_by_username say "
    "so,\n"
    "and doctor compares them with the file.\n\n"
    "The single query goes by mq:MqttInstanceAccess and mq:QuerySessionByClientId; either stands "
    "for\n"
    "both, as the server asks both at once. The batch that needs mq:MqttInstanceAccess as well\n"
    "(api_batch_needs_instance_access) asks for that name alone; where that makes a difference, a\n"
    "second line says so.\n\n"
    "Examples:\n"
    "  sudo mosquitto_session access check -f /etc/mosquitto/access.json -k KEY \\\n"
    "    -a mq:MqttInstanceAccess -r post-cn-local0001 --secure --source-ip 10.1.2.3\n"
    "  mosquitto_session --json access check -f access.json -k KEY \\\n"
    "    -a mq:BatchQuerySessionByClientIds -r post-cn-local0001 --at 2027-01-01T00:00:00Z";

constexpr absl::string_view kInstanceAccess = "mq:MqttInstanceAccess";
constexpr absl::string_view kQuery = "mq:QuerySessionByClientId";
constexpr absl::string_view kBatch = "mq:BatchQuerySessionByClientIds";

struct Finding {
  bool allowed = false;
  std::string explanation;
  std::string policy;    // that decided; empty when none did
  size_t statement = 0;  // of it, from 1
};

struct Answer {
  Finding finding;
  // What the batch is told, which may need mq:MqttInstanceAccess as well and is then asked under
  // that name alone. Where it says something else.
  absl::optional<Finding> in_batch;
};

// The single query goes by two names, and the server asks both at once: a statement about either of
// them matches it.
std::vector<absl::string_view> ActionNames(absl::string_view action) {
  for (const auto& [name, other] :
       {std::pair(kQuery, kInstanceAccess), std::pair(kInstanceAccess, kQuery)}) {
    if (absl::EqualsIgnoreCase(action, name)) return {action, other};
  }
  return {action};
}

// What the server asks for; of other services' actions, which it never asks for, anything.
CLI::Validator IsAction() {
  return CLI::Validator(
      [](std::string& text) {
        const std::vector<std::string> names = {std::string(kBatch), std::string(kQuery),
                                                std::string(kInstanceAccess)};
        const bool known = std::any_of(names.begin(), names.end(), [&text](const auto& n) {
          return absl::EqualsIgnoreCase(n, text);
        });
        const bool of_others =
            absl::StrContains(text, ':') && !absl::StartsWithIgnoreCase(text, "mq:");
        if (known || of_others) return std::string();
        const std::string nearest = text::Nearest(text, names);
        return absl::StrCat("there is no action \"", text, "\"",
                            nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"),
                            " (there are ", absl::StrJoin(names, ", "), ")");
      },
      "");
}

auth::PolicyContext MakeContext(const Options& options) {
  auth::PolicyContext context;
  // The parser has checked it.
  const absl::Time now = absl::Now();
  context.now = options.at.empty() ? now : *ParseWhen(options.at, now);
  context.secure_transport = options.secure;
  context.source_ip = options.source_ip;
  return context;
}

absl::StatusOr<Answer> Check(const Options& options) {
  const auto file = auth::AccessFile::Load(options.file, auth::AccessFile::Owner::kAnybodys);
  if (!file.ok()) return file.status();
  const auth::AccessKey* key = (*file)->FindKey(options.key);
  if (key == nullptr) return absl::NotFoundError("the access file has no such access key");
  const auth::User& user = key->user();
  absl::optional<auth::Policy> session_policy;
  if (options.session_policy_file.has_value()) {
    const absl::StatusOr<std::string> text = ReadTextFile(*options.session_policy_file);
    if (!text.ok()) return text.status();
    absl::StatusOr<auth::Policy> parsed = auth::ParsePolicyText(*text, "session");
    if (!parsed.ok()) return InFile(*options.session_policy_file, parsed.status());
    session_policy = *std::move(parsed);
  }

  // An instance is judged under both of its spellings, as the server does it. What is no instance's
  // name has been refused.
  absl::optional<auth::InstanceName> name = auth::ParseInstanceResource(options.resource);
  if (!absl::StartsWith(options.resource, "acs:")) {
    name = auth::InstanceName{options.region, user.account->id, options.resource};
  }
  const auth::InstanceResource instance(name->region, name->account, name->instance_id);
  auth::PolicyRequest request;
  request.resources = instance.both();
  request.context = MakeContext(options);
  const auto judge = [&](absl::Span<const absl::string_view> actions) {
    Finding finding;
    request.actions = actions;
    const auth::PolicyVerdict verdict =
        auth::EvaluateSession(user.owner, user.policies,
                              session_policy.has_value() ? &*session_policy : nullptr, request);
    finding.explanation = auth::Explain(verdict);
    finding.allowed = verdict.allowed();
    if (verdict.policy != nullptr) {
      finding.policy = verdict.policy->name;
      finding.statement = verdict.statement + 1;
    }
    if (finding.allowed && name->account != user.account->id) {
      finding.allowed = false;
      finding.explanation = absl::StrCat("denied: the key is of account ", user.account->id,
                                         ", and the server asks under that one, not under ",
                                         name->account, " (policies: ", finding.explanation, ")");
    } else if (finding.allowed && !user.account->Owns(name->instance_id)) {
      finding.allowed = false;
      finding.explanation =
          absl::StrCat("denied: account ", user.account->id,
                       " does not own the instance (policies: ", finding.explanation, ")");
    }
    if (!key->active()) absl::StrAppend(&finding.explanation, "; but the key is inactive");
    finding.allowed = finding.allowed && key->active();
    return finding;
  };
  Answer answer;
  answer.finding = judge(ActionNames(options.action));
  if (absl::EqualsIgnoreCase(options.action, kInstanceAccess)) {
    const absl::string_view alone[] = {kInstanceAccess};
    Finding in_batch = judge(alone);
    if (in_batch.allowed != answer.finding.allowed) answer.in_batch = std::move(in_batch);
  }
  return answer;
}

void WriteMembers(const Finding& finding, http::JsonWriter* json) {
  json->Key("allowed");
  json->Bool(finding.allowed);
  json->Key("explanation");
  json->String(finding.explanation);
  if (finding.policy.empty()) return;
  json->Key("policy");
  json->String(finding.policy);
  json->Key("statement");
  json->Uint64(finding.statement);
}

void Print(const Answer& answer, bool as_json) {
  if (!as_json) {
    std::cout << answer.finding.explanation << "\n";
    if (!answer.in_batch.has_value()) return;
    std::cout << "the batch with api_batch_needs_instance_access, which asks for this name alone: "
              << answer.in_batch->explanation << "\n";
    return;
  }
  std::string text;
  http::JsonWriter json(&text);
  json.StartObject();
  WriteMembers(answer.finding, &json);
  if (answer.in_batch.has_value()) {
    json.Key("batch_needs_instance_access");
    json.StartObject();
    WriteMembers(*answer.in_batch, &json);
    json.EndObject();
  }
  json.EndObject();
  std::cout << text << "\n";
}

// The server asks for whole names only, under its own region: what is no whole name is asked for
// nowhere, and a name of another region nowhere, or elsewhere.
void CheckResource(const Options& options) {
  constexpr size_t kParts = 5;
  const std::vector<absl::string_view> parts =
      absl::StrSplit(options.resource, absl::MaxSplits(':', kParts - 1));
  if (absl::StartsWith(options.resource, "acs:") &&
      (parts.size() < kParts || parts.back().empty())) {
    throw CLI::ValidationError(
        "--resource", absl::StrCat("\"", Printable(options.resource),
                                   "\" is no resource name: that has five parts, as in "
                                   "acs:mq:REGION:ACCOUNT:INSTANCE; an instance id alone will do"));
  }
  const absl::optional<auth::InstanceName> name = auth::ParseInstanceResource(options.resource);
  if (absl::StartsWith(options.resource, "acs:") && !name.has_value()) {
    throw CLI::ValidationError(
        "--resource", absl::StrCat("\"", Printable(options.resource),
                                   "\" names no instance, and the server asks for instances only: "
                                   "acs:mq:REGION:ACCOUNT:INSTANCE, or ...:instance/INSTANCE"));
  }
  if (!name.has_value() || name->region == options.region) return;
  throw CLI::ValidationError(
      "--resource",
      absl::StrCat("is of region ", name->region, ", and the server's (api_region) is ",
                   options.region, "; --region ", name->region, " asks for a server there"));
}

void Run(const Options& options, Context* context) {
  CheckResource(options);
  const absl::StatusOr<Answer> answer = Check(options);
  if (!answer.ok()) return context->Fail(answer.status());
  Print(*answer, context->json);
  context->exit_code = answer->finding.allowed ? kExitOk : kExitNotOnline;
}

}  // namespace

void AddAccessCommand(CLI::App& app, Context* context) {
  CLI::App* access = app.add_subcommand("access", "Look into an access file");
  access->require_subcommand(1);
  access->footer(kFooter);
  auto options = std::make_shared<Options>();
  CLI::App* check = access->add_subcommand(
      "check", "May this key do that? Says which statement decides; exit status 1 when it may not");
  check->add_option("-f,--file", options->file, "Access file")->required()->type_name("FILE");
  check->add_option("-k,--key", options->key, "Access key id")->required();
  check->add_option("-a,--action", options->action, "Action, as in mq:MqttInstanceAccess")
      ->required()
      ->check(IsAction());
  check->add_option("-r,--resource", options->resource, "Instance id, or a resource name acs:…")
      ->required();
  check->add_option("--region", options->region, "Region of the server (api_region)")
      ->capture_default_str();
  check->add_option("--source-ip", options->source_ip, "Address of the caller (acs:SourceIp)")
      ->type_name("ADDRESS")
      ->check(IsAddress());
  check->add_flag("--secure", options->secure, "Over TLS (acs:SecureTransport)");
  check->add_option("--at", options->at, "Time of the call (acs:CurrentTime); default: now")
      ->type_name("TIME")
      ->check(IsWhen());
  check
      ->add_option_function<std::string>(
          "--session-policy",
          [options](const std::string& file) { options->session_policy_file = file; },
          "File with a session policy, as for sts issue")
      ->type_name("FILE");
  check->footer(kFooter);
  check->callback([options, context] { Run(*options, context); });
}

}  // namespace session_status::cli
