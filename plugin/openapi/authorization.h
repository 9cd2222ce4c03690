// May the caller? Check 13 of the documented order: the instance, then the RAM policies.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_AUTHORIZATION_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_AUTHORIZATION_H_

#include <string>

#include "plugin/openapi/call.h"
#include "plugin/openapi/instance_map.h"

namespace session_status::openapi {

struct AuthorizationRules {
  std::string region = "local";
  bool gateway_errors = false;
  bool batch_needs_instance_access = false;
};

// What the policies say to an operation on an instance, and under which action they said it.
struct AccessDecision {
  auth::PolicyVerdict verdict;
  absl::string_view action;
};
AccessDecision DecideAccess(const AuthorizationRules& rules, const auth::Session& session,
                            const OperationRow& operation, absl::string_view instance_id,
                            const auth::PolicyContext& context);

// An unknown instance and one of another account are told apart by nothing in the answer.
Check Authorize(const AuthorizationRules& rules, const InstanceMap& instances, Call* call);

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_AUTHORIZATION_H_
