#include "plugin/auth/signature_rpc.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "plugin/text/percent_coding.h"
#include "plugin/text/text_room.h"

namespace session_status::auth {

namespace {

// Text that is encoded once → encoded twice: all that changes is the '%'.
void AddEncodedAgain(absl::string_view once, text::TextRoom* out) {
  for (size_t run = 0;;) {
    const size_t percent = std::min(once.find('%', run), once.size());
    out->Add(absl::string_view(once.data() + run, percent - run));
    if (percent == once.size()) return;
    out->Add("%25");
    run = percent + 1;
  }
}

// Nothing in it is escaped: signed as it is.
bool IsPlain(const Parameter& parameter) {
  return parameter.canonical.size() == parameter.name.size() + 1 + parameter.value.size();
}

void AddPair(const Parameter& parameter, text::TextRoom* out) {
  if (IsPlain(parameter)) {
    out->Add(parameter.name);
    out->Add("%3D");
    out->Add(parameter.value);
  } else if (!parameter.canonical.empty()) {
    const size_t equals = parameter.canonical.find('=');
    AddEncodedAgain(parameter.canonical.substr(0, equals), out);
    out->Add("%3D");
    AddEncodedAgain(parameter.canonical.substr(equals + 1), out);
  } else {
    text::AddTwicePercentEncoded(parameter.name, out);
    out->Add("%3D");
    text::AddTwicePercentEncoded(parameter.value, out);
  }
}

// As much as "%26name%3Dvalue" can become.
size_t BytesMax(const Parameter& parameter) {
  constexpr size_t kSigns = 6;
  const size_t text = parameter.name.size() + parameter.value.size();
  return kSigns + (IsPlain(parameter) ? text : text::kTwiceEscapedBytesMax * text);
}

}  // namespace

std::string RpcMacKey(absl::string_view secret) { return absl::StrCat(secret, "&"); }

void RpcStringToSign(absl::string_view method, absl::Span<const Parameter> sorted,
                     std::string* out) {
  constexpr absl::string_view kPath = "&%2F&";
  size_t bytes = method.size() + kPath.size();
  for (const Parameter& parameter : sorted) bytes += BytesMax(parameter);
  out->clear();
  text::TextRoom room(bytes, out);
  room.Add(method);
  room.Add(kPath);
  bool first = true;
  for (const Parameter& parameter : sorted) {
    if (parameter.name == kRpcSignatureParameter) continue;
    if (!first) room.Add("%26");
    first = false;
    AddPair(parameter, &room);
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
