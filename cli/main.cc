// mosquitto_session: ask a running session status plugin, from a terminal or a script.
#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <exception>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "cli/checks.h"
#include "cli/commands.h"
#include "plugin/text/near_word.h"
#include "plugin/version.h"

namespace session_status::cli {
namespace {

constexpr char kFooter[] =
    "Environment:\n"
    "  MOSQUITTO_SESSION_SOCKET  socket or URL, as --socket\n"
    "  NO_COLOR                  no colours, if set to anything\n\n"
    "Exit status:\n"
    "  0  answered (query: the client is online; doctor: no problem; access check: allowed)\n"
    "  1  query: the client is not online; doctor: a problem; access check: denied\n"
    "  2  wrong command line\n"
    "  3  nobody answers at the socket or address\n"
    "  4  the plugin answered with an error; a file cannot be used, or the output not be "
    "written\n\n"
    "Examples:\n"
    "  mosquitto_session status\n"
    "  mosquitto_session query sensor-17 && echo reachable\n"
    "  mosquitto_session --json batch sensor-1 sensor-2 | jq .sessions\n"
    "  mosquitto_session list --state online --address 10.0.0.0/8\n"
    "  mosquitto_session watch --kind offline\n"
    "  mosquitto_session -s https://broker:18443 --ca ca.pem --cert me.pem --key me.key status\n\n"
    "mosquitto_session COMMAND --help tells more about each.";

// A Unix socket's path, or a URL. That has a path where a proxy serves the plugin below one; ours
// go behind it.
CLI::Validator IsTarget() {
  return CLI::Validator(
      [](std::string& text) {
        if (absl::StartsWith(text, "/")) return std::string();
        absl::string_view rest = text;
        if (!absl::ConsumePrefix(&rest, "http://") && !absl::ConsumePrefix(&rest, "https://")) {
          return text + " is neither an absolute path nor an http URL";
        }
        const size_t end = rest.find_first_of("?#");
        if (end != absl::string_view::npos) {
          return absl::StrCat("the URL of the plugin ends before \"", rest.substr(end), "\"");
        }
        if (rest.empty() || rest.front() == '/') return text + " names no host";
        text.erase(text.find_last_not_of('/') + 1);
        return std::string();
      },
      "");
}

void AddGlobalOptions(CLI::App& app, Context* context) {
  app.add_option("-s,--socket", context->target,
                 "Admin socket: a path, or a URL: http://127.0.0.1:8080, https://proxy/its/path")
      ->envname(kSocketVariable)
      ->capture_default_str()
      ->transform(IsTarget());
  app.add_option("-t,--timeout", context->timeout_s, "Seconds to wait for an answer")
      ->capture_default_str()
      ->check(IsNoNan())
      ->check(CLI::Range(0.001, 3600.0));
  const std::pair<const char*, std::string*> files[] = {{"--ca", &context->tls.ca_file},
                                                        {"--cert", &context->tls.certificate_file},
                                                        {"--key", &context->tls.key_file}};
  const char* const help[] = {
      "With https: trust the certificates in FILE (PEM) instead of the system's",
      "With https: show the plugin the certificate in FILE (PEM)",
      "Private key of --cert, unless that file holds it"};
  for (size_t i = 0; i < std::size(files); ++i) {
    // Of an empty name (of a variable that is not set) --ca would trust the system's.
    app.add_option(files[i].first, *files[i].second, help[i])
        ->type_name("FILE")
        ->check(CLI::Validator(
            [](std::string& file) { return file.empty() ? "names no file" : std::string(); }, ""));
  }
  // Not by CLI11's needs(), which --help would show in the middle of the text.
  app.parse_complete_callback([context, files = std::to_array(files)] {
    if (!context->tls.key_file.empty() && context->tls.certificate_file.empty()) {
      throw CLI::RequiresError("--key", "--cert");
    }
    for (const auto& [name, file] : files) {
      const std::string why = file->empty() ? "" : WhyUnreadable(*file);
      if (!why.empty()) throw CLI::FileError(absl::StrCat(name, ": ", why));
    }
  });
  app.add_flag("-j,--json", context->json, "One line of JSON instead of a table");
}

std::vector<std::string> CommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

// Whether the error is about an option that --help of the whole has: "--timeout: …".
bool IsOfGlobalOption(const CLI::App& app, absl::string_view error) {
  const std::vector<std::string> names = OptionNames(app);
  return std::find(names.begin(), names.end(), error.substr(0, error.find(':'))) != names.end();
}

// An option of `command` that stood before it: how it would be right. Empty: it is none of its
// options.
std::string BelongsBehind(const CLI::App& command, const std::string& path,
                          const std::string& typed) {
  const std::string name = typed.substr(0, typed.find('='));
  const CLI::Option* option = command.get_option_no_throw(name);
  if (option == nullptr) return "";
  const bool value_follows = option->get_items_expected_max() > 0 && name == typed;
  return absl::StrCat(name, " belongs behind ", command.get_name(), ": ", path, " ", typed,
                      value_follows ? " …" : "");
}

// What is wrong, what may have been meant, and where to read on.
std::string Explain(const CLI::App* app, const CLI::Error& error) {
  std::string path = app->get_name();
  const CLI::App* command = app;
  for (auto parsed = app->get_subcommands(); !parsed.empty(); parsed = command->get_subcommands()) {
    command = parsed.front();
    absl::StrAppend(&path, " ", command->get_name());
  }
  const std::vector<std::string> left = app->remaining(true);
  std::string text = error.what();
  std::string nearest;
  if (IsOfGlobalOption(*app, text)) path = app->get_name();
  const std::string misplaced =
      left.empty() || command == app ? "" : BelongsBehind(*command, path, left[0]);
  if (!misplaced.empty()) {
    text = misplaced;
  } else if (!left.empty() && absl::StartsWith(left[0], "-")) {
    text = absl::StrCat("there is no option ", left[0]);
    std::vector<std::string> names = OptionNames(*command);
    if (command != app) {
      for (std::string& name : OptionNames(*app)) names.push_back(std::move(name));
      // Where it stood is not told; global options may stand anywhere.
      path = absl::StrCat(app->get_name(), " --help and ", path);
    }
    nearest = text::Nearest(left[0].substr(0, left[0].find('=')), names);
  } else if (!left.empty() && !CommandNames(*command).empty()) {
    text = absl::StrCat("there is no command \"", Printable(left[0]), "\"");
    nearest = text::Nearest(left[0], CommandNames(*command));
  } else if (command->get_subcommands().empty() && !CommandNames(*command).empty() &&
             dynamic_cast<const CLI::RequiredError*>(&error) != nullptr) {
    text = absl::StrCat("which command? There are ", absl::StrJoin(CommandNames(*command), ", "));
  }
  return absl::StrCat("mosquitto_session: ", text,
                      nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"), "\n",
                      path, absl::StrContains(path, " --help ") ? " --help tell" : " --help tells",
                      " more.\n");
}

// A script must not take what a full disk has cut off for the whole.
int IfWritten(int exit_code) {
  std::cout.flush();
  if (std::cout) return exit_code;
  std::cerr << "mosquitto_session: the output could not be written\n";
  return kExitRefused;
}

int Main(int argc, char** argv) {
  CLI::App app("Is this MQTT client online, since when, from where?", "mosquitto_session");
  app.set_version_flag("-V,--version", std::string(kVersion));
  app.footer(kFooter);
  app.failure_message(&Explain);
  app.require_subcommand(1);
  app.fallthrough();  // global options may stand after the command as well
  Context context;
  AddGlobalOptions(app, &context);
  AddQueryCommand(app, &context);
  AddBatchCommand(app, &context);
  AddStatusCommand(app, &context);
  AddCountCommand(app, &context);
  AddListCommand(app, &context);
  AddWatchCommand(app, &context);
  AddTopCommand(app, &context);
  AddDoctorCommand(app, &context);
  AddAuditCommand(app, &context);
  AddHistoryCommand(app, &context);
  AddFlappersCommand(app, &context);
  AddFleetCommand(app, &context);
  AddAccessCommand(app, &context);
  AddStsCommand(app, &context);
  AddUsageCommand(app, &context);
  AddCompletionCommand(app, &context);
  AddManualCommand(app, &context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (app.exit(e) == 0) return IfWritten(kExitOk);
    return dynamic_cast<const CLI::FileError*>(&e) != nullptr ? kExitRefused : kExitUsage;
  }
  return IfWritten(context.exit_code);
}

}  // namespace
}  // namespace session_status::cli

// NOLINTNEXTLINE(bugprone-exception-escape): without memory the command ends, as it should.
int main(int argc, char** argv) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const int exit_code = session_status::cli::Main(argc, argv);
  curl_global_cleanup();
  return exit_code;
}
