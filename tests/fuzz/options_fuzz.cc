// Option lines `name value` as mosquitto.conf has them: accepted within their ranges, or refused
// with the option's name. What is accepted is accepted again, to the same values.
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "plugin/options.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  session_status::fuzz::Input input(data, size);
  std::vector<std::pair<absl::string_view, absl::string_view>> given;
  while (!input.empty() && given.size() < 100) {
    const absl::string_view line = input.Until('\n');
    const size_t blank = line.find(' ');
    if (blank == absl::string_view::npos) continue;
    given.emplace_back(line.substr(0, blank), line.substr(blank + 1));
  }
  const auto options = session_status::ParseOptions(given);
  if (!options.ok()) {
    bool named = false;
    for (const auto& [name, value] : given) {
      // A long unknown name is told by its beginning.
      named = named || absl::StrContains(options.status().message(), name.substr(0, 64));
    }
    FUZZ_CHECK(named);
    return 0;
  }
  FUZZ_CHECK(options->snapshot_refresh >= absl::Milliseconds(10));
  FUZZ_CHECK(options->snapshot_refresh <= absl::Hours(1));
  FUZZ_CHECK(options->listener.threads >= 1 && options->listener.threads <= 64);
  const auto again = session_status::ParseOptions(given);
  FUZZ_CHECK(again.ok() && again->instance_id == options->instance_id &&
             again->listener.tcp_addresses == options->listener.tcp_addresses);
  return 0;
}
