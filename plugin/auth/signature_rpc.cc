#include "plugin/auth/signature_rpc.h"

#include "absl/strings/str_cat.h"
#include "plugin/auth/percent_coding.h"

namespace session_status::auth {

std::string RpcMacKey(absl::string_view secret) { return absl::StrCat(secret, "&"); }

void RpcStringToSign(absl::string_view method, absl::Span<const Parameter> sorted,
                     std::string* out) {
  out->clear();
  out->append(method.data(), method.size());
  out->append("&%2F&");
  bool first = true;
  for (const Parameter& parameter : sorted) {
    if (parameter.name == kRpcSignatureParameter) continue;
    if (!first) out->append("%26");
    first = false;
    AppendTwicePercentEncoded(parameter.name, out);
    out->append("%3D");
    AppendTwicePercentEncoded(parameter.value, out);
  }
}

SignatureVerdict VerifyRpcSignature(absl::string_view string_to_sign, absl::string_view signature,
                                    const KeyedMac& mac) {
  MacBytes bytes;
  if (!mac.Compute(string_to_sign, &bytes)) return SignatureVerdict::kUnavailable;
  return EqualsBase64(signature, absl::MakeConstSpan(bytes).first(MacSize(mac.kind())))
             ? SignatureVerdict::kValid
             : SignatureVerdict::kMismatch;
}

}  // namespace session_status::auth
