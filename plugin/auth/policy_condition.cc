#include "plugin/auth/policy_condition.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace session_status::auth {
namespace {

using Kind = ConditionKind;
using Test = ConditionTest;

constexpr ConditionOperator kOperators[] = {
    {"StringEquals", Kind::kString, Test::kEquals, false},
    {"StringNotEquals", Kind::kString, Test::kEquals, true},
    {"StringEqualsIgnoreCase", Kind::kStringIgnoreCase, Test::kEquals, false},
    {"StringNotEqualsIgnoreCase", Kind::kStringIgnoreCase, Test::kEquals, true},
    {"StringLike", Kind::kStringLike, Test::kEquals, false},
    {"StringNotLike", Kind::kStringLike, Test::kEquals, true},
    {"NumericEquals", Kind::kNumber, Test::kEquals, false},
    {"NumericNotEquals", Kind::kNumber, Test::kEquals, true},
    {"NumericLessThan", Kind::kNumber, Test::kLess, false},
    {"NumericLessThanEquals", Kind::kNumber, Test::kLessOrEqual, false},
    {"NumericGreaterThan", Kind::kNumber, Test::kGreater, false},
    {"NumericGreaterThanEquals", Kind::kNumber, Test::kGreaterOrEqual, false},
    {"DateEquals", Kind::kDate, Test::kEquals, false},
    {"DateNotEquals", Kind::kDate, Test::kEquals, true},
    {"DateLessThan", Kind::kDate, Test::kLess, false},
    {"DateLessThanEquals", Kind::kDate, Test::kLessOrEqual, false},
    {"DateGreaterThan", Kind::kDate, Test::kGreater, false},
    {"DateGreaterThanEquals", Kind::kDate, Test::kGreaterOrEqual, false},
    {"Bool", Kind::kBool, Test::kEquals, false},
    {"IpAddress", Kind::kAddress, Test::kEquals, false},
    {"NotIpAddress", Kind::kAddress, Test::kEquals, true},
};

template <typename T>
bool Compare(Test test, const T& request, const T& value) {
  switch (test) {
    case Test::kEquals:
      return request == value;
    case Test::kLess:
      return request < value;
    case Test::kLessOrEqual:
      return request <= value;
    case Test::kGreater:
      return request > value;
    case Test::kGreaterOrEqual:
      return request >= value;
  }
  return false;
}

absl::optional<ConditionValue> ReadTime(const PolicyContext& context) {
  // Policies speak of whole seconds: DateEquals holds for all of one.
  return ConditionValue(absl::FromUnixSeconds(absl::ToUnixSeconds(context.now)));
}

absl::optional<ConditionValue> ReadSecureTransport(const PolicyContext& context) {
  return ConditionValue(context.secure_transport);
}

absl::optional<ConditionValue> ReadMfaPresent(const PolicyContext& context) {
  return ConditionValue(context.mfa_present);
}

absl::optional<ConditionValue> ReadSourceIp(const PolicyContext& context) {
  if (context.source_ip.empty()) return absl::nullopt;
  // A link-local peer has its zone behind the address; blocks have none.
  const absl::string_view address = context.source_ip.substr(0, context.source_ip.find('%'));
  return ParseConditionValue(Kind::kAddress, address);
}

constexpr ConditionKey kKeys[] = {
    {"acs:CurrentTime", Kind::kDate, ReadTime},
    {"acs:SecureTransport", Kind::kBool, ReadSecureTransport},
    {"acs:SourceIp", Kind::kAddress, ReadSourceIp},
    {"acs:MFAPresent", Kind::kBool, ReadMfaPresent},
};

bool Matches(const ConditionOperator& op, const ConditionValue& request,
             const ConditionValue& value) {
  switch (op.kind) {
    case Kind::kString:
    case Kind::kStringIgnoreCase:
    case Kind::kStringLike:
    case Kind::kNumber:
      return false;  // no key here holds one
    case Kind::kDate:
      return Compare(op.test, absl::get<absl::Time>(request), absl::get<absl::Time>(value));
    case Kind::kBool:
      return absl::get<bool>(request) == absl::get<bool>(value);
    case Kind::kAddress:
      return absl::get<text::AddressBlock>(value).Contains(absl::get<text::AddressBlock>(request));
  }
  return false;
}

}  // namespace

absl::optional<absl::Time> ParsePolicyTime(absl::string_view text) {
  absl::Time time;
  std::string ignored;
  // The library also reads "infinite-future" and leading space; a policy date is a date.
  if (text.size() < 20 || !absl::ascii_isdigit(static_cast<unsigned char>(text[0]))) {
    return absl::nullopt;
  }
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &ignored)) return absl::nullopt;
  return time;
}

const ConditionOperator* FindConditionOperator(absl::string_view name) {
  const auto found =
      std::find_if(std::begin(kOperators), std::end(kOperators),
                   [name](const auto& op) { return absl::EqualsIgnoreCase(op.name, name); });
  return found == std::end(kOperators) ? nullptr : &*found;
}

std::vector<absl::string_view> ConditionOperatorNames() {
  std::vector<absl::string_view> names;
  for (const ConditionOperator& op : kOperators) names.push_back(op.name);
  return names;
}

absl::optional<ConditionValue> ParseConditionValue(ConditionKind kind, absl::string_view text) {
  switch (kind) {
    case Kind::kString:
    case Kind::kStringIgnoreCase:
    case Kind::kStringLike:
      return ConditionValue(std::string(text));
    case Kind::kNumber: {
      double number;
      if (!absl::SimpleAtod(text, &number)) return absl::nullopt;
      return ConditionValue(number);
    }
    case Kind::kDate: {
      const absl::optional<absl::Time> time = ParsePolicyTime(text);
      if (!time.has_value()) return absl::nullopt;
      return ConditionValue(*time);
    }
    case Kind::kBool:
      if (absl::EqualsIgnoreCase(text, "true")) return ConditionValue(true);
      if (absl::EqualsIgnoreCase(text, "false")) return ConditionValue(false);
      return absl::nullopt;
    case Kind::kAddress: {
      const absl::optional<text::AddressBlock> block = text::ParseAddressBlock(text);
      if (!block.has_value()) return absl::nullopt;
      return ConditionValue(*block);
    }
  }
  return absl::nullopt;
}

const ConditionKey* FindConditionKey(absl::string_view name) {
  const auto found = std::find_if(std::begin(kKeys), std::end(kKeys), [name](const auto& key) {
    return absl::EqualsIgnoreCase(key.name, name);
  });
  return found == std::end(kKeys) ? nullptr : &*found;
}

std::vector<absl::string_view> ConditionKeyNames() {
  std::vector<absl::string_view> names;
  for (const ConditionKey& key : kKeys) names.push_back(key.name);
  return names;
}

bool Condition::IsMet(const PolicyContext& context) const {
  if (key == nullptr) return false;
  const absl::optional<ConditionValue> request = key->read(context);
  if (!request.has_value()) return false;
  const bool any = std::any_of(values.begin(), values.end(), [&](const ConditionValue& value) {
    return Matches(*op, *request, value);
  });
  return op->negative ? !any : any;
}

}  // namespace session_status::auth
