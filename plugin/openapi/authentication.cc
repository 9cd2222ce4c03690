#include "plugin/openapi/authentication.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugin/auth/signature.h"
#include "plugin/auth/signature_rpc.h"

namespace session_status::openapi {
namespace {

constexpr absl::string_view kServerString = "server string to sign is:";

Scheme DetectScheme(const Call& call) {
  const absl::string_view authorization = call.HeaderText(KnownHeader::kAuthorization);
  const absl::string_view word = authorization.substr(0, authorization.find_first_of(" \t"));
  if (word == auth::kAcs3Algorithm) return Scheme::kAcs3;
  if (absl::StartsWith(word, "ACS")) return Scheme::kUnknownAcs;
  if (!call.HeaderText(KnownHeader::kBearerToken).empty() ||
      !call.ParameterText(Known::kBearerToken).empty() ||
      absl::EqualsIgnoreCase(call.ParameterText(Known::kSignatureType), "BEARERTOKEN")) {
    return Scheme::kBearer;
  }
  return call.Parameter(Known::kSignature) != nullptr ? Scheme::kRpc : Scheme::kAnonymous;
}

Check Missing(Known name) { return ApiError(ErrorCode::kMissingParameter, NameOf(name)); }

// An absent and an empty common parameter are the same: neither says anything.
struct Common {
  Known parameter;     // as errors and V1 spell it
  KnownHeader header;  // where V3 has it
  absl::string_view Call::*field;
};

constexpr Common kCommon[] = {
    {Known::kAction, KnownHeader::kAction, &Call::action},
    {Known::kVersion, KnownHeader::kVersion, &Call::version},
    {Known::kTimestamp, KnownHeader::kDate, &Call::timestamp_text},
    {Known::kSignatureNonce, KnownHeader::kSignatureNonce, &Call::nonce},
};

Check ReadRpc(Call* call) {
  call->access_key_id = call->ParameterText(Known::kAccessKeyId);
  if (call->access_key_id.empty()) return Missing(Known::kAccessKeyId);
  for (const Common& common : kCommon) {
    call->*common.field = call->ParameterText(common.parameter);
    if ((call->*common.field).empty()) return Missing(common.parameter);
  }
  call->signature = call->ParameterText(Known::kSignature);
  if (call->signature.empty()) return Missing(Known::kSignature);
  const absl::string_view method = call->ParameterText(Known::kSignatureMethod);
  if (method.empty()) return Missing(Known::kSignatureMethod);
  if (!absl::EqualsIgnoreCase(method, "HMAC-SHA1")) {
    return ApiError(ErrorCode::kInvalidSignatureMethod);
  }
  const absl::string_view version = call->ParameterText(Known::kSignatureVersion);
  if (version.empty()) return Missing(Known::kSignatureVersion);
  if (version != "1.0") return ApiError(ErrorCode::kInvalidValue, "SignatureVersion");
  call->security_token = call->ParameterText(Known::kSecurityToken);
  return absl::nullopt;
}

// An error whose message ends with the server's string to sign. SDKs take all behind the message's
// first colon for that string and compare it with their own, so `sentence` (with a space behind it,
// or empty) comes before it and has no colon.
ApiError WithStringToSign(ErrorCode code, absl::string_view sentence, absl::string_view text) {
  // Whole for every call of an SDK: ten identifiers of 64 characters beyond ASCII, with a long
  // security token, make 14 KiB. A caller who is not known yet is not sent a megabyte of his own.
  constexpr size_t kShownBytesMax = size_t{16} << 10;
  const std::string cut =
      text.size() <= kShownBytesMax
          ? ""
          : absl::StrCat("Of its ", text.size(), " bytes the first ", kShownBytesMax, " follow. ");
  ApiError error(code);
  error.detail = absl::StrCat(" ", sentence, cut, kServerString, text.substr(0, kShownBytesMax));
  return error;
}

ApiError Incomplete(absl::string_view reason, absl::string_view string_to_sign) {
  return WithStringToSign(ErrorCode::kIncompleteSignature, absl::StrCat(reason, " "),
                          string_to_sign);
}

Check ReadAcs3(Call* call) {
  constexpr KnownHeader kHeader = KnownHeader::kAuthorization;
  if (call->work.headers.Count(kHeader) != 1 ||
      !auth::ParseAcs3Authorization(call->HeaderText(kHeader), &call->authorization)) {
    return Incomplete("The Authorization header is not well formed.", "");
  }
  call->access_key_id = call->authorization.access_key_id;
  call->signature = call->authorization.signature;
  for (const Common& common : kCommon) {
    call->*common.field = call->HeaderText(common.header);
    if ((call->*common.field).empty()) return Missing(common.parameter);
  }
  call->security_token = call->HeaderText(KnownHeader::kSecurityToken);
  return absl::nullopt;
}

// Unsigned calls name operation and version in whichever way they like; parameters win.
Check ReadUnsigned(Call* call) {
  for (const Common& common : kCommon) {
    call->*common.field = call->ParameterText(common.parameter);
    if ((call->*common.field).empty()) call->*common.field = call->HeaderText(common.header);
  }
  if (call->action.empty()) return Missing(Known::kAction);
  if (call->version.empty()) return Missing(Known::kVersion);
  return absl::nullopt;
}

Check Verdict(auth::SignatureVerdict verdict, const Call& call) {
  switch (verdict) {
    case auth::SignatureVerdict::kValid:
      return absl::nullopt;
    case auth::SignatureVerdict::kUnavailable:
      return ApiError(ErrorCode::kInternalError);
    case auth::SignatureVerdict::kBodyMismatch:
      return WithStringToSign(ErrorCode::kSignatureDoesNotMatch,
                              "The signature is right, but x-acs-content-sha256 is not the hash of "
                              "the body that arrived. ",
                              call.work.string_to_sign);
    default:
      return WithStringToSign(ErrorCode::kSignatureDoesNotMatch, "", call.work.string_to_sign);
  }
}

Check VerifyRpc(Call* call) {
  std::string& text = call->work.string_to_sign;
  auth::RpcStringToSign(call->request.method, call->work.parameters.sorted(), &text);
  if (call->key != nullptr) {
    return Verdict(auth::VerifyRpcSignature(text, call->signature, call->key->rpc_mac()), *call);
  }
  const auth::Secret key(auth::RpcMacKey(call->temporary_secret->reveal()));
  const auth::KeyedMac mac(auth::MacKind::kHmacSha1, key.reveal());
  return Verdict(auth::VerifyRpcSignature(text, call->signature, mac), *call);
}

Check VerifyAcs3(Call* call) {
  const auth::Acs3Input input(call->request, call->work.parameters, call->authorization);
  std::string& text = call->work.string_to_sign;
  if (!auth::Acs3StringToSign(input, &call->work.sha256, &call->work.canonical, &text)) {
    return ApiError(ErrorCode::kInternalError);
  }
  const std::string incompleteness = auth::Acs3Incompleteness(input);
  if (!incompleteness.empty()) return Incomplete(incompleteness, text);
  if (call->key != nullptr) {
    return Verdict(
        auth::VerifyAcs3Signature(input, text, call->key->acs3_mac(), &call->work.sha256), *call);
  }
  const auth::KeyedMac mac(auth::MacKind::kHmacSha256, call->temporary_secret->reveal());
  return Verdict(auth::VerifyAcs3Signature(input, text, mac, &call->work.sha256), *call);
}

Check NonceCheck(auth::ReplayGuard::Outcome outcome) {
  switch (outcome) {
    case auth::ReplayGuard::Outcome::kFresh:
      return absl::nullopt;
    case auth::ReplayGuard::Outcome::kUsed:
      return ApiError(ErrorCode::kNonceUsed);
    case auth::ReplayGuard::Outcome::kFull: {
      ApiError error(ErrorCode::kThrottlingApi);
      error.retry_after = absl::Seconds(1);  // entries leave by the second
      return error;
    }
    case auth::ReplayGuard::Outcome::kUnavailable:
      break;
  }
  return ApiError(ErrorCode::kInternalError);
}

}  // namespace

Check ReadScheme(Call* call) {
  call->scheme = DetectScheme(*call);
  if (call->unsigned_allowed) return ReadUnsigned(call);
  switch (call->scheme) {
    case Scheme::kRpc:
      return ReadRpc(call);
    case Scheme::kAcs3:
      return ReadAcs3(call);
    case Scheme::kUnknownAcs:
    case Scheme::kBearer:
      return ApiError(ErrorCode::kInvalidSignatureMethod);
    case Scheme::kAnonymous:
      break;
  }
  return Missing(call->ParameterText(Known::kAccessKeyId).empty() ? Known::kAccessKeyId
                                                                  : Known::kSignature);
}

Check FindOperationOf(Call* call) {
  call->operation = FindOperation(call->action);
  if (call->operation == nullptr) {
    return ApiError(IsOtherProductOperation(call->action) ? ErrorCode::kApiNotSupport
                                                          : ErrorCode::kApiNotFound);
  }
  if (!IsKnownVersion(call->version)) return ApiError(ErrorCode::kInvalidVersion);
  return absl::nullopt;
}

Check FindKey(Call* call) {
  call->key = call->access->FindKey(call->access_key_id);
  if (call->key != nullptr) {
    if (!call->key->active()) return ApiError(ErrorCode::kAccessKeyInactive);
    return absl::nullopt;
  }
  if (call->access->sts_mac() != nullptr && auth::IsTemporaryKeyId(call->access_key_id)) {
    call->temporary_secret =
        auth::TemporaryKeySecret(*call->access->sts_mac(), call->access_key_id);
    if (call->temporary_secret.has_value()) return absl::nullopt;
  }
  return ApiError(ErrorCode::kAccessKeyNotFound);
}

Check CheckTimestampOf(Call* call) {
  switch (auth::CheckTimestamp(call->timestamp_text, call->request.now, &call->timestamp)) {
    case auth::TimestampVerdict::kValid:
      return absl::nullopt;
    case auth::TimestampVerdict::kMalformed:
      return ApiError(ErrorCode::kTimestampFormat);
    case auth::TimestampVerdict::kExpired:
      break;
  }
  ApiError error(ErrorCode::kTimestampExpired);
  error.detail = absl::StrCat(
      " The server's time is ",
      absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ", call->request.now, absl::UTCTimeZone()), ".");
  return error;
}

Check VerifySignature(const auth::ReplayGuard& guard, Call* call) {
  call->nonce_hash = guard.HashOf(call->access_key_id, call->nonce);
  guard.Prefetch(call->nonce_hash);
  return call->scheme == Scheme::kRpc ? VerifyRpc(call) : VerifyAcs3(call);
}

Check LookForNonce(const auth::ReplayGuard& guard, Call* call) {
  return NonceCheck(guard.Look(call->nonce_hash, call->request.now));
}

Check RememberNonce(auth::ReplayGuard* guard, Call* call) {
  return NonceCheck(guard->Remember(call->nonce_hash, call->timestamp + auth::kSignatureWindow,
                                    call->request.now));
}

Check VerifyTokenOf(Call* call) {
  if (call->key != nullptr) {
    // An ordinary key with a token of somebody's is a mistake worth telling.
    if (!call->security_token.empty()) return ApiError(ErrorCode::kTokenMismatch);
    call->session.user = &call->key->user();
    return absl::nullopt;
  }
  if (call->security_token.empty()) return ApiError(ErrorCode::kMissingSecurityToken);
  switch (auth::VerifyToken(*call->access, call->security_token, call->access_key_id,
                            call->request.now, &call->session)) {
    case auth::TokenVerdict::kValid:
      return absl::nullopt;
    case auth::TokenVerdict::kMalformed:
      return ApiError(ErrorCode::kTokenMalformed);
    case auth::TokenVerdict::kMismatch:
      return ApiError(ErrorCode::kTokenMismatch);
    case auth::TokenVerdict::kExpired:
      return ApiError(ErrorCode::kTokenExpired);
    case auth::TokenVerdict::kNoAccount:
      break;
  }
  return ApiError(ErrorCode::kCheckAccountInfoFailed);
}

}  // namespace session_status::openapi
