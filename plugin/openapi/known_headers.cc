#include "plugin/openapi/known_headers.h"

#include <iterator>

namespace session_status::openapi {
namespace {

// In the order of the enumeration.
constexpr absl::string_view kNames[] = {
    "x-acs-action", "authorization",        "x-acs-bearer-token",    "content-type",  "x-acs-date",
    "x-sdk-client", "x-acs-security-token", "x-acs-signature-nonce", "x-acs-version",
};
static_assert(std::size(kNames) == static_cast<size_t>(KnownHeader::kCount));

}  // namespace

absl::string_view NameOf(KnownHeader header) { return kNames[static_cast<size_t>(header)]; }

void KnownHeaders::Read(absl::Span<const http::Header> headers) {
  Clear();
  for (const http::Header& header : headers) {
    for (size_t i = 0; i < std::size(kNames); ++i) {
      if (!http::SameHeaderName(header.name, kNames[i])) continue;
      if (found_[i].count++ == 0) found_[i].text = http::Trimmed(header.value);
      break;
    }
  }
}

}  // namespace session_status::openapi
