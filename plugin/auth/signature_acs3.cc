#include "plugin/auth/signature_acs3.h"

#include <algorithm>
#include <array>

#include "absl/container/inlined_vector.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "plugin/auth/percent_coding.h"

namespace session_status::auth {
namespace {

constexpr absl::string_view kContentHash = "x-acs-content-sha256";
constexpr absl::string_view kRequired[] = {
    "host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", kContentHash,
};

bool MustBeSigned(const http::Request& request, absl::string_view name) {
  if (absl::StartsWithIgnoreCase(name, "x-acs-")) return true;
  return !request.body.empty() && http::SameHeaderName(name, "content-type");
}

void AppendCanonicalQuery(absl::Span<const Parameter> sorted, std::string* out) {
  bool first = true;
  for (const Parameter& parameter : sorted) {
    if (!first) out->push_back('&');
    first = false;
    if (!parameter.canonical.empty()) {
      out->append(parameter.canonical.data(), parameter.canonical.size());
      continue;
    }
    AppendPercentEncoded(parameter.name, out);
    out->push_back('=');
    AppendPercentEncoded(parameter.value, out);
  }
}

// Several headers of one name: their values sorted, joined by commas.
void AppendJoinedValues(const http::Request& request, absl::string_view name, std::string* out) {
  absl::InlinedVector<absl::string_view, 4> values;
  for (const http::Header& header : request.headers) {
    if (!http::SameHeaderName(header.name, name)) continue;
    values.push_back(absl::StripAsciiWhitespace(header.value));
  }
  std::sort(values.begin(), values.end());
  absl::StrAppend(out, absl::StrJoin(values, ","));
}

// "name:value\n".
void AppendCanonicalHeader(const http::Request& request, const Acs3Input::SignedName& name,
                           std::string* out) {
  const size_t begin = out->size();
  out->append(name.name.data(), name.name.size());
  for (size_t i = begin; i < out->size(); ++i) {
    (*out)[i] = absl::ascii_tolower(static_cast<unsigned char>((*out)[i]));
  }
  out->push_back(':');
  if (name.headers == 1) {
    const absl::string_view value = absl::StripAsciiWhitespace(name.header->value);
    out->append(value.data(), value.size());
  } else {
    AppendJoinedValues(request, name.name, out);
  }
  out->push_back('\n');
}

absl::string_view HeaderValue(const http::Request& request, absl::string_view name) {
  const http::Header* header = request.FindHeader(name);
  return header == nullptr ? absl::string_view() : absl::StripAsciiWhitespace(header->value);
}

}  // namespace

Acs3Input::Acs3Input(const http::Request& request, const Parameters& parameters,
                     const Acs3Authorization& authorization)
    : request_(request), parameters_(parameters), authorization_(authorization) {
  absl::string_view text = authorization_.signed_headers;
  while (readable_) {
    const size_t end = std::min(text.find(';'), text.size());
    readable_ = end != 0 && names_.size() < kSignedHeadersMax;
    if (!readable_) break;
    names_.push_back({text.substr(0, end)});
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
  for (const http::Header& header : request.headers) {
    for (SignedName& name : names_) {
      if (!http::SameHeaderName(name.name, header.name)) continue;
      if (name.headers++ == 0) name.header = &header;
    }
  }
}

const Acs3Input::SignedName* Acs3Input::FindName(absl::string_view name) const {
  for (const SignedName& candidate : names_) {
    if (http::SameHeaderName(candidate.name, name)) return &candidate;
  }
  return nullptr;
}

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
  const http::Request& request = input.request();
  if (!input.readable()) return "SignedHeaders cannot be read.";
  for (const absl::string_view name : kRequired) {
    if (input.FindName(name) == nullptr) {
      return absl::StrCat("The header ", name, " must be signed.");
    }
  }
  for (const Acs3Input::SignedName& name : input.names()) {
    if (name.headers == 0) return "A header named in SignedHeaders is missing.";
  }
  for (const http::Header& header : request.headers) {
    const bool host = http::SameHeaderName(header.name, "host");
    if (!host && !MustBeSigned(request, header.name)) continue;
    const Acs3Input::SignedName* name = input.FindName(header.name);
    if (name == nullptr) return "Every x-acs-* header and content-type must be signed.";
    // Two of one name would be signed joined but read singly.
    if (name->headers != 1) return "A signed header came more than once.";
  }
  return {};
}

bool Acs3StringToSign(const Acs3Input& input, std::string* canonical, std::string* string_to_sign) {
  const http::Request& request = input.request();
  canonical->clear();
  absl::StrAppend(canonical, request.method, "\n", request.path, "\n");
  AppendCanonicalQuery(input.parameters().sorted_query(), canonical);
  canonical->push_back('\n');
  for (const Acs3Input::SignedName& name : input.names()) {
    AppendCanonicalHeader(request, name, canonical);
  }
  absl::StrAppend(canonical, "\n", input.authorization().signed_headers, "\n",
                  HeaderValue(request, kContentHash));
  string_to_sign->clear();
  absl::StrAppend(string_to_sign, kAcs3Algorithm, "\n");
  return AppendSha256Hex(*canonical, string_to_sign);
}

SignatureVerdict VerifyAcs3Signature(const Acs3Input& input, absl::string_view string_to_sign,
                                     const KeyedMac& mac) {
  const absl::string_view body = input.request().body;
  MacBytes bytes;
  std::string body_hash;
  const bool computed =
      mac.Compute(string_to_sign, &bytes) && (body.empty() || AppendSha256Hex(body, &body_hash));
  if (!computed) return SignatureVerdict::kUnavailable;
  const bool signature_equal = EqualsLowerHex(
      input.authorization().signature, absl::MakeConstSpan(bytes).first(MacSize(mac.kind())));
  const bool body_equal =
      EqualInConstantTime(body.empty() ? kSha256HexOfNothing : absl::string_view(body_hash),
                          HeaderValue(input.request(), kContentHash));
  return signature_equal && body_equal ? SignatureVerdict::kValid : SignatureVerdict::kMismatch;
}

}  // namespace session_status::auth
