#include "plugin/auth/signature_acs3.h"

#include <algorithm>
#include <array>

#include "absl/container/inlined_vector.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "plugin/auth/percent_coding.h"

namespace session_status::auth {
namespace {

constexpr absl::string_view kContentHash = "x-acs-content-sha256";
constexpr absl::string_view kRequired[] = {
    "host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", kContentHash,
};

using NameList = absl::InlinedVector<absl::string_view, kSignedHeadersMax>;

// False when there are too many or an empty one.
bool SplitSignedHeaders(absl::string_view text, NameList* names) {
  while (true) {
    const size_t end = std::min(text.find(';'), text.size());
    if (end == 0 || names->size() == kSignedHeadersMax) return false;
    names->push_back(text.substr(0, end));
    if (end == text.size()) return true;
    text.remove_prefix(end + 1);
  }
}

bool IsSigned(const NameList& names, absl::string_view name) {
  return std::any_of(names.begin(), names.end(), [name](absl::string_view signed_name) {
    return absl::EqualsIgnoreCase(signed_name, name);
  });
}

size_t CountHeaders(const http::Request& request, absl::string_view name) {
  return static_cast<size_t>(std::count_if(
      request.headers.begin(), request.headers.end(),
      [name](const http::Header& header) { return absl::EqualsIgnoreCase(header.name, name); }));
}

bool MustBeSigned(const http::Request& request, absl::string_view name) {
  if (absl::StartsWithIgnoreCase(name, "x-acs-")) return true;
  return !request.body.empty() && absl::EqualsIgnoreCase(name, "content-type");
}

void AppendCanonicalQuery(absl::Span<const Parameter> sorted, std::string* out) {
  bool first = true;
  for (const Parameter& parameter : sorted) {
    if (!first) out->push_back('&');
    first = false;
    AppendPercentEncoded(parameter.name, out);
    out->push_back('=');
    AppendPercentEncoded(parameter.value, out);
  }
}

// "name:value\n"; several headers of one name are joined in sorted order.
void AppendCanonicalHeader(const http::Request& request, absl::string_view name, std::string* out) {
  absl::InlinedVector<absl::string_view, 2> values;
  for (const http::Header& header : request.headers) {
    if (absl::EqualsIgnoreCase(header.name, name)) {
      values.push_back(absl::StripAsciiWhitespace(header.value));
    }
  }
  std::sort(values.begin(), values.end());
  for (const char c : name) out->push_back(absl::ascii_tolower(static_cast<unsigned char>(c)));
  out->push_back(':');
  for (size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out->push_back(',');
    out->append(values[i].data(), values[i].size());
  }
  out->push_back('\n');
}

absl::string_view HeaderValue(const http::Request& request, absl::string_view name) {
  const http::Header* header = request.FindHeader(name);
  return header == nullptr ? absl::string_view() : absl::StripAsciiWhitespace(header->value);
}

}  // namespace

bool ParseAcs3Authorization(absl::string_view header, Acs3Authorization* parts) {
  if (!absl::ConsumePrefix(&header, kAcs3Algorithm) || !absl::ConsumePrefix(&header, " ")) {
    return false;
  }
  struct Part {
    absl::string_view prefix;
    absl::string_view* value;
  };
  Acs3Authorization read;
  const std::array<Part, 3> known = {{{"Credential=", &read.access_key_id},
                                      {"SignedHeaders=", &read.signed_headers},
                                      {"Signature=", &read.signature}}};
  size_t count = 0;
  while (true) {
    const size_t end = std::min(header.find(','), header.size());
    absl::string_view text = absl::StripAsciiWhitespace(header.substr(0, end));
    const auto part = std::find_if(known.begin(), known.end(), [&text](const Part& candidate) {
      return absl::ConsumePrefix(&text, candidate.prefix);
    });
    if (part == known.end() || !part->value->empty() || text.empty()) return false;
    *part->value = text;
    ++count;
    if (end == header.size()) break;
    header.remove_prefix(end + 1);
  }
  if (count != known.size()) return false;
  *parts = read;
  return true;
}

std::string Acs3Incompleteness(const Acs3Input& input) {
  const http::Request& request = *input.request;
  NameList names;
  if (!SplitSignedHeaders(input.authorization.signed_headers, &names)) {
    return "SignedHeaders cannot be read.";
  }
  for (const absl::string_view name : kRequired) {
    if (!IsSigned(names, name)) return absl::StrCat("The header ", name, " must be signed.");
  }
  for (const absl::string_view name : names) {
    if (CountHeaders(request, name) == 0) return "A header named in SignedHeaders is missing.";
  }
  for (const http::Header& header : request.headers) {
    const bool host = absl::EqualsIgnoreCase(header.name, "host");
    if (!host && !MustBeSigned(request, header.name)) continue;
    if (!IsSigned(names, header.name))
      return "Every x-acs-* header and content-type must be signed.";
    // Two of one name would be signed joined but read singly.
    if (CountHeaders(request, header.name) != 1) return "A signed header came more than once.";
  }
  return {};
}

bool Acs3StringToSign(const Acs3Input& input, std::string* canonical, std::string* string_to_sign) {
  const http::Request& request = *input.request;
  canonical->clear();
  absl::StrAppend(canonical, request.method, "\n", request.path, "\n");
  AppendCanonicalQuery(input.parameters->sorted_query(), canonical);
  canonical->push_back('\n');
  NameList names;
  SplitSignedHeaders(input.authorization.signed_headers, &names);
  for (const absl::string_view name : names) AppendCanonicalHeader(request, name, canonical);
  absl::StrAppend(canonical, "\n", input.authorization.signed_headers, "\n",
                  HeaderValue(request, kContentHash));
  string_to_sign->clear();
  absl::StrAppend(string_to_sign, kAcs3Algorithm, "\n");
  return AppendSha256Hex(*canonical, string_to_sign);
}

SignatureVerdict VerifyAcs3Signature(const Acs3Input& input, absl::string_view string_to_sign,
                                     const KeyedMac& mac) {
  MacBytes bytes;
  std::string body_hash;
  if (!mac.Compute(string_to_sign, &bytes) || !AppendSha256Hex(input.request->body, &body_hash)) {
    return SignatureVerdict::kUnavailable;
  }
  const bool signature_equal = EqualsLowerHex(
      input.authorization.signature, absl::MakeConstSpan(bytes).first(MacSize(mac.kind())));
  const bool body_equal = EqualInConstantTime(body_hash, HeaderValue(*input.request, kContentHash));
  return signature_equal && body_equal ? SignatureVerdict::kValid : SignatureVerdict::kMismatch;
}

}  // namespace session_status::auth
