// The headers that the documented API knows by name, found in one pass over what came.
//
// Threads:   one at a time; reused from call to call.
// Ownership: views into the headers that were read.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_KNOWN_HEADERS_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_KNOWN_HEADERS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/http/http_message.h"

namespace session_status::openapi {

enum class KnownHeader : uint8_t {
  kAction,
  kAuthorization,
  kBearerToken,
  kContentType,
  kDate,
  kSdkClient,
  kSecurityToken,
  kSignatureNonce,
  kVersion,
  kCount,
};

// In lower case.
absl::string_view NameOf(KnownHeader header);

class KnownHeaders {
 public:
  void Clear() { found_.fill({}); }
  void Read(absl::Span<const http::Header> headers);

  int Count(KnownHeader header) const { return At(header).count; }
  // The first one's value without white space around it; empty when none came.
  absl::string_view Text(KnownHeader header) const { return At(header).text; }

 private:
  struct Found {
    absl::string_view text;
    int count = 0;
  };
  const Found& At(KnownHeader header) const { return found_[static_cast<size_t>(header)]; }

  std::array<Found, static_cast<size_t>(KnownHeader::kCount)> found_{};
};

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_KNOWN_HEADERS_H_
