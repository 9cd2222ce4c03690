// Checks of option values for CLI11, with errors that say what would be right.
//
// Threads: any.
#ifndef SESSION_STATUS_CLI_CHECKS_H_
#define SESSION_STATUS_CLI_CHECKS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace session_status::cli {

// Refuses what ParseWhen (words.h) refuses.
CLI::Validator IsWhen();

// Refuses what ParseFeedPlace (words.h) refuses.
CLI::Validator IsFeedPlace();

// An IPv4 or IPv6 address, without a network's length.
CLI::Validator IsAddress();

// What the service takes as an identifier or a part of one.
CLI::Validator IsUtf8();

// A filter that is given: an empty one, of a variable that is not set, would want everybody.
CLI::Validator IsNotEmpty();

// CLI::Range compares, and a NaN is neither below nor above.
CLI::Validator IsNoNan();

// Why this user cannot read the file; empty: he can.
std::string WhyUnreadable(const std::string& path);

// An option that is a time, and what was given for it; empty: nothing.
struct TimeOption {
  const char* name;
  const std::string& value;
};

// Throws what the parser throws where a range has its end first: its answer would be empty.
void RequireBefore(const TimeOption& from, const TimeOption& to);

// A duration as in 30m or 2h, within [min, max].
CLI::Validator IsDuration(absl::Duration min, absl::Duration max);

// Decimal digits, at least `min`; takes leading zeros away, so it is to be given to transform(),
// for to CLI11 010 is 8. CLI11's own checks of numbers compare as floating point, and print
// their bounds with 300 digits.
CLI::Validator IsWholeNumber(uint64_t min, uint64_t max = std::numeric_limits<uint64_t>::max());

// Like CLI::IsMember, with an error that lists the words and suggests the nearest. Its type name,
// "{one,two}", is where completion finds the words.
CLI::Validator OneOf(std::vector<std::string> words);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_CHECKS_H_
