#include "cli/installed_broker.h"

#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace session_status::cli {
namespace {

// "2.0.11": its numbers, as far as they are some.
std::vector<int> NumbersOf(absl::string_view text) {
  std::vector<int> numbers;
  if (!absl::ConsumePrefix(&text, "mosquitto ")) return numbers;
  absl::ConsumePrefix(&text, "version ");
  for (absl::string_view part : absl::StrSplit(text, absl::ByAnyChar(". \n"))) {
    int number = 0;
    if (!absl::SimpleAtoi(part, &number)) break;
    numbers.push_back(number);
  }
  return numbers;
}

std::string OutputOf(const std::string& command) {
  std::string text;
  // NOLINTNEXTLINE(cert-env33-c): the shell finds programs, and gets no word that is not quoted.
  FILE* pipe = popen(command.c_str(), "re");
  if (pipe == nullptr) return text;
  char buffer[4096];
  while (const size_t got = fread(buffer, 1, sizeof(buffer), pipe)) text.append(buffer, got);
  pclose(pipe);
  return text;
}

}  // namespace

BrokerLine ParseBrokerLine(absl::string_view text) {
  const std::vector<int> numbers = NumbersOf(text);
  if (numbers.size() < 2) return BrokerLine::kUnknown;
  return std::pair(numbers[0], numbers[1]) < std::pair(2, 1) ? BrokerLine::k20 : BrokerLine::k21;
}

int ParseReleaseOf20(absl::string_view text) {
  const std::vector<int> numbers = NumbersOf(text);
  return numbers.size() >= 3 && numbers[0] == 2 && numbers[1] == 0 ? numbers[2] : -1;
}

StartedProgram ParseExecStart(absl::string_view shown) {
  if (!absl::ConsumePrefix(&shown, "ExecStart={ path=")) return {};
  std::vector<absl::string_view> parts = absl::StrSplit(shown, absl::MaxSplits(" ; ", 2));
  if (parts.size() < 2 || !absl::ConsumePrefix(&parts[1], "argv[]=")) return {};
  StartedProgram started = {std::string(parts[0]), ""};
  const std::vector<std::string> words = absl::StrSplit(parts[1], ' ');
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i - 1] == "-c" || words[i - 1] == "--config-file") started.config = words[i];
  }
  return started;
}

InstalledBroker BrokerFor(const std::string& config) {
  // Nobody waits for a systemd that hangs.
  const StartedProgram service = ParseExecStart(
      OutputOf("timeout 5 systemctl show -p ExecStart mosquitto.service 2>/dev/null"));
  InstalledBroker broker;
  std::error_code error;
  broker.by_service =
      !service.path.empty() && std::filesystem::equivalent(service.config, config, error);
  // Not every user's PATH has the folders of daemons.
  broker.path = broker.by_service
                    ? service.path
                    : OutputOf("PATH=$PATH:/usr/local/sbin:/usr/sbin; command -v mosquitto");
  absl::StripAsciiWhitespace(&broker.path);
  if (absl::EndsWith(broker.path, "/mosquitto")) {
    const std::string quoted = absl::StrReplaceAll(broker.path, {{"'", "'\\''"}});
    broker.help = OutputOf(absl::StrCat("'", quoted, "' -h 2>/dev/null"));
  }
  return broker;
}

}  // namespace session_status::cli
