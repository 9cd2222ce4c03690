// When the certificate that a PEM file begins with is good, or the list of revoked ones. OpenSSL takes
// one that is not without a word; who is refused then are the clients.
//
// Threads: any.
// Errors:  NotFound when the file cannot be read, InvalidArgument when it begins with something else.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_CERTIFICATE_VALIDITY_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_CERTIFICATE_VALIDITY_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace session_status::transport {

struct Validity {
  absl::Time begins;
  absl::Time ends;
};

enum class PemContent { kCertificate, kRevocationList };

absl::StatusOr<Validity> ReadValidity(PemContent content, const std::string& file);

// "/x.pem: the certificate has expired on …"; empty: it is good, or nobody can tell.
std::string ComplaintAbout(PemContent content, const std::string& file, absl::Time now);

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_CERTIFICATE_VALIDITY_H_
