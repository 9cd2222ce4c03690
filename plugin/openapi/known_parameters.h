// The parameters that the documented API knows by name, found in one pass over what came.
//
// Threads:   one at a time; reused from call to call.
// Ownership: views into the list that was read.
#ifndef SESSION_STATUS_PLUGIN_OPENAPI_KNOWN_PARAMETERS_H_
#define SESSION_STATUS_PLUGIN_OPENAPI_KNOWN_PARAMETERS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/auth/parameters.h"

namespace session_status::openapi {

enum class Known : uint8_t {
  kAccessKeyId,
  kAction,
  kBearerToken,
  kClientId,
  kFormat,
  kInstanceId,
  kSecurityToken,
  kSignature,
  kSignatureMethod,
  kSignatureNonce,
  kSignatureType,
  kSignatureVersion,
  kTimestamp,
  kVersion,
  kCount,
};

// As it is spelt on the wire.
absl::string_view NameOf(Known parameter);

class KnownParameters {
 public:
  void Clear() { values_.fill(nullptr); }
  void Read(absl::Span<const auth::Parameter> parameters);

  // nullptr when it did not come. An empty value is a value.
  const absl::string_view* Find(Known parameter) const {
    return values_[static_cast<size_t>(parameter)];
  }

 private:
  std::array<const absl::string_view*, static_cast<size_t>(Known::kCount)> values_{};
};

}  // namespace session_status::openapi

#endif  // SESSION_STATUS_PLUGIN_OPENAPI_KNOWN_PARAMETERS_H_
