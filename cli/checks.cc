#include "cli/checks.h"

#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "cli/command.h"
#include "cli/words.h"
#include "plugin/text/near_word.h"
#include "plugin/text/utf8.h"

namespace session_status::cli {

CLI::Validator IsWhen() {
  return CLI::Validator(
      [](std::string& text) {
        const auto parsed = ParseWhen(text, absl::Now());
        return parsed.ok() ? std::string() : std::string(parsed.status().message());
      },
      "");
}

CLI::Validator IsFeedPlace() {
  return CLI::Validator(
      [](std::string& text) {
        const auto parsed = ParseFeedPlace(text);
        return parsed.ok() ? std::string() : std::string(parsed.status().message());
      },
      "");
}

CLI::Validator IsAddress() {
  return CLI::Validator(
      [](std::string& text) {
        in6_addr address;
        const bool good = inet_pton(AF_INET, text.c_str(), &address) == 1 ||
                          inet_pton(AF_INET6, text.c_str(), &address) == 1;
        return good ? std::string()
                    : absl::StrCat("\"", text, "\" is no address as in 10.1.2.3 or 2001:db8::7");
      },
      "");
}

CLI::Validator IsUtf8() {
  return CLI::Validator(
      [](std::string& text) {
        return text::IsValidUtf8(text)
                   ? std::string()
                   : absl::StrCat("\"", absl::CHexEscape(text), "\" is not UTF-8");
      },
      "");
}

CLI::Validator IsNotEmpty() {
  return CLI::Validator(
      [](std::string& text) {
        return text.empty() ? "is empty; leave it out to want all" : std::string();
      },
      "");
}

CLI::Validator IsNoNan() {
  return CLI::Validator(
      [](std::string& text) {
        double number = 0;
        return absl::SimpleAtod(text, &number) && std::isnan(number)
                   ? absl::StrCat("\"", text, "\" is no number")
                   : std::string();
      },
      "");
}

std::string WhyUnreadable(const std::string& path) {
  struct stat file {};
  const bool there = stat(path.c_str(), &file) == 0 && access(path.c_str(), R_OK) == 0;
  const std::string why = std::strerror(errno);
  if (there && !S_ISDIR(file.st_mode)) return "";
  return absl::StrCat("cannot read ", path, ": ", there ? "it is a folder" : why);
}

void RequireBefore(const TimeOption& from, const TimeOption& to) {
  if (from.value.empty() || to.value.empty()) return;
  const absl::Time now = absl::Now();  // one for both: each may be how long ago
  const auto from_time = ParseWhen(from.value, now);
  const auto to_time = ParseWhen(to.value, now);
  if (!from_time.ok() || !to_time.ok() || *from_time < *to_time)
    return;  // the parser has checked them
  throw CLI::ValidationError(absl::StrCat(from.name, " is not before ", to.name));
}

CLI::Validator IsDuration(absl::Duration min, absl::Duration max) {
  return CLI::Validator(
      [min, max](std::string& text) {
        absl::Duration duration;
        const bool good =
            absl::ParseDuration(text, &duration) && duration >= min && duration <= max;
        return good ? std::string()
                    : absl::StrCat("\"", text, "\" is not a duration from ",
                                   ShortDuration(absl::ToInt64Milliseconds(min)), " to ",
                                   ShortDuration(absl::ToInt64Milliseconds(max)),
                                   ", as in 30m or 2h");
      },
      "");
}

CLI::Validator IsWholeNumber(uint64_t min, uint64_t max) {
  return CLI::Validator(
      [min, max](std::string& text) {
        uint64_t number = 0;
        const bool digits = text.find_first_not_of("0123456789") == std::string::npos;
        if (digits && absl::SimpleAtoi(text, &number) && number >= min && number <= max) {
          text = absl::StrCat(number);  // CLI11 would read 010 as 8
          return std::string();
        }
        const bool open = max == std::numeric_limits<uint64_t>::max();
        return absl::StrCat(
            "\"", text, "\" is not a whole number ",
            open ? absl::StrCat("of at least ", min) : absl::StrCat("from ", min, " to ", max));
      },
      "");
}

CLI::Validator OneOf(std::vector<std::string> words) {
  std::string shown = absl::StrCat("{", absl::StrJoin(words, ","), "}");
  return CLI::Validator(
      [words = std::move(words)](std::string& text) {
        if (std::find(words.begin(), words.end(), text) != words.end()) return std::string();
        const std::string nearest = text::Nearest(text, words);
        return absl::StrCat("there is no \"", text, "\"",
                            nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?"),
                            " (there are ", absl::StrJoin(words, ", "), ")");
      },
      std::move(shown));
}

}  // namespace session_status::cli
