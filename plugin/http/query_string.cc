#include "plugin/http/query_string.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugin/text/percent_coding.h"
#include "plugin/text/utf8.h"

namespace session_status::http {
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> ParseQueryString(
    absl::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const absl::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    pairs.emplace_back();
    const bool good = text::AppendFormDecoded(pair.substr(0, equals), &pairs.back().first) &&
                      (equals == absl::string_view::npos ||
                       text::AppendFormDecoded(pair.substr(equals + 1), &pairs.back().second));
    if (!good) {
      return absl::InvalidArgumentError(
          absl::StrCat("parameter ", pairs.size(), ": '%' must be followed by two hex digits"));
    }
  }
  return pairs;
}

bool IsForm(absl::string_view content_type) {
  const absl::string_view type = content_type.substr(0, content_type.find(';'));
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(type),
                                "application/x-www-form-urlencoded");
}

absl::Status CheckTextParameters(const std::vector<std::pair<std::string, std::string>>& parameters,
                                 absl::Span<const absl::string_view> repeatable) {
  constexpr size_t kNameShownMax = 32;
  const auto wrong = [&parameters](auto at, absl::string_view what) {
    return absl::InvalidArgumentError(absl::StrCat(
        "parameter ", at - parameters.begin() + 1, ", \"",
        absl::CHexEscape(absl::string_view(at->first).substr(0, kNameShownMax)), "\": ", what));
  };
  std::unordered_set<std::string_view> seen;  // a form may hold very many
  for (auto at = parameters.begin(); at != parameters.end(); ++at) {
    const std::string& name = at->first;
    if (!text::IsValidUtf8(name) || !text::IsValidUtf8(at->second)) {
      return wrong(at, "is not UTF-8");
    }
    if (std::find(repeatable.begin(), repeatable.end(), name) != repeatable.end()) continue;
    if (!seen.insert(name).second) return wrong(at, "is given twice");
  }
  return absl::OkStatus();
}

}  // namespace session_status::http
