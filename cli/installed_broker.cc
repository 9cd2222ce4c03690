#include "cli/installed_broker.h"

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
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

std::string InstalledBroker() {
  // Not every user's PATH has the folders of daemons.
  // NOLINTNEXTLINE(cert-env33-c): the text is fixed, and the shell is to find the program.
  FILE* pipe = popen("PATH=$PATH:/usr/local/sbin:/usr/sbin mosquitto -h 2>/dev/null", "re");
  if (pipe == nullptr) return "";
  std::string text;
  char buffer[4096];
  while (const size_t got = fread(buffer, 1, sizeof(buffer), pipe)) text.append(buffer, got);
  pclose(pipe);
  return text;
}

}  // namespace session_status::cli
