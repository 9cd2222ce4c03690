#include "cli/words.h"

#include "absl/strings/ascii.h"
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

}  // namespace session_status::cli
