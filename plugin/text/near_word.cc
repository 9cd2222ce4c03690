#include "plugin/text/near_word.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace session_status::text {
namespace {

// How many letters are wrong, missing or too many; two that changed places count as one.
size_t Distance(absl::string_view a, absl::string_view b) {
  // Row i: of the first i letters of `a`. A change of places looks two rows up.
  std::vector<std::vector<size_t>> rows(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) rows[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) rows[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1, substituted});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.size()][b.size()];
}

}  // namespace

std::string Nearest(absl::string_view typed, const std::vector<absl::string_view>& words) {
  constexpr size_t kLettersMin = 3;   // of shorter words everything is near everything
  constexpr size_t kTypedMax = 1000;  // nobody's slip of the finger
  if (typed.size() < kLettersMin || typed.size() > kTypedMax) return "";
  const std::string lower = absl::AsciiStrToLower(typed);
  absl::string_view best;
  size_t best_distance = typed.size() / 3 + 1;
  for (const absl::string_view word : words) {
    const size_t distance = absl::StartsWithIgnoreCase(word, typed) && word.size() > typed.size()
                                ? 1
                                : Distance(lower, absl::AsciiStrToLower(word));
    if (distance < best_distance) best = word, best_distance = distance;
  }
  return std::string(best);
}

}  // namespace session_status::text
