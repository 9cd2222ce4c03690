// Temporary credentials that this server issues itself: a key id, a secret and a security token.
//
// Nothing is stored. The key id carries a tag, the secret is derived from the key id, and the token
// carries who, until when and with which session policy, all under the "sts" secret of the access
// file. Changing that secret ends all temporary credentials at once; removing a user ends the
// user's.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_PLUGIN_AUTH_STS_H_
#define SESSION_STATUS_PLUGIN_AUTH_STS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "plugin/auth/access_file.h"

namespace session_status::auth {

inline constexpr absl::Duration kSessionTtlMin = absl::Minutes(1);
inline constexpr absl::Duration kSessionTtlMax = absl::Hours(12);
inline constexpr size_t kSessionPolicyBytesMax = 2048;  // a token must fit into a query string

struct SessionCredentials {
  std::string access_key_id;  // begins with "STS."
  std::string access_key_secret;
  std::string security_token;  // base64
  absl::Time expires_at;
};

// `session_policy` is a policy document, or nullopt: not narrowed. Errors: no "sts" in the access
// file, unknown user, a ttl outside the limits, a policy that cannot be parsed; the empty text is
// one.
absl::StatusOr<SessionCredentials> IssueSession(const AccessFile& file,
                                                absl::string_view account_id,
                                                absl::string_view user_name, absl::Duration ttl,
                                                absl::optional<absl::string_view> session_policy,
                                                absl::Time now);

bool IsTemporaryKeyId(absl::string_view access_key_id);

// The secret of a temporary key, or nullopt when this server did not make that key id.
absl::optional<Secret> TemporaryKeySecret(const KeyedMac& sts_mac, absl::string_view access_key_id);

enum class TokenVerdict {
  kValid,
  kMalformed,  // not a token of this server
  kMismatch,   // a token of another key
  kExpired,
  kNoAccount,  // well-formed, but its account or user is gone
};

struct Session {
  const User* user = nullptr;
  std::shared_ptr<const Policy> policy;  // nullptr: not narrowed
};

// `*session` is filled after kValid.
TokenVerdict VerifyToken(const AccessFile& file, absl::string_view token,
                         absl::string_view access_key_id, absl::Time now, Session* session);

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_STS_H_
