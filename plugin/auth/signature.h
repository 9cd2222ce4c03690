// What both signing schemes share: the verdict, the time window and the form of a timestamp.
#ifndef SESSION_STATUS_PLUGIN_AUTH_SIGNATURE_H_
#define SESSION_STATUS_PLUGIN_AUTH_SIGNATURE_H_

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace session_status::auth {

enum class SignatureVerdict {
  kValid,
  kMismatch,      // the signature is not the one this server computes
  kBodyMismatch,  // it is, but of another body than the one that came (V3 only)
  kIncomplete,    // something that must be signed is not (V3 only)
  kUnavailable,   // the crypto library failed; nothing is known about the request
};

// A signed request is good this long before and after its timestamp (documented: 15 minutes).
inline constexpr absl::Duration kSignatureWindow = absl::Minutes(15);

enum class TimestampVerdict { kValid, kMalformed, kExpired };

// Reads "YYYY-MM-DDThh:mm:ssZ" and compares it with `now`. `*time` is set unless malformed.
TimestampVerdict CheckTimestamp(absl::string_view text, absl::Time now, absl::Time* time);

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_SIGNATURE_H_
