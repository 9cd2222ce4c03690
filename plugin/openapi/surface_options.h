// What an operator can set about the documented API. Each field is one plugin option.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_SURFACE_OPTIONS_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_SURFACE_OPTIONS_H_

#include <cstddef>
#include <string>

#include "plugin/auth/replay_guard.h"
#include "plugin/limits/token_bucket.h"

namespace session_status::openapi {

enum class LimitScope { kUser, kAccount };

struct SurfaceOptions {
  std::string region = "local";    // in resource names: acs:mq:<region>:<account>:<instance>
  size_t batch_ids_max = 10;       // documented: 10
  bool strict_client_ids = false;  // refuse what is not <GroupID>@@@<DeviceID>
  bool require_tls = false;        // refuse plain TCP but from loopback
  bool gateway_errors = false;     // policy denials are 403 NoPermission
  bool batch_needs_instance_access = false;  // the batch needs mq:MqttInstanceAccess too
  bool cpp_sdk_lists = true;                 // nested lists for the classic C++ SDK (docs/api.md)
  std::string error_page_url;                // in Recommend; empty: none

  // Documented: 100 and 500 per user, 300 per source address and operation.
  limits::RateLimit batch_limit{100, 0};
  limits::RateLimit query_limit{500, 0};
  limits::RateLimit address_limit{300, 0};
  LimitScope limit_scope = LimitScope::kUser;
  // Failed authentications of one address that get a detailed answer. Enough for a person who
  // debugs and for a test suite, too few to try keys.
  limits::RateLimit failure_limit{50, 200};

  size_t nonces_max = auth::ReplayGuard::kEntriesMaxDefault;
};

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_SURFACE_OPTIONS_H_
