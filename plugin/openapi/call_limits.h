// How often may one call? Checks 10 and 11 of the documented order, and the limit on failed
// authentications.
//
// Threads: any.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_CALL_LIMITS_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_CALL_LIMITS_H_

#include "plugin/limits/token_bucket.h"
#include "plugin/openapi/call.h"
#include "plugin/openapi/surface_options.h"

namespace session_status::openapi {

class CallLimits {
 public:
  explicit CallLimits(const SurfaceOptions& options);

  // Per source address and operation; IPv6 by its /64, of which one machine usually has all.
  // A Unix socket has no address and no such limit.
  Check TakeForAddress(const Call& call);

  // Per user (or account) and operation; only after the signature verified, so that nobody spends
  // another's quota. Unsigned calls have no user and no such limit.
  Check TakeForCaller(const Call& call);

  // One failed authentication of a source address, or of a user at the Unix socket. Refused: the
  // caller learns no more than that it is throttled.
  Check TakeForFailure(const http::Request& request);

  // Before there is any work for a call that is long: refused when its source has no failure left.
  // A signature is verified by computing it over all that came, so each guess would cost this
  // server as much as it cost the caller to send. Short calls are let through: the good ones of a
  // source that others misuse are nearly always short.
  static constexpr size_t kShortBytesMax = size_t{64} << 10;  // ten long identifiers take 12 KiB
  Check CheckFailuresLeft(const http::Request& request);

 private:
  limits::KeyedBuckets& CallerBuckets(Operation operation);

  const LimitScope scope_;
  limits::KeyedBuckets batch_by_caller_;
  limits::KeyedBuckets query_by_caller_;
  limits::KeyedBuckets by_address_;
  limits::KeyedBuckets failures_by_address_;
};

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_CALL_LIMITS_H_
