// Every error that the documented API can answer: one row each.
//
// Codes and messages are interface literals: programs compare them. Rows whose code or message has
// a %s take the name of a parameter.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_API_ERROR_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_API_ERROR_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace session_status::openapi {

enum class ErrorCode : uint8_t {
  // The operations' own.
  kCheckAccountInfoFailed,
  kInstancePermissionCheckFailed,
  kParameterCheckFailed,
  kPermissionCheckFailed,
  kInvalidParameter,  // InvalidParameter.<name>
  kInternalError,
  kSystemOverFlow,
  kApiNotSupport,
  // The gateway's.
  kApiNotFound,
  kInvalidVersion,
  kMissingParameter,  // Missing<name>
  kInvalidValue,      // Invalid<name>
  kInvalidFormat,
  kUnsupportedMethod,
  kAccessKeyNotFound,
  kAccessKeyInactive,
  kTimestampFormat,
  kTimestampExpired,
  kNonceUsed,
  kInvalidSignatureMethod,
  kSignatureDoesNotMatch,
  kIncompleteSignature,
  kMissingSecurityToken,
  kTokenExpired,
  kTokenMalformed,
  kTokenMismatch,
  kNoPermission,
  kThrottlingUser,
  kThrottlingApi,
  kThrottling,
  kServiceUnavailable,
  kNeedSsl,
  // The HTTP layer's.
  kBadRequest,
  kRequestTimeout,
  kRequestTooLarge,
  kUriTooLong,
  kHeadersTooLarge,
  kCount,
};

struct ErrorRow {
  ErrorCode code;
  int http_status;
  absl::string_view name;  // on the wire
  absl::string_view message;
};

absl::Span<const ErrorRow> ErrorTable();
const ErrorRow& RowOf(ErrorCode code);

// One error about to be answered. A value.
struct ApiError {
  ErrorCode code = ErrorCode::kInternalError;
  std::string parameter;       // for rows with %s
  std::string detail;          // appended to the row's message
  absl::Duration retry_after;  // throttling only
  int limit_per_second = 0;    // Throttling.User only
  int http_status = 0;         // not 0: instead of the row's (the HTTP layer decided)
  std::vector<std::pair<absl::string_view, std::string>> access_denied;  // AccessDeniedDetail

  ApiError() = default;
  ApiError(ErrorCode error_code, absl::string_view parameter_name = {})  // NOLINT: reads as a code
      : code(error_code), parameter(parameter_name) {}

  std::string Name() const;
  std::string Message() const;
  int HttpStatus() const;
};

// The row for a status that the HTTP layer chose by itself.
ErrorCode CodeForHttpStatus(int http_status);

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_API_ERROR_H_
