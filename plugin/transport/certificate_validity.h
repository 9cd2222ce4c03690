// When the certificate that a PEM file begins with is good. OpenSSL serves one that is not without a
// word; it is the clients who refuse it.
//
// Threads: any.
// Errors:  NotFound when the file cannot be read, InvalidArgument when it begins with no certificate.
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

absl::StatusOr<Validity> ReadValidity(const std::string& certificate_file);

// "/x.pem: the certificate has expired on …"; empty: it is good, or nobody can tell.
std::string ComplaintAbout(const std::string& certificate_file, absl::Time now);

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_CERTIFICATE_VALIDITY_H_
