#include "cli/checks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "cli/words.h"

namespace session_status::cli {

CLI::Validator IsWhen() {
  return CLI::Validator(
      [](std::string& text) {
        const auto parsed = ParseWhen(text, absl::Now());
        return parsed.ok() ? std::string() : std::string(parsed.status().message());
      },
      "");
}

CLI::Validator OneOf(std::vector<std::string> words) {
  std::string shown = absl::StrCat("{", absl::StrJoin(words, ","), "}");
  return CLI::Validator(
      [words = std::move(words)](std::string& text) {
        if (std::find(words.begin(), words.end(), text) != words.end()) return std::string();
        const std::string nearest = Nearest(text, words);
        return absl::StrCat("there is no \"", text, "\"",
                            nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"),
                            " (there are ", absl::StrJoin(words, ", "), ")");
      },
      std::move(shown));
}

}  // namespace session_status::cli
