#include "cli/words.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/civil_time.h"

namespace session_status::cli {
namespace {

// "SessionState" → "SESSION_STATE_", as protobuf's style guide has it.
std::string PrefixOf(absl::string_view type) {
  std::string prefix;
  for (const char c : type) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty())
      prefix.push_back('_');
    prefix.push_back(absl::ascii_toupper(static_cast<unsigned char>(c)));
  }
  return prefix + "_";
}

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

// Abseil's durations, and days.
bool ParseAgo(absl::string_view text, absl::Duration* out) {
  int64_t days = 0;
  if (absl::ConsumeSuffix(&text, "d")) {
    if (!absl::SimpleAtoi(text, &days) || days < 0 || days > 36'500) return false;
    *out = absl::Hours(24 * days);
    return true;
  }
  return absl::ParseDuration(text, out) && *out >= absl::ZeroDuration();
}

}  // namespace

EnumWords::EnumWords(const google::protobuf::EnumDescriptor* descriptor)
    : descriptor_(descriptor), prefix_(PrefixOf(descriptor->name())) {
  for (int i = 1; i < descriptor->value_count(); ++i) {
    words_.push_back(WordOf(descriptor->value(i)->number()));
  }
}

int EnumWords::NumberOf(const std::string& word) const {
  const auto* value = descriptor_->FindValueByName(prefix_ + absl::AsciiStrToUpper(word));
  return value == nullptr ? 0 : value->number();
}

std::string EnumWords::WordOf(int number) const {
  const auto* value = descriptor_->FindValueByNumber(number);
  if (value == nullptr) return absl::StrCat(number);
  return absl::AsciiStrToLower(absl::StripPrefix(value->name(), prefix_));
}

absl::StatusOr<absl::Time> ParseWhen(absl::string_view text, absl::Time now) {
  absl::CivilDay day;
  absl::Time time;
  absl::Duration ago;
  std::string why;
  if (text.size() == 10 && absl::ParseCivilTime(text, &day)) {
    return absl::FromCivil(day, absl::UTCTimeZone());
  }
  if (text.size() >= 20 && absl::ParseTime(absl::RFC3339_full, text, &time, &why)) return time;
  if (ParseAgo(text, &ago)) return now - ago;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text,
                   "\" is neither a day (2026-01-02), a time (2026-01-02T03:00:00Z), nor how long "
                   "ago (90s, 15m, 2h, 7d)"));
}

absl::StatusOr<FeedPlace> ParseFeedPlace(absl::string_view text) {
  const auto number = [](absl::string_view digits, auto* out) {
    return digits.find_first_not_of("0123456789") == absl::string_view::npos &&
           absl::SimpleAtoi(digits, out);
  };
  FeedPlace place;
  const size_t dash = text.find('-');
  const bool with_epoch = dash != absl::string_view::npos;
  // Epoch 0 would be no epoch, and not checked.
  if ((!with_epoch || (number(text.substr(0, dash), &place.epoch) && place.epoch != 0)) &&
      number(with_epoch ? text.substr(dash + 1) : text, &place.sequence)) {
    return place;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text,
                   "\" is neither EPOCH-SEQUENCE (1795644849123-4711), the id of an event, nor a "
                   "sequence alone (4711)"));
}

std::string Nearest(absl::string_view typed, const std::vector<std::string>& words) {
  constexpr size_t kLettersMin = 3;   // of shorter words everything is near everything
  constexpr size_t kTypedMax = 1000;  // nobody's slip of the finger
  if (typed.size() < kLettersMin || typed.size() > kTypedMax) return "";
  const std::string* best = nullptr;
  size_t best_distance = typed.size() / 3 + 1;
  for (const std::string& word : words) {
    const size_t distance = absl::StartsWith(word, typed) ? 1 : Distance(typed, word);
    if (distance < best_distance) best = &word, best_distance = distance;
  }
  return best == nullptr ? std::string() : *best;
}

}  // namespace session_status::cli
