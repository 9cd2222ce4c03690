// The documented API as an HTTP surface at "/": requests of the vendor's SDKs in, typed replies
// out. docs/api.md describes it for callers.
//
// Every call goes through the checks in the documented order; the first that fails decides the
// error. Every reply, error or not, carries a fresh RequestId.
//
// Without an access file only trusted peers (plugin/http/trust.h) are answered, and they need no
// signature: what SDKs send as one is not looked at. With one, everybody signs.
//
// Threads:   Handle(), HandleRefused(): any listener thread. Construction and destruction: one.
// Ownership: what is passed in outlives the surface.
// Errors:    as documented (api_error.h); an exception of the source becomes InternalError.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_OPENAPI_SURFACE_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_OPENAPI_SURFACE_H_

#include <array>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "plugin/auth/access_file.h"
#include "plugin/auth/replay_guard.h"
#include "plugin/http/http_message.h"
#include "plugin/limits/counted_instances.h"
#include "plugin/limits/meter.h"
#include "plugin/limits/token_bucket.h"
#include "plugin/openapi/authentication.h"
#include "plugin/openapi/authorization.h"
#include "plugin/openapi/call.h"
#include "plugin/openapi/call_limits.h"
#include "plugin/openapi/operation_input.h"
#include "plugin/openapi/session_source.h"
#include "plugin/openapi/surface_options.h"
#include "plugin/os/object_pool.h"

namespace session_status::openapi {

// What a log line or a counter needs to know about one answered call. Views live during the call.
// Nothing here is secret: no signature, no token, no string to sign; nor a secret that the caller
// gave as his key's id, as who takes one for the other does.
struct CallRecord {
  absl::string_view request_id;
  absl::string_view code;  // "OK" or the error's name
  int http_status = 200;
  absl::string_view operation;      // empty when it was not recognised
  absl::string_view access_key_id;  // as the caller said; of one that is not known the beginning
  size_t access_key_id_bytes = 0;   // of the whole
  absl::string_view account;        // empty until the caller is known
  absl::string_view user;
  absl::string_view instance;  // as the caller said
  absl::string_view peer_address;
  size_t client_ids = 0;
};

// Threads: called from any listener thread; must not block.
class CallObserver {
 public:
  virtual ~CallObserver() = default;
  virtual void OnCall(const CallRecord& record) = 0;
};

class OpenApiSurface : public http::Handler {
 public:
  struct Parts {
    SessionSource* source = nullptr;
    const InstanceMap* instances = nullptr;
    const auth::AccessStore* access = nullptr;  // nullptr: no access file is configured
    limits::Meter* meter = nullptr;             // nullptr: nothing is counted
    CallObserver* observer = nullptr;           // nullptr: nobody listens
  };
  OpenApiSurface(SurfaceOptions options, const Parts& parts);

  void Handle(const http::Request& request, http::Reply* reply) override;
  void HandleRefused(const http::Request& request, int status, absl::string_view message,
                     http::Reply* reply) override;

 private:
  struct Step {
    Check (OpenApiSurface::*check)(Call*);
    bool authenticates = false;  // what fails here is a failed authentication
  };
  static const Step kSteps[];

  Check RunSteps(Call* call);
  Check Answer(Call* call, http::Reply* reply);

  // The checks, in the documented order. Each is one line of it.
  Check CheckHttp(Call* call);
  Check FindAccess(Call* call);
  Check CheckFailuresLeft(Call* call);
  Check ReadParameters(Call* call);
  Check ReadFormat(Call* call);
  Check CheckScheme(Call* call) { return ReadScheme(call); }
  Check CheckOperation(Call* call) { return FindOperationOf(call); }
  Check CheckKey(Call* call);
  Check CheckTimestamp(Call* call);
  Check CheckSignature(Call* call);
  Check CheckNonce(Call* call);
  Check CheckToken(Call* call);
  Check LimitAddress(Call* call) { return limits_.TakeForAddress(*call); }
  Check LimitCaller(Call* call) { return limits_.TakeForCaller(*call); }
  Check UseNonce(Call* call);
  Check CheckInput(Call* call) { return ReadInput(input_rules_, call); }
  Check CheckAccess(Call* call);

  Check ExecuteBatch(Call* call, http::Reply* reply);
  Check ExecuteQuery(Call* call, http::Reply* reply);
  Check CountTransaction(const Call& call);
  absl::string_view CountedInstance(const Call& call);
  void AddFreshness(uint64_t sequence, absl::Duration age, Scope scope, http::Reply* reply) const;
  // Writes it and tells the observer: every error's RequestId is known to somebody.
  void AnswerError(Call* call, const ApiError& error, http::Reply* reply) const;
  void WriteErrorReply(const Call& call, const ApiError& error, http::Reply* reply) const;
  void Observe(const Call& call, absl::string_view code, int http_status) const;

  const SurfaceOptions options_;
  const InputRules input_rules_;
  const AuthorizationRules authorization_rules_;
  const Parts parts_;
  auth::ReplayGuard replay_guard_;
  CallLimits limits_;
  limits::CountedInstances counted_instances_;
  os::ObjectPool<Workspace> workspaces_;
};

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_OPENAPI_SURFACE_H_
