// What is asked? Check 12 of the documented order: the operation's own parameters.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_OPERATION_INPUT_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_OPERATION_INPUT_H_

#include "plugin/openapi/call.h"

namespace session_status::openapi {

struct InputRules {
  size_t batch_ids_max = 10;
  bool strict_client_ids = false;
};

// Sets call->instance_id and call->client_ids, in the order of their numbers.
Check ReadInput(const InputRules& rules, Call* call);

// "<GroupID>@@@<DeviceID>" as documented: at most 64 characters, group "GID_…" or "GID-…".
bool IsDocumentedClientId(absl::string_view client_id);

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_OPERATION_INPUT_H_
