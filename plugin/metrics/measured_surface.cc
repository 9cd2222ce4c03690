#include "plugin/metrics/measured_surface.h"

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"

namespace session_status::metrics {
namespace {

// The value of `Action=` among pairs joined by '&'. Operation names need no decoding.
absl::string_view ActionIn(absl::string_view pairs) {
  constexpr absl::string_view kName = "Action=";
  for (absl::string_view pair : absl::StrSplit(pairs, '&')) {
    if (absl::StartsWith(pair, kName)) return pair.substr(kName.size());
  }
  return "";
}

absl::string_view OperationName(const http::Request& request) {
  if (request.path.size() > 1) return request.path.substr(request.path.rfind('/') + 1);
  if (absl::string_view action = ActionIn(request.query); !action.empty()) return action;
  if (const http::Header* header = request.FindHeader("x-acs-action")) return header->value;
  // A form body: bounded, so that a long one costs nothing here.
  constexpr size_t kSearchedBytesMax = 4096;
  return ActionIn(request.body.substr(0, kSearchedBytesMax));
}

bool HasHeader(const http::Reply& reply, absl::string_view name) {
  for (const auto& header : reply.headers) {
    if (absl::EqualsIgnoreCase(header.first, name)) return true;
  }
  return false;
}

}  // namespace

QueryOperation OperationOf(const http::Request& request) {
  const absl::string_view name = OperationName(request);
  for (size_t i = 0; i < kQueryOperationCount; ++i) {
    if (const auto operation = static_cast<QueryOperation>(i); name == LabelOf(operation)) {
      return operation;
    }
  }
  return QueryOperation::kOther;
}

QueryResult ResultOf(const http::Reply& reply) {
  if (reply.status < 400) return QueryResult::kOk;
  if (reply.status == 429 || HasHeader(reply, "x-acs-retry-after")) return QueryResult::kThrottled;
  if (reply.status == 401 || reply.status == 403) return QueryResult::kDenied;
  const bool failed = reply.status >= 500 && reply.status != 501 && reply.status != 504;
  return failed ? QueryResult::kFailed : QueryResult::kRefused;
}

void MeasuredSurface::Handle(const http::Request& request, http::Reply* reply) {
  const int64_t begin_ns = now_ns_();
  surface_.Handle(request, reply);
  const QueryOperation operation = OperationOf(request);
  const QueryResult result = ResultOf(*reply);
  recorder_.Record(label_, operation, result, now_ns_() - begin_ns);
  if (result == QueryResult::kFailed && on_failure_) {
    on_failure_(OperationName(request), *reply);
  }
}

void MeasuredSurface::HandleRefused(const http::Request& request, int status,
                                    absl::string_view message, http::Reply* reply) {
  surface_.HandleRefused(request, status, message, reply);
  // 503 and the like say that the listener has no room for this one: nothing failed, and a broker's
  // log that says why there is not.
  const QueryResult result = ResultOf(*reply);
  recorder_.Record(label_, OperationOf(request),
                   result == QueryResult::kFailed ? QueryResult::kRefused : result, 0);
}

}  // namespace session_status::metrics
