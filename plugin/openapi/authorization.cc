#include "plugin/openapi/authorization.h"

#include <algorithm>

#include "plugin/auth/resource_name.h"

namespace session_status::openapi {
namespace {

using Actions = absl::Span<const absl::string_view>;

Actions ActionsOf(const OperationRow& operation) {
  return Actions(operation.actions).first(operation.actions[1].empty() ? 1 : 2);
}

auth::PolicyVerdict Ask(const auth::Session& session, Actions actions,
                        const auth::InstanceResource& resource,
                        const auth::PolicyContext& context) {
  auth::PolicyRequest request;
  request.actions = actions;
  request.resources = resource.both();
  request.context = context;
  return auth::EvaluateSession(session.user->owner, session.user->policies, session.policy.get(),
                               request);
}

// Whether any operation at all is allowed on the instance.
bool CanSee(const auth::Session& session, const auth::InstanceResource& resource,
            const auth::PolicyContext& context) {
  const absl::Span<const OperationRow> table = OperationTable();
  return std::any_of(table.begin(), table.end(), [&](const OperationRow& row) {
    return Ask(session, ActionsOf(row), resource, context).allowed();
  });
}

auth::PolicyContext ContextOf(const Call& call) {
  auth::PolicyContext context;
  context.now = call.request.now;
  if (call.request.peer != nullptr) {
    context.secure_transport = call.request.peer->tls;
    context.source_ip = call.request.peer->address;
  }
  return context;
}

ApiError Denied(ErrorCode code, const AccessDecision& decision, const Call& call) {
  ApiError error(code);
  const auth::Session& session = call.session;
  const bool temporary = call.key == nullptr;
  const bool explicit_deny = decision.verdict.decision == auth::Decision::kExplicitDeny;
  error.access_denied = {
      {"AuthAction", std::string(decision.action)},
      {"AuthPrincipalType", temporary ? "AssumedRoleUser" : "SubUser"},
      {"AuthPrincipalOwnerId", session.user->account->id},
      {"AuthPrincipalDisplayName", session.user->name},
      {"NoPermissionType", explicit_deny ? "ExplicitDeny" : "ImplicitDeny"},
      {"PolicyType",
       decision.verdict.by_session_policy ? "SessionPolicy" : "AccountLevelIdentityBasedPolicy"},
  };
  return error;
}

}  // namespace

AccessDecision DecideAccess(const AuthorizationRules& rules, const auth::Session& session,
                            const OperationRow& operation, absl::string_view instance_id,
                            const auth::PolicyContext& context) {
  AccessDecision decision;
  decision.action = operation.actions[0];
  if (session.user->owner && session.policy == nullptr) {  // everything; nothing to evaluate
    decision.verdict.decision = auth::Decision::kAllow;
    return decision;
  }
  const auth::InstanceResource resource(rules.region, session.user->account->id, instance_id);
  decision.verdict = Ask(session, ActionsOf(operation), resource, context);
  const bool ask_access =
      rules.batch_needs_instance_access && operation.operation == Operation::kBatchQuery;
  if (decision.verdict.allowed() && ask_access) {
    decision.action = kInstanceAccessAction;
    decision.verdict = Ask(session, Actions(&kInstanceAccessAction, 1), resource, context);
  }
  return decision;
}

Check Authorize(const AuthorizationRules& rules, const InstanceMap& instances, Call* call) {
  const auth::Session& session = call->session;
  if (session.user == nullptr) {  // an unsigned local call
    if (instances.Serves(call->instance_id)) return absl::nullopt;
    return ApiError(ErrorCode::kInstancePermissionCheckFailed);
  }
  const bool owned =
      session.user->account->Owns(call->instance_id) && instances.Serves(call->instance_id);
  if (!owned && !rules.gateway_errors) return ApiError(ErrorCode::kInstancePermissionCheckFailed);
  const auth::PolicyContext context = ContextOf(*call);
  const AccessDecision decision =
      DecideAccess(rules, session, *call->operation, call->instance_id, context);
  if (decision.verdict.allowed()) {
    if (owned) return absl::nullopt;
    return ApiError(ErrorCode::kInstancePermissionCheckFailed);
  }
  if (rules.gateway_errors) return Denied(ErrorCode::kNoPermission, decision, *call);
  const auth::InstanceResource resource(rules.region, session.user->account->id, call->instance_id);
  if (!CanSee(session, resource, context)) {
    return ApiError(ErrorCode::kInstancePermissionCheckFailed);
  }
  return Denied(ErrorCode::kPermissionCheckFailed, decision, *call);
}

}  // namespace session_status::openapi
