#include "plugin/openapi/call_limits.h"

#include <arpa/inet.h>

#include <array>
#include <string>

#include "absl/hash/hash.h"
#include "absl/strings/match.h"

namespace session_status::openapi {
namespace {

// What counts as one source: an IPv4 address, an IPv6 network of 64 bits, or a user of this
// machine.
uint64_t SourceKey(const http::Peer& peer, size_t operation) {
  if (peer.kind == http::Peer::Kind::kUnixSocket) return absl::HashOf(peer.uid, operation);
  const absl::string_view address = peer.address;
  if (absl::StrContains(address, ':')) {
    std::array<uint8_t, 16> bytes{};
    const std::string text(address.substr(0, address.find('%')));  // without a zone
    if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) {
      const bool mapped = absl::StartsWithIgnoreCase(text, "::ffff:");
      const absl::string_view part(reinterpret_cast<const char*>(bytes.data()), mapped ? 16 : 8);
      return absl::HashOf(part, operation);
    }
  }
  return absl::HashOf(address, operation);
}

Check Throttled(ErrorCode code, const limits::Admission& admission) {
  if (admission.admitted) return absl::nullopt;
  ApiError error(code);
  error.retry_after = admission.retry_after;
  return error;
}

}  // namespace

CallLimits::CallLimits(const SurfaceOptions& options)
    : scope_(options.limit_scope),
      batch_by_caller_(options.batch_limit),
      query_by_caller_(options.query_limit),
      by_address_(options.address_limit),
      failures_by_address_(options.failure_limit) {}

limits::KeyedBuckets& CallLimits::CallerBuckets(Operation operation) {
  return operation == Operation::kBatchQuery ? batch_by_caller_ : query_by_caller_;
}

Check CallLimits::TakeForAddress(const Call& call) {
  const http::Peer* peer = call.request.peer;
  if (peer == nullptr || peer->kind == http::Peer::Kind::kUnixSocket) return absl::nullopt;
  if (by_address_.limit().unlimited()) return absl::nullopt;
  const uint64_t key = SourceKey(*peer, static_cast<size_t>(call.operation->operation));
  return Throttled(ErrorCode::kThrottling, by_address_.TryTake(key, call.request.now));
}

Check CallLimits::TakeForCaller(const Call& call) {
  const auth::User* user = call.session.user;
  if (user == nullptr) return absl::nullopt;
  limits::KeyedBuckets& buckets = CallerBuckets(call.operation->operation);
  const absl::string_view name =
      scope_ == LimitScope::kUser ? absl::string_view(user->name) : absl::string_view();
  const uint64_t key = absl::HashOf(absl::string_view(user->account->id), name);
  Check check = Throttled(ErrorCode::kThrottlingUser, buckets.TryTake(key, call.request.now));
  if (check.has_value()) check->limit_per_second = static_cast<int>(buckets.limit().per_second);
  return check;
}

Check CallLimits::TakeForFailure(const http::Request& request) {
  if (request.peer == nullptr) return absl::nullopt;
  const uint64_t key = SourceKey(*request.peer, 0);
  return Throttled(ErrorCode::kThrottling, failures_by_address_.TryTake(key, request.now));
}

Check CallLimits::CheckFailuresLeft(const http::Request& request) {
  if (request.peer == nullptr || request.query.size() + request.body.size() <= kShortBytesMax) {
    return absl::nullopt;
  }
  if (failures_by_address_.HasToken(SourceKey(*request.peer, 0), request.now)) return absl::nullopt;
  return TakeForFailure(request);  // tells when there is one again
}

}  // namespace session_status::openapi
