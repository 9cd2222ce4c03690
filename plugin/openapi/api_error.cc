#include "plugin/openapi/api_error.h"

#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace session_status::openapi {
namespace {

using E = ErrorCode;

constexpr ErrorRow kErrors[] = {
    {E::kCheckAccountInfoFailed, 400, "CheckAccountInfoFailed",
     "An error occurred while checking the account information by the STS token."},
    {E::kInstancePermissionCheckFailed, 400, "InstancePermissionCheckFailed",
     "An error occurred while validating the permissions of the instance. Please verify the "
     "account that created the instance and its permissions settings."},
    {E::kParameterCheckFailed, 400, "ParameterCheckFailed",
     "An error occurred while validating the parameters. The parameters may be missing or "
     "invalid."},
    {E::kPermissionCheckFailed, 400, "PermissionCheckFailed",
     "An error occurred while validating the resource permissions. Please check the account that "
     "created the instance, topic, and GroupId, and check their permission settings."},
    {E::kInvalidParameter, 400, "InvalidParameter.%s",
     "An error occurred while validating the parameter. The parameter may be missing or invalid."},
    {E::kInternalError, 500, "InternalError",
     "An error occurred while processing your request. Try again later."},
    {E::kSystemOverFlow, 500, "SystemOverFlow",
     "An error occurred while processing your request. Please try again."},
    {E::kApiNotSupport, 404, "ApiNotSupport", "The specified API is not supported."},

    {E::kApiNotFound, 404, "InvalidApi.NotFound",
     "Specified api is not found, please check your url and method."},
    {E::kInvalidVersion, 400, "InvalidVersion", "Specified parameter Version is not valid."},
    {E::kMissingParameter, 400, "Missing%s", "%s is mandatory for this action."},
    {E::kInvalidValue, 400, "Invalid%s", "Specified parameter %s is not valid."},
    {E::kInvalidFormat, 400, "InvalidParameter.Format", "Specified parameter format is not valid."},
    {E::kUnsupportedMethod, 400, "UnsupportedHTTPMethod", "This http method is not supported."},
    {E::kAccessKeyNotFound, 404, "InvalidAccessKeyId.NotFound",
     "Specified access key is not found."},
    {E::kAccessKeyInactive, 400, "InvalidAccessKeyId.Inactive",
     "Specified access key is disabled."},
    {E::kTimestampFormat, 400, "InvalidTimeStamp.Format",
     "Specified time stamp or date value is not well formatted."},
    {E::kTimestampExpired, 400, "InvalidTimeStamp.Expired",
     "Specified time stamp or date value is expired."},
    {E::kNonceUsed, 400, "SignatureNonceUsed", "Specified signature nonce was used already."},
    {E::kInvalidSignatureMethod, 400, "InvalidSignatureMethod",
     "Specified signature method is not valid."},
    {E::kSignatureDoesNotMatch, 400, "SignatureDoesNotMatch",
     "Specified signature is not matched with our calculation."},
    {E::kIncompleteSignature, 400, "IncompleteSignature",
     "The request signature does not conform to the standards."},
    {E::kMissingSecurityToken, 400, "MissingSecurityToken",
     "SecurityToken is mandatory for this action."},
    {E::kTokenExpired, 400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."},
    {E::kTokenMalformed, 400, "InvalidSecurityToken.Malformed",
     "Specified SecurityToken is malformed."},
    {E::kTokenMismatch, 400, "InvalidSecurityToken.MismatchWithAccessKey",
     "Specified SecurityToken mismatch with the AccessKey."},
    {E::kNoPermission, 403, "NoPermission", "You are not authorized to do this action."},
    {E::kThrottlingUser, 400, "Throttling.User", "Request was denied due to user flow control."},
    {E::kThrottlingApi, 400, "Throttling.Api", "Request was denied due to api flow control."},
    {E::kThrottling, 400, "Throttling", "Request was denied due to request throttling."},
    {E::kServiceUnavailable, 503, "ServiceUnavailable",
     "The service cannot take requests now. Try again later."},
    {E::kNeedSsl, 404, "InvalidProtocol.NeedSsl", "This server answers over HTTPS only."},

    {E::kBadRequest, 400, "InvalidRequest", "The HTTP request is not valid."},
    {E::kRequestTimeout, 408, "RequestTimeout", "The request did not arrive in time."},
    {E::kRequestTooLarge, 413, "RequestEntityTooLarge", "The request body is too large."},
    {E::kUriTooLong, 414, "RequestURITooLong", "The request line is too long."},
    {E::kHeadersTooLarge, 431, "RequestHeaderFieldsTooLarge", "The request headers are too large."},
};

constexpr bool InEnumOrder() {
  for (size_t i = 0; i < std::size(kErrors); ++i) {
    if (static_cast<size_t>(kErrors[i].code) != i) return false;
  }
  return true;
}
static_assert(std::size(kErrors) == static_cast<size_t>(ErrorCode::kCount));
static_assert(InEnumOrder(), "row i must describe code i");

}  // namespace

absl::Span<const ErrorRow> ErrorTable() { return kErrors; }

const ErrorRow& RowOf(ErrorCode code) { return kErrors[static_cast<size_t>(code)]; }

std::string ApiError::Name() const {
  return absl::StrReplaceAll(RowOf(code).name, {{"%s", parameter}});
}

std::string ApiError::Message() const {
  return absl::StrCat(absl::StrReplaceAll(RowOf(code).message, {{"%s", parameter}}), detail);
}

int ApiError::HttpStatus() const {
  return http_status != 0 ? http_status : RowOf(code).http_status;
}

ErrorCode CodeForHttpStatus(int http_status) {
  switch (http_status) {
    case 403:
      return ErrorCode::kNoPermission;
    case 404:
      return ErrorCode::kApiNotFound;
    case 405:
      return ErrorCode::kUnsupportedMethod;
    case 408:
      return ErrorCode::kRequestTimeout;
    case 413:
      return ErrorCode::kRequestTooLarge;
    case 414:
      return ErrorCode::kUriTooLong;
    case 429:
      return ErrorCode::kThrottling;
    case 431:
      return ErrorCode::kHeadersTooLarge;
    case 503:
      return ErrorCode::kServiceUnavailable;
    case 501:  // a transfer coding: nothing to try again later
      return ErrorCode::kBadRequest;
    default:
      return http_status >= 500 ? ErrorCode::kInternalError : ErrorCode::kBadRequest;
  }
}

}  // namespace session_status::openapi
