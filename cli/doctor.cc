// mosquitto_session doctor: looks at everything that has to fit together, and says what to do.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "cli/commands.h"
#include "cli/diagnosis.h"
#include "cli/file_diagnosis.h"
#include "cli/terminal.h"
#include "plugin/http/json_writer.h"

namespace session_status::cli {
namespace {

constexpr char kDefaultConfig[] = "/etc/mosquitto/mosquitto.conf";

absl::string_view WordOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kGood:
      return "ok";
    case Verdict::kWarning:
      return "warning";
    case Verdict::kProblem:
      return "problem";
  }
  return "";
}

void PrintText(const Findings& findings) {
  const bool colour = WantsColour(STDOUT_FILENO);
  constexpr Colour kColours[] = {Colour::kGreen, Colour::kYellow, Colour::kRed};
  for (const Finding& f : findings) {
    std::cout << Painted(absl::StrFormat("%-8s", WordOf(f.verdict)),
                         kColours[static_cast<size_t>(f.verdict)], colour)
              << absl::StrFormat("  %-13s", f.subject) << "  " << f.text << "\n";
    if (!f.advice.empty()) std::cout << std::string(25, ' ') << "→ " << f.advice << "\n";
  }
}

void PrintFindingsJson(const Findings& findings) {
  std::string text;
  http::JsonWriter json(&text);
  json.StartObject();
  json.Key("findings");
  json.StartArray();
  for (const Finding& f : findings) {
    json.StartObject();
    json.Key("verdict");
    json.String(WordOf(f.verdict));
    json.Key("subject");
    json.String(f.subject);
    json.Key("text");
    json.String(f.text);
    if (!f.advice.empty()) {
      json.Key("advice");
      json.String(f.advice);
    }
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  std::cout << text << "\n";
}

// The first of the addresses that an option names, as we can reach it.
std::string UrlOf(absl::string_view scheme, absl::string_view addresses) {
  const std::string first(addresses.substr(0, addresses.find_first_of(" \t")));
  return absl::StrCat(
      scheme, absl::StrReplaceAll(
                  first, {{"0.0.0.0:", "127.0.0.1:"}, {"*:", "127.0.0.1:"}, {"[::]:", "[::1]:"}}));
}

// Where this line has the plugin listen; empty: where it does by itself.
std::string TargetOf(const PluginLine& line) {
  const absl::string_view socket = line.Option("admin_socket");
  if (socket != "none") return absl::StartsWith(socket, "/") ? std::string(socket) : "";
  const absl::string_view tcp = line.Option("admin_listen");
  if (!tcp.empty() && tcp != "none") return UrlOf("http://", tcp);
  const absl::string_view tls = line.Option("admin_listen_tls");
  return tls.empty() || tls == "none" ? "" : UrlOf("https://", tls);
}

// Whether the broker of this configuration is the one that was asked: the caller may name another.
bool Asks(const BrokerConfig& config, const std::string& target) {
  return std::any_of(config.plugin_lines.begin(), config.plugin_lines.end(),
                     [&target](const PluginLine& line) {
                       const std::string own = TargetOf(line);
                       return (own.empty() ? kDefaultSocket : own) == target;
                     });
}

absl::StatusOr<ServerStatus> Ask(AdminClient* client) {
  ServerStatus status;
  absl::Status asked = client->Call(
      "GetServerStatus", ::mosquitto_session_status::v1::GetServerStatusRequest(), &status);
  if (!asked.ok()) return asked;
  return status;
}

// The broker that runs knows best what it is; one that does not tell us need not be the installed
// one.
BrokerKind KindOf(const absl::StatusOr<ServerStatus>& status, const std::string& config) {
  BrokerKind kind;
  if (status.ok()) {
    kind.line = ParseBrokerLine(status->broker());
    kind.certain = kind.running = true;
    return kind;
  }
  // Only where nobody listens the next broker to start is the installed one. One that is stopped,
  // or whose socket we may not open, is there already.
  if (SilenceOf(status.status()) != Silence::kNobody) return kind;
  const InstalledBroker installed = BrokerFor(config);
  kind.line = ParseBrokerLine(installed.help);
  kind.release_of_20 = ParseReleaseOf20(installed.help);
  kind.certain = installed.by_service;
  kind.name = absl::StrCat(
      installed.by_service ? "the broker of mosquitto.service" : "the installed broker", " (",
      installed.path, ")");
  return kind;
}

Findings Diagnose(const std::string& path, bool chosen, Context* context) {
  Findings findings;
  const absl::StatusOr<BrokerConfig> config = ReadBrokerConfig(path);
  if (config.ok() && context->target == kDefaultSocket) {  // the caller has not chosen
    for (const PluginLine& line : config->plugin_lines) {
      const std::string target = TargetOf(line);
      if (!target.empty()) context->target = target;
    }
  }
  // Asked first: what is right in the configuration depends on the broker.
  AdminClient client = context->MakeClient();
  const absl::StatusOr<ServerStatus> status = Ask(&client);
  if (config.ok()) {
    Add(&findings, Verdict::kGood, "configuration", path);
    CheckConfiguration(*config, KindOf(status, path), &findings);
    if (status.ok() && Asks(*config, context->target)) CheckEdited(*config, *status, &findings);
  } else {
    Add(&findings, chosen ? Verdict::kProblem : Verdict::kWarning, "configuration",
        std::string(config.status().message()),
        absl::IsPermissionDenied(config.status())
            ? "run as root, as in sudo mosquitto_session doctor"
            : "name the broker's configuration file with --config");
  }
  if (absl::StartsWith(context->target, "/")) {
    CheckSocket(
        context->target,
        absl::IsPermissionDenied(status.status()) || (config.ok() && GuardsItsSocket(*config)),
        &findings);
  }
  CheckPlugin(status, context->target, &client, &findings);
  return findings;
}

void Run(const std::string& path, bool chosen, Context* context) {
  const Findings findings = Diagnose(path, chosen, context);
  if (context->json) {
    PrintFindingsJson(findings);
  } else {
    PrintText(findings);
  }
  const bool wrong = std::any_of(findings.begin(), findings.end(),
                                 [](const Finding& f) { return f.verdict == Verdict::kProblem; });
  context->exit_code = wrong ? kExitNotOnline : kExitOk;
}

}  // namespace

void AddDoctorCommand(CLI::App& app, Context* context) {
  CLI::App* command = app.add_subcommand(
      "doctor",
      "Check configuration, files, socket, versions, clock, snapshot and faults; say what to do");
  auto config = std::make_shared<std::string>(kDefaultConfig);
  CLI::Option* option = command
                            ->add_option("-c,--config,config", *config,
                                         "The broker's configuration; include_dir is followed")
                            ->type_name("FILE")
                            ->capture_default_str();
  command->footer(
      "Exit status 0: no problem found (there may be warnings), 1: at least one problem. Without\n"
      "--socket it asks where the configuration has the plugin listen. Run it as root to see "
      "all.\n\n"
      "Examples:\n  sudo mosquitto_session doctor\n"
      "  mosquitto_session doctor --config ./mosquitto.conf");
  command->callback([config, option, context] { Run(*config, option->count() > 0, context); });
}

}  // namespace session_status::cli
