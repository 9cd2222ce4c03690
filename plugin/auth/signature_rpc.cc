#include "plugin/auth/signature_rpc.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "plugin/auth/percent_coding.h"

namespace session_status::auth {

namespace {

// Text that is encoded once → encoded twice: all that changes is the '%'.
void AppendEncodedAgain(absl::string_view once, std::string* out) {
  for (size_t run = 0;;) {
    const size_t percent = std::min(once.find('%', run), once.size());
    out->append(once.data() + run, percent - run);
    if (percent == once.size()) return;
    out->append("%25");
    run = percent + 1;
  }
}

void AppendPair(const Parameter& parameter, std::string* out) {
  if (parameter.canonical.empty()) {
    AppendTwicePercentEncoded(parameter.name, out);
    out->append("%3D");
    AppendTwicePercentEncoded(parameter.value, out);
    return;
  }
  const size_t plain_size = parameter.name.size() + 1 + parameter.value.size();
  if (parameter.canonical.size() == plain_size) {  // nothing in it is escaped
    out->append(parameter.name.data(), parameter.name.size());
    out->append("%3D");
    out->append(parameter.value.data(), parameter.value.size());
    return;
  }
  const size_t equals = parameter.canonical.find('=');
  AppendEncodedAgain(parameter.canonical.substr(0, equals), out);
  out->append("%3D");
  AppendEncodedAgain(parameter.canonical.substr(equals + 1), out);
}

}  // namespace

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
    AppendPair(parameter, out);
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
