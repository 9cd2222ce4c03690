#include "plugin/http/error_body.h"

#include <iterator>

#include "plugin/http/json_writer.h"

namespace session_status::http {
namespace {

struct CodeRow {
  absl::StatusCode code;
  int http_status;
  absl::string_view name;
};

// absl::StatusCode numbers the same sixteen codes; row i describes code i. kOk has no name.
constexpr CodeRow kCodes[] = {
    {absl::StatusCode::kOk, 200, "ok"},
    {absl::StatusCode::kCancelled, 499, "canceled"},
    {absl::StatusCode::kUnknown, 500, "unknown"},
    {absl::StatusCode::kInvalidArgument, 400, "invalid_argument"},
    {absl::StatusCode::kDeadlineExceeded, 504, "deadline_exceeded"},
    {absl::StatusCode::kNotFound, 404, "not_found"},
    {absl::StatusCode::kAlreadyExists, 409, "already_exists"},
    {absl::StatusCode::kPermissionDenied, 403, "permission_denied"},
    {absl::StatusCode::kResourceExhausted, 429, "resource_exhausted"},
    {absl::StatusCode::kFailedPrecondition, 400, "failed_precondition"},
    {absl::StatusCode::kAborted, 409, "aborted"},
    {absl::StatusCode::kOutOfRange, 400, "out_of_range"},
    {absl::StatusCode::kUnimplemented, 501, "unimplemented"},
    {absl::StatusCode::kInternal, 500, "internal"},
    {absl::StatusCode::kUnavailable, 503, "unavailable"},
    {absl::StatusCode::kDataLoss, 500, "data_loss"},
    {absl::StatusCode::kUnauthenticated, 401, "unauthenticated"},
};

constexpr bool InCodeOrder() {
  for (size_t i = 0; i < std::size(kCodes); ++i) {
    if (static_cast<size_t>(kCodes[i].code) != i) return false;
  }
  return true;
}
static_assert(InCodeOrder(), "row i must describe code i");

const CodeRow& Row(absl::StatusCode code) {
  const auto i = static_cast<size_t>(code);
  return kCodes[i < std::size(kCodes) ? i : static_cast<size_t>(absl::StatusCode::kUnknown)];
}

}  // namespace

absl::string_view ConnectCodeName(absl::StatusCode code) { return Row(code).name; }
int ConnectHttpStatus(absl::StatusCode code) { return Row(code).http_status; }

absl::StatusCode ConnectCodeForHttpStatus(int http_status) {
  switch (http_status) {
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 405:
      return absl::StatusCode::kUnimplemented;
    case 408:
      return absl::StatusCode::kDeadlineExceeded;
    case 413:
    case 414:
    case 429:
    case 431:
      return absl::StatusCode::kResourceExhausted;
    case 501:
      return absl::StatusCode::kUnimplemented;
    case 503:
      return absl::StatusCode::kUnavailable;
    default:
      return http_status < 500 ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kInternal;
  }
}

void SetError(int http_status, absl::StatusCode code, absl::string_view message, Reply* reply) {
  reply->status = http_status;
  reply->content_type = "application/json";
  reply->body.clear();
  reply->stream.reset();
  JsonWriter writer(&reply->body);
  writer.StartObject();
  writer.Key("code");
  writer.String(ConnectCodeName(code));
  writer.Key("message");
  writer.String(message);
  writer.EndObject();
}

void SetNotServed(int http_status, absl::StatusCode code, absl::string_view message, Reply* reply) {
  SetError(http_status, code, message, reply);
  reply->not_served = true;
}

void SetError(const absl::Status& error, Reply* reply) {
  SetError(ConnectHttpStatus(error.code()), error.code(), error.message(), reply);
}

void ConnectErrorHandler::HandleRefused(const Request&, int status, absl::string_view message,
                                        Reply* reply) {
  SetError(status, ConnectCodeForHttpStatus(status), message, reply);
}

}  // namespace session_status::http
