// Header signatures, "V3": ACS3-HMAC-SHA256.
//
// Which headers are signed is data of the request, not a constant of ours; what must be among them
// is ours: everything that changes the meaning of the request.
//
// Threads: any; pure functions over a request.
#ifndef SESSION_STATUS_PLUGIN_AUTH_SIGNATURE_ACS3_H_
#define SESSION_STATUS_PLUGIN_AUTH_SIGNATURE_ACS3_H_

#include <string>

#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "plugin/auth/keyed_mac.h"
#include "plugin/auth/parameters.h"
#include "plugin/auth/signature.h"
#include "plugin/http/http_message.h"

namespace session_status::auth {

inline constexpr absl::string_view kAcs3Algorithm = "ACS3-HMAC-SHA256";

// The three parts of the Authorization header. Views into its text.
struct Acs3Authorization {
  absl::string_view access_key_id;
  absl::string_view signed_headers;  // "host;x-acs-action;…", as sent
  absl::string_view signature;
};

// False when the header is not "ACS3-HMAC-SHA256 Credential=…,SignedHeaders=…,Signature=…" with
// each part once and in any order.
bool ParseAcs3Authorization(absl::string_view header, Acs3Authorization* parts);

// More signed headers than this are refused: real requests have up to twelve.
inline constexpr size_t kSignedHeadersMax = 32;

// A request with its Authorization header taken apart: which header each signed name means is found
// once, here.
//
// Ownership: views; what is passed in lives at least as long.
class Acs3Input {
 public:
  Acs3Input(const http::Request& request, const Parameters& parameters,
            const Acs3Authorization& authorization);

  struct SignedName {
    absl::string_view name;
    const http::Header* header = nullptr;  // the first of that name; nullptr: none came
    int headers = 0;
  };
  using SignedNames = absl::InlinedVector<SignedName, 16>;

  const http::Request& request() const { return request_; }
  const Parameters& parameters() const { return parameters_; }
  const Acs3Authorization& authorization() const { return authorization_; }
  // False when the list has too many names or an empty one; names() then holds those before.
  bool readable() const { return readable_; }
  const SignedNames& names() const { return names_; }
  // Which name signs request().headers[i]; nullptr: none does.
  const SignedName* NameOf(size_t i) const { return name_of_[i]; }

 private:
  void ReadNames();
  void FindHeaders();

  const http::Request& request_;
  const Parameters& parameters_;
  const Acs3Authorization authorization_;
  SignedNames names_;
  absl::InlinedVector<const SignedName*, 24> name_of_;
  bool readable_ = true;
};

// Why a request cannot even be compared; empty when it can. Each required header must be there
// exactly once and signed: host, x-acs-action, x-acs-version, x-acs-date, x-acs-signature-nonce,
// x-acs-content-sha256, any other x-acs-* that came, and content-type when a body came.
std::string Acs3Incompleteness(const Acs3Input& input);

// Replaces `*canonical` by the canonical request and `*string_to_sign` by the two lines that are
// signed. False only when the crypto library fails.
bool Acs3StringToSign(const Acs3Input& input, Sha256* sha256, std::string* canonical,
                      std::string* string_to_sign);

// Checks the signature against the string to sign, then the body against x-acs-content-sha256: only
// who has the secret makes this server hash a body.
// REQUIRES: mac.kind() is kHmacSha256, keyed with the secret itself.
SignatureVerdict VerifyAcs3Signature(const Acs3Input& input, absl::string_view string_to_sign,
                                     const KeyedMac& mac, Sha256* sha256);

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_SIGNATURE_ACS3_H_
