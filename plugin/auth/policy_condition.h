// Conditions of a policy statement: operator, key, values.
//
// Keys and values are read when the policy is loaded: an unknown key, an operator that does not
// compare what the key holds, a wrong date, number or address is refused then. A condition that
// can never be met would make a Deny void without a word.
// At evaluation: the values of one key are alternatives, the negative operators ask that none
// matches, and a key that the request does not have makes the condition not met.
//
// Threads: values; any.
#ifndef SESSION_STATUS_PLUGIN_AUTH_POLICY_CONDITION_H_
#define SESSION_STATUS_PLUGIN_AUTH_POLICY_CONDITION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "absl/types/variant.h"
#include "plugin/text/address_block.h"

namespace session_status::auth {

// What a request knows about itself, by documented key.
struct PolicyContext {
  absl::Time now = absl::InfinitePast();  // acs:CurrentTime
  bool secure_transport = false;          // acs:SecureTransport
  absl::string_view source_ip;            // acs:SourceIp; empty (Unix socket): the key is absent
  bool mfa_present = false;               // acs:MFAPresent: there is none here
};

// "2027-01-01T00:00:00Z" or with an offset; fractions of a second are allowed.
absl::optional<absl::Time> ParsePolicyTime(absl::string_view text);

enum class ConditionKind : uint8_t {
  kString,
  kStringIgnoreCase,
  kStringLike,
  kNumber,
  kDate,
  kBool,
  kAddress
};
enum class ConditionTest : uint8_t { kEquals, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

struct ConditionOperator {
  absl::string_view name;  // "StringEquals"; compared ignoring case
  ConditionKind kind;
  ConditionTest test;
  bool negative;  // met when no value matches
};

// nullptr when the name is none of the documented twenty-one.
const ConditionOperator* FindConditionOperator(absl::string_view name);
std::vector<absl::string_view> ConditionOperatorNames();

using ConditionValue = absl::variant<std::string, double, absl::Time, bool, text::AddressBlock>;

// nullopt when `text` is not of the operator's kind.
absl::optional<ConditionValue> ParseConditionValue(ConditionKind kind, absl::string_view text);

// A key that requests have here, and what it holds: only operators of that kind fit it.
struct ConditionKey {
  absl::string_view name;  // "acs:SourceIp"; compared ignoring case
  ConditionKind kind;
  absl::optional<ConditionValue> (*read)(const PolicyContext& context);  // nullopt: not there
};

// nullptr when requests have no such key here.
const ConditionKey* FindConditionKey(absl::string_view name);
std::vector<absl::string_view> ConditionKeyNames();

struct Condition {
  const ConditionOperator* op = nullptr;
  const ConditionKey* key = nullptr;  // nullptr: another service's key; never met
  std::vector<ConditionValue> values;

  bool IsMet(const PolicyContext& context) const;
};

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_POLICY_CONDITION_H_
