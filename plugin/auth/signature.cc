#include "plugin/auth/signature.h"

#include <chrono>

#include "plugin/http/bytes16.h"

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
  constexpr size_t kLast = kShape.size() - sizeof(http::Bytes16);
  http::Bytes16 wrong = {};
  for (const size_t at : {size_t{0}, kLast}) {  // twenty letters, some of them twice
    const http::Bytes16 c = http::LoadBytes16(text.data() + at);
    const http::Bytes16 shape = http::LoadBytes16(kShape.data() + at);
    const http::Bytes16 wants_digit = shape == '0';
    const http::Bytes16 no_digit = c - '0' > 9;
    const http::Bytes16 other = c != shape;
    wrong |= (wants_digit & no_digit) | (~wants_digit & other);
  }
  return !http::AnyByte(wrong);
}

}  // namespace

TimestampVerdict CheckTimestamp(absl::string_view text, absl::Time now, absl::Time* time) {
  if (!HasShape(text)) return TimestampVerdict::kMalformed;
  const auto number = [text](size_t at) { return static_cast<unsigned>(Number(text, at, 2)); };
  const std::chrono::year_month_day date(std::chrono::year(Number(text, 0, 4)),
                                         std::chrono::month(number(5)),
                                         std::chrono::day(number(8)));
  const unsigned hour = number(11), minute = number(14), second = number(17);
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return TimestampVerdict::kMalformed;
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  *time =
      absl::FromUnixSeconds(int64_t{days.count()} * 86'400 + hour * 3600 + minute * 60 + second);
  return absl::AbsDuration(now - *time) > kSignatureWindow ? TimestampVerdict::kExpired
                                                           : TimestampVerdict::kValid;
}

}  // namespace session_status::auth
