// Who calls? Checks 3 to 9 of the documented order (docs/api.md): scheme and its common parameters,
// operation and version, access key, timestamp, signature, nonce, security token.
//
// Threads: pure functions over a Call; any.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_AUTHENTICATION_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_AUTHENTICATION_H_

#include "plugin/auth/replay_guard.h"
#include "plugin/openapi/call.h"

namespace session_status::openapi {

// 3. Sets scheme and what it carries. Fails when a common parameter of the scheme is missing, or
// when there is no scheme although one is needed.
Check ReadScheme(Call* call);

// 4.
Check FindOperationOf(Call* call);

// 5. REQUIRES: call->access is set.
Check FindKey(Call* call);

// 6.
Check CheckTimestampOf(Call* call);

// 7. Sets call->nonce_hash and lets the guard's memory come while it computes.
Check VerifySignature(const auth::ReplayGuard& guard, Call* call);

// 8. Only looks: RememberNonce() marks the nonce used, once the call is sure to be worked on.
Check LookForNonce(const auth::ReplayGuard& guard, Call* call);
Check RememberNonce(auth::ReplayGuard* guard, Call* call);

// 9. Sets call->session.
Check VerifyTokenOf(Call* call);

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_AUTHENTICATION_H_
