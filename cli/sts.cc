// mosquitto_session sts issue: temporary credentials under the "sts" secret of an access file.
//
// Works on the file, not on a running plugin, so whoever may read the file may issue.
#include "plugin/auth/sts.h"

#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/types/optional.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/text_file.h"
#include "plugin/http/json_writer.h"

namespace session_status::cli {
namespace {

struct Options {
  std::string file;
  std::string account;
  std::string user;
  std::string ttl = "1h";
  absl::optional<std::string> policy_file;  // nullopt: not given
};

constexpr char kFooter[] =
    "Works on the file, not on a running plugin: whoever may read the file may issue.\n\n"
    "Examples:\n"
    "  eval \"$(sudo mosquitto_session sts issue -f /etc/mosquitto/access.json -a 1001 -u ann)\"\n"
    "  mosquitto_session --json sts issue -f access.json -a 1001 -u ann --ttl 30m \\\n"
    "    --policy narrower.json";

absl::StatusOr<auth::SessionCredentials> Issue(const Options& options) {
  absl::Duration ttl;
  absl::ParseDuration(options.ttl, &ttl);  // the parser has checked it
  const auto file = auth::AccessFile::Load(options.file, auth::AccessFile::Owner::kAnybodys);
  if (!file.ok()) return file.status();
  absl::StatusOr<std::string> text;
  absl::optional<absl::string_view> policy;
  if (options.policy_file.has_value()) {
    text = ReadTextFile(*options.policy_file);
    if (!text.ok()) return text.status();
    const auto parsed = auth::ParsePolicyText(*text, "session");
    if (!parsed.ok()) return InFile(*options.policy_file, parsed.status());
    policy = *text;
  }
  return auth::IssueSession(**file, options.account, options.user, ttl, policy, absl::Now());
}

std::string Expiration(const auth::SessionCredentials& credentials) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", credentials.expires_at, absl::UTCTimeZone());
}

// The user as RAM names it.
std::string UserResource(const Options& options) {
  return options.user == auth::kOwnerName
             ? absl::StrCat("acs:ram::", options.account, ":root")
             : absl::StrCat("acs:ram::", options.account, ":user/", options.user);
}

// In the shape of the vendor's AssumeRole reply: tools that read it read this. Its RequestId and
// AssumedRoleId are not here: nothing was requested, and there are no roles.
void PrintCredentialsJson(const Options& options, const auth::SessionCredentials& credentials) {
  std::string text;
  http::JsonWriter json(&text);
  const auto member = [&json](absl::string_view name, absl::string_view value) {
    json.Key(name);
    json.String(value);
  };
  json.StartObject();
  json.Key("AssumedRoleUser");
  json.StartObject();
  member("Arn", UserResource(options));
  json.EndObject();
  json.Key("Credentials");
  json.StartObject();
  member("AccessKeyId", credentials.access_key_id);
  member("AccessKeySecret", credentials.access_key_secret);
  member("SecurityToken", credentials.security_token);
  member("Expiration", Expiration(credentials));
  json.EndObject();
  json.EndObject();
  std::cout << text << "\n";
}

// As environment variables, which every SDK's default credentials chain reads.
void PrintCredentials(const auth::SessionCredentials& credentials) {
  std::cout << "export ALIBABA_CLOUD_ACCESS_KEY_ID='" << credentials.access_key_id << "'\n"
            << "export ALIBABA_CLOUD_ACCESS_KEY_SECRET='" << credentials.access_key_secret << "'\n"
            << "export ALIBABA_CLOUD_SECURITY_TOKEN='" << credentials.security_token << "'\n"
            << "# good until " << Expiration(credentials) << "\n";
}

void Run(const Options& options, Context* context) {
  const absl::StatusOr<auth::SessionCredentials> credentials = Issue(options);
  if (!credentials.ok()) return context->Fail(credentials.status());
  if (context->json) {
    PrintCredentialsJson(options, *credentials);
  } else {
    PrintCredentials(*credentials);
  }
}

}  // namespace

void AddStsCommand(CLI::App& app, Context* context) {
  CLI::App* sts = app.add_subcommand("sts", "Temporary credentials");
  sts->require_subcommand(1);
  sts->footer(kFooter);
  auto options = std::make_shared<Options>();
  CLI::App* issue = sts->add_subcommand(
      "issue", "Make an access key that expires, as shell variables (or JSON with --json)");
  issue->add_option("-f,--file", options->file, "Access file with an \"sts\" secret")
      ->required()
      ->type_name("FILE");
  issue->add_option("-a,--account", options->account, "Account id")->required();
  issue->add_option("-u,--user", options->user, "User name; root for the account's owner")
      ->required();
  issue->add_option("--ttl", options->ttl, "How long they are good: 1m to 12h")
      ->capture_default_str()
      ->check(IsDuration(auth::kSessionTtlMin, auth::kSessionTtlMax));
  issue
      ->add_option_function<std::string>(
          "--policy", [options](const std::string& file) { options->policy_file = file; },
          "File with a session policy: narrows what the user's policies allow")
      ->type_name("FILE");
  issue->footer(kFooter);
  issue->callback([options, context] { Run(*options, context); });
}

}  // namespace session_status::cli
