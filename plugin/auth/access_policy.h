// RAM policies: who may do what. A pure function of policies and request; it reads no clock and no
// file, and it can say which statement decided.
//
// Threads: values; any.
// Errors:  a policy that cannot be parsed is refused at load with line and column.
#ifndef SESSION_STATUS_PLUGIN_AUTH_ACCESS_POLICY_H_
#define SESSION_STATUS_PLUGIN_AUTH_ACCESS_POLICY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/auth/json_tree.h"
#include "plugin/auth/policy_condition.h"

namespace session_status::auth {

struct Statement {
  bool allow = false;
  bool not_action = false;             // `actions` came as NotAction
  std::vector<std::string> actions;    // patterns; compared ignoring case
  std::vector<std::string> resources;  // patterns; compared exactly
  std::vector<Condition> conditions;   // all must be met
};

struct Policy {
  std::string name;
  std::vector<Statement> statements;
};

// More than any real policy needs; bounds the work of one decision.
inline constexpr size_t kStatementsMax = 256;
inline constexpr size_t kPatternsMax = 256;  // actions, resources or values in one list

// `node` is a policy document inside `document`, which words the errors.
absl::StatusOr<Policy> ParsePolicy(const JsonDocument& document, const JsonNode& node,
                                   absl::string_view name);

// The same for a text of its own: a session policy.
absl::StatusOr<Policy> ParsePolicyText(absl::string_view text, absl::string_view name);

// One question. Several names of one action, or spellings of one resource, are alternatives: a
// statement speaks of the request when it speaks of one of them, and NotAction leaves the request
// out when it lists any of them.
struct PolicyRequest {
  absl::Span<const absl::string_view> actions;
  absl::Span<const absl::string_view> resources;
  PolicyContext context;
};

enum class Decision : uint8_t { kAllow, kImplicitDeny, kExplicitDeny };

struct PolicyVerdict {
  Decision decision = Decision::kImplicitDeny;
  const Policy* policy = nullptr;  // whose statement decided; nullptr for an implicit deny
  size_t statement = 0;            // its index, from 0
  bool by_session_policy = false;

  bool allowed() const { return decision == Decision::kAllow; }
};

// A matching Deny wins; else a matching Allow; else implicitly denied.
PolicyVerdict Evaluate(absl::Span<const Policy* const> policies, const PolicyRequest& request);

// With a session policy both sides must allow, and a Deny on either side wins. `session` may be
// nullptr. `owner` is the account's own root: it needs no policy, but a session of it obeys its
// session policy.
PolicyVerdict EvaluateSession(bool owner, absl::Span<const Policy* const> policies,
                              const Policy* session, const PolicyRequest& request);

// "allowed by statement 2 of policy \"ops\"", for people.
std::string Explain(const PolicyVerdict& verdict);

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_ACCESS_POLICY_H_
