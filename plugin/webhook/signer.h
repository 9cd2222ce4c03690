// Signs what is posted, as standardwebhooks.com has it, so that receivers verify it with a stock
// library:
//
//   Webhook-Id: <unique per batch, the same in every attempt>
//   Webhook-Timestamp: <seconds since 1970 of the attempt>
//   Webhook-Signature: v1,<base64 of HMAC-SHA256 over id.timestamp.body>
//
// Threads: any; const after it was made.
// Errors:  Load says why a secret cannot be used, never what is in it.
#ifndef SESSION_STATUS_PLUGIN_WEBHOOK_SIGNER_H_
#define SESSION_STATUS_PLUGIN_WEBHOOK_SIGNER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/auth/keyed_mac.h"

namespace session_status::webhook {

inline constexpr size_t kSecretBytesMin = 24;  // as the specification asks
inline constexpr size_t kSecretBytesMax = 4096;

class Signer {
 public:
  // The file holds the secret alone: "whsec_" and base64, or any bytes. A line end behind it does
  // not count. Only its owner may have access (mode 0600).
  static absl::StatusOr<std::unique_ptr<Signer>> Load(const std::string& path);

  explicit Signer(absl::string_view key) : mac_(auth::MacKind::kHmacSha256, key) {}

  // The value of Webhook-Signature; empty when the crypto library fails.
  std::string Sign(absl::string_view id, int64_t timestamp, absl::string_view body) const;

 private:
  const auth::KeyedMac mac_;
};

}  // namespace session_status::webhook

#endif  // SESSION_STATUS_PLUGIN_WEBHOOK_SIGNER_H_
