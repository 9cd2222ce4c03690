// mosquitto_session: ask a running session status plugin, from a terminal or a script.
#include <curl/curl.h>

#include <exception>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "cli/commands.h"
#include "plugin/version.h"

namespace session_status::cli {
namespace {

constexpr char kFooter[] =
    "Exit status:\n"
    "  0  answered (query: the client is online)\n"
    "  1  query: answered, the client is not online\n"
    "  2  wrong command line\n"
    "  3  nobody answers at the socket or address\n"
    "  4  the plugin answered with an error\n\n"
    "Examples:\n"
    "  mosquitto_session status\n"
    "  mosquitto_session query sensor-17 && echo reachable\n"
    "  mosquitto_session --json batch sensor-1 sensor-2 | jq .sessions";

void AddGlobalOptions(CLI::App& app, Context* context) {
  app.add_option("-s,--socket", context->target,
                 "Admin socket: a path, or a URL such as http://127.0.0.1:8080")
      ->envname(kSocketVariable)
      ->capture_default_str()
      ->check([](const std::string& text) {
        const bool good = text.rfind('/', 0) == 0 || text.rfind("http://", 0) == 0 ||
                          text.rfind("https://", 0) == 0;
        return good ? std::string() : text + " is neither an absolute path nor an http URL";
      });
  app.add_option("-t,--timeout", context->timeout_s, "Seconds to wait for an answer")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 3600.0));
  app.add_flag("-j,--json", context->json, "One line of JSON instead of a table");
}

int Main(int argc, char** argv) {
  CLI::App app("Is this MQTT client online, since when, from where?", "mosquitto_session");
  app.set_version_flag("-V,--version", std::string(kVersion));
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();  // global options may stand after the command as well
  Context context;
  AddGlobalOptions(app, &context);
  AddQueryCommand(app, &context);
  AddBatchCommand(app, &context);
  AddStatusCommand(app, &context);
  AddAccessCommand(app, &context);
  AddStsCommand(app, &context);
  AddUsageCommand(app, &context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kExitOk : kExitUsage;
  }
  return context.exit_code;
}

}  // namespace
}  // namespace session_status::cli

int main(int argc, char** argv) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const int exit_code = session_status::cli::Main(argc, argv);
  curl_global_cleanup();
  return exit_code;
}
