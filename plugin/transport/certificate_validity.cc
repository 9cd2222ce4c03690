#include "plugin/transport/certificate_validity.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

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

// Up to the end of the file, or to what is no certificate, which OpenSSL refuses to load.
absl::optional<Validity> ReadCertificates(BIO* file) {
  absl::optional<Validity> all;
  for (;;) {
    const std::unique_ptr<X509, void (*)(X509*)> certificate(
        PEM_read_bio_X509(file, nullptr, nullptr, nullptr), X509_free);
    if (certificate == nullptr) return all;
    const Validity one = {TimeOf(X509_get0_notBefore(certificate.get())),
                          TimeOf(X509_get0_notAfter(certificate.get()))};
    all = all.has_value()
              ? Validity{std::max(all->begins, one.begins), std::min(all->ends, one.ends)}
              : one;
  }
}

absl::optional<Validity> ReadRevocationList(BIO* file) {
  const std::unique_ptr<X509_CRL, void (*)(X509_CRL*)> list(
      PEM_read_bio_X509_CRL(file, nullptr, nullptr, nullptr), X509_CRL_free);
  if (list == nullptr) return absl::nullopt;
  const ASN1_TIME* const next = X509_CRL_get0_nextUpdate(list.get());  // need not be there
  return Validity{TimeOf(X509_CRL_get0_lastUpdate(list.get())),
                  next == nullptr ? absl::InfiniteFuture() : TimeOf(next)};
}

// As in "a certificate in it has expired on DATE; clients refuse it".
struct Words {
  absl::string_view thing, ended, consequence;
};
Words WordsFor(PemContent content) {
  switch (content) {
    case PemContent::kChain:
      return {"a certificate in it", "has expired on", "clients refuse it"};
    case PemContent::kClientCa:
      return {"a CA certificate in it", "has expired on",
              "no client certificate of that CA is accepted"};
    case PemContent::kRevocationList:
      break;
  }
  return {"the list of revoked certificates", "has been out of date since",
          "no client certificate is accepted"};
}

std::string HasEnded(PemContent content, const std::string& path, absl::Time ends) {
  const Words words = WordsFor(content);
  return absl::StrCat(path, ": ", words.thing, " ", words.ended, " ", Text(ends), "; ",
                      words.consequence);
}

std::string Complaint(PemContent content, const std::string& path, const Validity& validity,
                      absl::Time now) {
  if (now > validity.ends) return HasEnded(content, path, validity.ends);
  if (now >= validity.begins) return "";
  const Words words = WordsFor(content);
  return absl::StrCat(path, ": ", words.thing, " is not valid before ", Text(validity.begins), "; ",
                      words.consequence);
}

}  // namespace

absl::StatusOr<Validity> ReadValidity(PemContent content, const std::string& path) {
  const std::unique_ptr<BIO, int (*)(BIO*)> file(BIO_new_file(path.c_str(), "r"), BIO_free);
  absl::optional<Validity> validity;
  if (file != nullptr) {
    validity = content == PemContent::kRevocationList ? ReadRevocationList(file.get())
                                                      : ReadCertificates(file.get());
  }
  ERR_clear_error();  // the queue belongs to the thread, others look into it
  if (file == nullptr) return absl::NotFoundError(path);
  if (validity.has_value()) return *validity;
  return absl::InvalidArgumentError(absl::StrCat(path, content == PemContent::kRevocationList
                                                           ? ": no list of revoked certificates"
                                                           : ": no certificate in it"));
}

std::string ComplaintAbout(PemContent content, const std::string& path, absl::Time now) {
  const absl::StatusOr<Validity> validity = ReadValidity(content, path);
  return validity.ok() ? Complaint(content, path, *validity, now) : "";
}

std::string ValidityWatch::Load(absl::Time now) {
  if (file_.empty()) return "";
  const absl::StatusOr<Validity> validity = ReadValidity(content_, file_);
  const int64_t ends_s = validity.ok() ? absl::ToUnixSeconds(validity->ends) : kNever;
  if (validity.ok() && now > validity->ends) told_s_.store(ends_s, std::memory_order_relaxed);
  ends_s_.store(ends_s, std::memory_order_relaxed);
  return validity.ok() ? Complaint(content_, file_, *validity, now) : "";
}

std::string ValidityWatch::TakeComplaint(absl::Time now) {
  const int64_t ends_s = ends_s_.load(std::memory_order_relaxed);
  if (absl::ToUnixSeconds(now) <= ends_s || told_s_.load(std::memory_order_relaxed) == ends_s) {
    return "";
  }
  told_s_.store(ends_s, std::memory_order_relaxed);
  return HasEnded(content_, file_, absl::FromUnixSeconds(ends_s));
}

absl::Time ValidityWatch::ends() const {
  const int64_t ends_s = ends_s_.load(std::memory_order_relaxed);
  return ends_s == kNever ? absl::InfiniteFuture() : absl::FromUnixSeconds(ends_s);
}

}  // namespace session_status::transport
