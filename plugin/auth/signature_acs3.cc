#include "plugin/auth/signature_acs3.h"

#include <algorithm>
#include <array>

#include "absl/container/inlined_vector.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "plugin/http/bytes16.h"
#include "plugin/text/percent_coding.h"
#include "plugin/text/text_room.h"

namespace session_status::auth {
namespace {

constexpr absl::string_view kContentHash = "x-acs-content-sha256";
constexpr absl::string_view kRequired[] = {
    "host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", kContentHash,
};

bool MustBeSigned(const http::Request& request, absl::string_view name) {
  constexpr absl::string_view kPrefix = "x-acs-";
  if (http::SameHeaderName(name.substr(0, kPrefix.size()), kPrefix)) return true;
  if (http::SameHeaderName(name, "host")) return true;
  return !request.body.empty() && http::SameHeaderName(name, "content-type");
}

void AddCanonicalQuery(absl::Span<const Parameter> sorted, text::TextRoom* out) {
  for (size_t i = 0; i < sorted.size();) {
    if (i != 0) out->Add('&');
    absl::string_view run = sorted[i].canonical;
    if (run.empty()) {
      text::AddPercentEncoded(sorted[i].name, out);
      out->Add('=');
      text::AddPercentEncoded(sorted[i].value, out);
      ++i;
      continue;
    }
    // Pairs that came one behind the other are taken together, with the signs between them.
    while (++i < sorted.size() && sorted[i].canonical.data() == run.data() + run.size() + 1) {
      run = absl::string_view(run.data(), run.size() + 1 + sorted[i].canonical.size());
    }
    out->Add(run);
  }
}

// Several headers of one name: their values sorted, joined by commas.
std::string JoinedValues(const http::Request& request, absl::string_view name) {
  absl::InlinedVector<absl::string_view, 4> values;
  for (const http::Header& header : request.headers) {
    if (http::SameHeaderName(header.name, name)) values.push_back(http::Trimmed(header.value));
  }
  std::sort(values.begin(), values.end());
  return absl::StrJoin(values, ",");
}

// "name:value\n" of each.
void AddCanonicalHeaders(const Acs3Input& input, text::TextRoom* out) {
  const bool upper_case =
      http::AnyByteOf(input.authorization().signed_headers,
                      [](http::Bytes16 c) -> http::Bytes16 { return c - 'A' < 26; });
  for (const Acs3Input::SignedName& name : input.names()) {
    if (upper_case) {
      out->Add(absl::AsciiStrToLower(name.name));
    } else {
      out->Add(name.name);
    }
    out->Add(':');
    if (name.headers == 1) {
      out->Add(http::Trimmed(name.header->value));
    } else {
      out->Add(JoinedValues(input.request(), name.name));
    }
    out->Add('\n');
  }
}

absl::string_view ContentHash(const http::Request& request) {
  const http::Header* header = request.FindHeader(kContentHash);
  return header == nullptr ? absl::string_view() : http::Trimmed(header->value);
}

// More or less how long the canonical request is.
size_t BytesExpected(const Acs3Input& input) {
  size_t bytes = 256 + input.request().query.size() + input.authorization().signed_headers.size();
  for (const Acs3Input::SignedName& name : input.names()) {
    bytes += name.name.size() + (name.headers == 0 ? 0 : name.header->value.size());
  }
  return bytes;
}

}  // namespace

Acs3Input::Acs3Input(const http::Request& request, const Parameters& parameters,
                     const Acs3Authorization& authorization)
    : request_(request), parameters_(parameters), authorization_(authorization) {
  ReadNames();
  FindHeaders();
}

void Acs3Input::ReadNames() {
  absl::string_view text = authorization_.signed_headers;
  while (readable_) {
    const size_t end = std::min(text.find(';'), text.size());
    readable_ = end != 0 && names_.size() < kSignedHeadersMax;
    if (!readable_) break;
    names_.push_back({text.substr(0, end)});
    if (end == text.size()) break;
    text.remove_prefix(end + 1);
  }
}

void Acs3Input::FindHeaders() {
  name_of_.resize(request_.headers.size());
  size_t guess = 0;  // headers often come in the order in which they are signed
  for (size_t i = 0; i < name_of_.size(); ++i) {
    const http::Header& header = request_.headers[i];
    for (size_t tried = 0; tried < names_.size(); ++tried) {
      if (guess >= names_.size()) guess = 0;
      SignedName& name = names_[guess++];
      if (!http::SameHeaderName(name.name, header.name)) continue;
      if (name.headers++ == 0) name.header = &header;
      name_of_[i] = &name;
      break;
    }
  }
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
    absl::string_view text = http::Trimmed(header.substr(0, end));
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
  const auto& names = input.names();
  for (const absl::string_view required : kRequired) {
    const bool named = std::any_of(names.begin(), names.end(), [required](const auto& name) {
      return http::SameHeaderName(name.name, required);
    });
    if (!named) return absl::StrCat("The header ", required, " must be signed.");
  }
  for (const Acs3Input::SignedName& name : names) {
    if (name.headers == 0) return "A header named in SignedHeaders is missing, or named twice.";
  }
  for (size_t i = 0; i < request.headers.size(); ++i) {
    if (!MustBeSigned(request, request.headers[i].name)) continue;
    const Acs3Input::SignedName* name = input.NameOf(i);
    if (name == nullptr) return "Every x-acs-* header and content-type must be signed.";
    // Two of one name would be signed joined but read singly.
    if (name->headers != 1) return "A signed header came more than once.";
  }
  return {};
}

bool Acs3StringToSign(const Acs3Input& input, Sha256* sha256, std::string* canonical,
                      std::string* string_to_sign) {
  const http::Request& request = input.request();
  canonical->clear();
  {
    text::TextRoom room(BytesExpected(input), canonical);
    room.Add(request.method);
    room.Add('\n');
    room.Add(request.path);
    room.Add('\n');
    AddCanonicalQuery(input.parameters().sorted_query(), &room);
    room.Add('\n');
    AddCanonicalHeaders(input, &room);
    room.Add('\n');
    room.Add(input.authorization().signed_headers);
    room.Add('\n');
    room.Add(ContentHash(request));
  }
  string_to_sign->assign(kAcs3Algorithm.data(), kAcs3Algorithm.size());
  string_to_sign->push_back('\n');
  return sha256->AppendHex(*canonical, string_to_sign);
}

SignatureVerdict VerifyAcs3Signature(const Acs3Input& input, absl::string_view string_to_sign,
                                     const KeyedMac& mac, Sha256* sha256) {
  MacBytes bytes;
  if (!mac.Compute(string_to_sign, &bytes)) return SignatureVerdict::kUnavailable;
  if (!EqualsLowerHex(input.authorization().signature,
                      absl::MakeConstSpan(bytes).first(MacSize(mac.kind())))) {
    return SignatureVerdict::kMismatch;
  }
  const absl::string_view body = input.request().body;
  if (body.empty()) {
    return ContentHash(input.request()) == kSha256HexOfNothing ? SignatureVerdict::kValid
                                                               : SignatureVerdict::kBodyMismatch;
  }
  std::string body_hash;
  if (!sha256->AppendHex(body, &body_hash)) return SignatureVerdict::kUnavailable;
  // No secret takes part in this one: whoever sent the body can compute it.
  return ContentHash(input.request()) == body_hash ? SignatureVerdict::kValid
                                                   : SignatureVerdict::kBodyMismatch;
}

}  // namespace session_status::auth
