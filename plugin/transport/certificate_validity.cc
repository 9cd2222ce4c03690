#include "plugin/transport/certificate_validity.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"

namespace session_status::transport {
namespace {

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm utc = {};
  if (ASN1_TIME_to_tm(time, &utc) != 1) return absl::InfiniteFuture();
  return absl::FromTM(utc, absl::UTCTimeZone());
}

std::string Text(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<Validity> ReadValidity(const std::string& certificate_file) {
  const std::unique_ptr<BIO, int (*)(BIO*)> file(BIO_new_file(certificate_file.c_str(), "r"),
                                                 BIO_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(
      file == nullptr ? nullptr : PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr),
      X509_free);
  ERR_clear_error();  // the queue belongs to the thread, others look into it
  if (file == nullptr) return absl::NotFoundError(certificate_file);
  if (certificate == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(certificate_file, ": no certificate"));
  }
  return Validity{TimeOf(X509_get0_notBefore(certificate.get())),
                  TimeOf(X509_get0_notAfter(certificate.get()))};
}

std::string ComplaintAbout(const std::string& certificate_file, absl::Time now) {
  const absl::StatusOr<Validity> validity = ReadValidity(certificate_file);
  if (!validity.ok()) return "";
  if (now > validity->ends) {
    return absl::StrCat(certificate_file, ": the certificate has expired on ", Text(validity->ends),
                        "; clients refuse it");
  }
  if (now < validity->begins) {
    return absl::StrCat(certificate_file, ": the certificate is not valid before ",
                        Text(validity->begins), "; clients refuse it");
  }
  return "";
}

}  // namespace session_status::transport
