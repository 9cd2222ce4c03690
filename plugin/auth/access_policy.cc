#include "plugin/auth/access_policy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "plugin/auth/wildcard.h"

namespace session_status::auth {
namespace {

bool AnyMatches(const std::vector<std::string>& patterns, absl::Span<const absl::string_view> texts,
                LetterCase letter_case) {
  for (const std::string& pattern : patterns) {
    for (const absl::string_view text : texts) {
      if (MatchesWildcard(pattern, text, letter_case)) return true;
    }
  }
  return false;
}

bool Applies(const Statement& statement, const PolicyRequest& request) {
  const bool listed = AnyMatches(statement.actions, request.actions, LetterCase::kIgnore);
  if (listed == statement.not_action) return false;
  if (!AnyMatches(statement.resources, request.resources, LetterCase::kExact)) return false;
  return std::all_of(
      statement.conditions.begin(), statement.conditions.end(),
      [&request](const Condition& condition) { return condition.IsMet(request.context); });
}

}  // namespace

PolicyVerdict Evaluate(absl::Span<const Policy* const> policies, const PolicyRequest& request) {
  PolicyVerdict verdict;
  for (const Policy* policy : policies) {
    for (size_t i = 0; i < policy->statements.size(); ++i) {
      const Statement& statement = policy->statements[i];
      // A second Allow adds nothing.
      if (statement.allow && verdict.allowed()) continue;
      if (!Applies(statement, request)) continue;
      verdict.decision = statement.allow ? Decision::kAllow : Decision::kExplicitDeny;
      verdict.policy = policy;
      verdict.statement = i;
      if (!statement.allow) return verdict;
    }
  }
  return verdict;
}

PolicyVerdict EvaluateSession(bool owner, absl::Span<const Policy* const> policies,
                              const Policy* session, const PolicyRequest& request) {
  PolicyVerdict own;
  if (owner) {
    own.decision = Decision::kAllow;
  } else {
    own = Evaluate(policies, request);
  }
  if (session == nullptr || own.decision == Decision::kExplicitDeny) return own;
  PolicyVerdict narrowed = Evaluate(absl::MakeConstSpan(&session, 1), request);
  narrowed.by_session_policy = true;
  if (narrowed.decision == Decision::kExplicitDeny) return narrowed;
  if (!own.allowed()) return own;
  return narrowed.allowed() ? own : narrowed;
}

std::string Explain(const PolicyVerdict& verdict) {
  const absl::string_view word = verdict.decision == Decision::kAllow ? "allowed"
                                 : verdict.decision == Decision::kExplicitDeny
                                     ? "denied"
                                     : "denied, because no statement allows it";
  if (verdict.policy != nullptr) {
    return absl::StrCat(word, " by statement ", verdict.statement + 1, " of policy \"",
                        verdict.policy->name, "\"");
  }
  if (verdict.allowed()) return "allowed: the account's owner needs no policy";
  return absl::StrCat(word, verdict.by_session_policy ? " in the session policy" : "");
}

}  // namespace session_status::auth
