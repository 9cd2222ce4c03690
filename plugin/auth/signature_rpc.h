// RPC signatures, "V1": HMAC-SHA1 over the sorted parameters (SignatureVersion 1.0).
//
// The signed text is built from the decoded parameters, never from the raw query: every SDK encodes
// differently on the wire and alike in the signature.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_PLUGIN_AUTH_SIGNATURE_RPC_H_
#define SESSION_STATUS_PLUGIN_AUTH_SIGNATURE_RPC_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/auth/keyed_mac.h"
#include "plugin/auth/parameters.h"
#include "plugin/auth/signature.h"

namespace session_status::auth {

inline constexpr absl::string_view kRpcSignatureParameter = "Signature";

// The MAC key of a secret: the secret and one '&'.
std::string RpcMacKey(absl::string_view secret);

// Replaces `*out` by the string to sign. `sorted` may contain the Signature; it takes no part.
void RpcStringToSign(absl::string_view method, absl::Span<const Parameter> sorted,
                     std::string* out);

// Compares the base64 text itself, so that a second spelling of the same bytes is no signature.
// REQUIRES: mac.kind() is kHmacSha1, keyed with RpcMacKey().
SignatureVerdict VerifyRpcSignature(absl::string_view string_to_sign, absl::string_view signature,
                                    const KeyedMac& mac);

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_SIGNATURE_RPC_H_
