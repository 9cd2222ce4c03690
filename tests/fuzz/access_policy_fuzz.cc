// Policy documents: whatever is accepted decides by the rules. A Deny of everything wins, an
// owner's session obeys its session policy, an empty list of policies allows nothing, and errors
// say where.
#include <array>
#include <string>

#include "absl/strings/match.h"
#include "plugin/auth/access_policy.h"
#include "tests/fuzz/fuzz.h"

namespace session_status::auth {
namespace {

const Policy& DenyAll() {
  static const auto* const policy = new Policy(*ParsePolicyText(
      R"({"Version":"1","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}})", "deny"));
  return *policy;
}

void CheckDecision(const Policy& policy, absl::string_view action, absl::string_view ip) {
  const absl::string_view resource = "acs:mq:*:*:post-cn-local0001";
  PolicyRequest request;
  request.actions = absl::MakeConstSpan(&action, 1);
  request.resources = absl::MakeConstSpan(&resource, 1);
  request.context.now = absl::FromUnixSeconds(1'767'323'045);
  request.context.source_ip = ip;
  const std::array<const Policy*, 1> alone = {&policy};
  const std::array<const Policy*, 2> denied = {&policy, &DenyAll()};
  const PolicyVerdict verdict = Evaluate(alone, request);
  FUZZ_CHECK(Evaluate(alone, request).decision == verdict.decision);
  FUZZ_CHECK(Evaluate({}, request).decision == Decision::kImplicitDeny);
  FUZZ_CHECK(Evaluate(denied, request).decision == Decision::kExplicitDeny);
  FUZZ_CHECK(verdict.policy == nullptr || verdict.statement < policy.statements.size());
  if (verdict.decision != Decision::kImplicitDeny) FUZZ_CHECK(verdict.policy == &policy);
  if (verdict.allowed()) FUZZ_CHECK(policy.statements[verdict.statement].allow);
  FUZZ_CHECK(EvaluateSession(true, {}, &policy, request).allowed() == verdict.allowed());
  FUZZ_CHECK(!EvaluateSession(true, {}, &DenyAll(), request).allowed());
  FUZZ_CHECK(!Explain(verdict).empty());
}

}  // namespace
}  // namespace session_status::auth

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace session_status::auth;
  const auto policy = ParsePolicyText({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!policy.ok()) {
    FUZZ_CHECK(absl::StrContains(policy.status().message(), "line "));
    return 0;
  }
  FUZZ_CHECK(policy->statements.size() <= kStatementsMax);
  for (const char* ip : {"", "192.0.2.7", "2001:db8::1"}) {
    CheckDecision(*policy, "mq:BatchQuerySessionByClientIds", ip);
    CheckDecision(*policy, "mq:MqttInstanceAccess", ip);
  }
  return 0;
}
