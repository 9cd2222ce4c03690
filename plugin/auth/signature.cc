#include "plugin/auth/signature.h"

namespace session_status::auth {
namespace {

constexpr absl::string_view kShape = "0000-00-00T00:00:00Z";

// The digits at [at, at + count) as a number; the shape has been checked.
int Number(absl::string_view text, size_t at, size_t count) {
  int value = 0;
  for (size_t i = at; i < at + count; ++i) value = value * 10 + (text[i] - '0');
  return value;
}

bool HasShape(absl::string_view text) {
  if (text.size() != kShape.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !digit : text[i] != kShape[i]) return false;
  }
  return true;
}

}  // namespace

TimestampVerdict CheckTimestamp(absl::string_view text, absl::Time now, absl::Time* time) {
  if (!HasShape(text)) return TimestampVerdict::kMalformed;
  const absl::CivilSecond civil(Number(text, 0, 4), Number(text, 5, 2), Number(text, 8, 2),
                                Number(text, 11, 2), Number(text, 14, 2), Number(text, 17, 2));
  // A civil time normalises what is out of range ("month 13"); such a text is not a date.
  if (civil.month() != Number(text, 5, 2) || civil.day() != Number(text, 8, 2) ||
      civil.hour() != Number(text, 11, 2) || civil.minute() != Number(text, 14, 2) ||
      civil.second() != Number(text, 17, 2)) {
    return TimestampVerdict::kMalformed;
  }
  *time = absl::FromUnixSeconds(civil - absl::CivilSecond(1970));
  return absl::AbsDuration(now - *time) > kSignatureWindow ? TimestampVerdict::kExpired
                                                           : TimestampVerdict::kValid;
}

}  // namespace session_status::auth
