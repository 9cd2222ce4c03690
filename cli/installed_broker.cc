#include "cli/installed_broker.h"

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace session_status::cli {

BrokerLine ParseBrokerLine(absl::string_view text) {
  if (!absl::ConsumePrefix(&text, "mosquitto ")) return BrokerLine::kUnknown;
  absl::ConsumePrefix(&text, "version ");
  const std::vector<absl::string_view> parts = absl::StrSplit(text, absl::ByAnyChar(". \n"));
  int major = 0;
  int minor = 0;
  if (parts.size() < 2 || !absl::SimpleAtoi(parts[0], &major) ||
      !absl::SimpleAtoi(parts[1], &minor)) {
    return BrokerLine::kUnknown;
  }
  return std::pair(major, minor) < std::pair(2, 1) ? BrokerLine::k20 : BrokerLine::k21;
}

BrokerLine InstalledBroker() {
  // Not every user's PATH has the folders of daemons.
  // NOLINTNEXTLINE(cert-env33-c): the text is fixed, and the shell is to find the program.
  FILE* pipe = popen("PATH=$PATH:/usr/local/sbin:/usr/sbin mosquitto -h 2>/dev/null", "re");
  if (pipe == nullptr) return BrokerLine::kUnknown;
  std::string text;
  char buffer[4096];
  while (const size_t got = fread(buffer, 1, sizeof(buffer), pipe)) text.append(buffer, got);
  pclose(pipe);
  return ParseBrokerLine(text);
}

}  // namespace session_status::cli
