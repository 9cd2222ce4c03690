#include "tests/transport/test_certificates.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <utility>

namespace session_status::transport {
namespace {

// What the macro EVP_EC_gen does, without its cast.
std::shared_ptr<EVP_PKEY> NewKey() {
  return {EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free};
}

void AddExtension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::shared_ptr<X509> NewCertificate(const std::string& name, EVP_PKEY* key, X509* issuer,
                                     EVP_PKEY* issuer_key, long good_for_s = 3600) {
  static long serial = 0;
  std::shared_ptr<X509> certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), good_for_s);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate.get(),
                       issuer == nullptr ? subject : X509_get_subject_name(issuer));
  X509_set_pubkey(certificate.get(), key);
  AddExtension(certificate.get(), NID_basic_constraints,
               issuer == nullptr ? "CA:TRUE" : "CA:FALSE");
  const std::string other_names = "IP:127.0.0.1,DNS:" + name + ".example.com";
  if (issuer != nullptr) AddExtension(certificate.get(), NID_subject_alt_name, other_names.c_str());
  EXPECT_NE(X509_sign(certificate.get(), issuer_key, EVP_sha256()), 0);
  return certificate;
}

template <typename Write>
void WriteFile(const std::string& path, Write write) {
  FILE* file = std::fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(write(file), 1);
  std::fclose(file);
}

}  // namespace

TestCertificates::TestCertificates(std::string directory)
    : directory_(std::move(directory)), ca_key_(NewKey()) {
  ca_ = NewCertificate("test CA", ca_key_.get(), nullptr, ca_key_.get());
  WriteFile(ca_file(), [this](FILE* file) { return PEM_write_X509(file, ca_.get()); });
}

void TestCertificates::RenewCa(long good_for_s) {
  ca_ = NewCertificate("test CA", ca_key_.get(), nullptr, ca_key_.get(), good_for_s);
  WriteFile(ca_file(), [this](FILE* file) { return PEM_write_X509(file, ca_.get()); });
}

void TestCertificates::Make(const std::string& name, long good_for_s,
                            const std::string& pass_phrase) {
  const std::shared_ptr<EVP_PKEY> key = NewKey();
  const std::shared_ptr<X509> certificate =
      NewCertificate(name, key.get(), ca_.get(), ca_key_.get(), good_for_s);
  WriteFile(certificate_file(name),
            [&](FILE* file) { return PEM_write_X509(file, certificate.get()); });
  WriteFile(key_file(name), [&](FILE* file) {
    const EVP_CIPHER* cipher = pass_phrase.empty() ? nullptr : EVP_aes_256_cbc();
    return PEM_write_PrivateKey(file, key.get(), cipher, nullptr, 0, nullptr,
                                const_cast<char*>(pass_phrase.c_str()));
  });
}

void TestCertificates::WriteRevocations(const std::vector<std::string>& names, long good_for_s) {
  const std::unique_ptr<X509_CRL, void (*)(X509_CRL*)> list(X509_CRL_new(), X509_CRL_free);
  const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> time(ASN1_TIME_new(), ASN1_TIME_free);
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(ca_.get()));
  X509_gmtime_adj(time.get(), -7200);
  X509_CRL_set1_lastUpdate(list.get(), time.get());
  for (const std::string& name : names) {
    FILE* const file = std::fopen(certificate_file(name).c_str(), "r");
    ASSERT_NE(file, nullptr);
    const std::unique_ptr<X509, void (*)(X509*)> certificate(
        PEM_read_X509(file, nullptr, nullptr, nullptr), X509_free);
    std::fclose(file);
    X509_REVOKED* const revoked = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(certificate.get()));
    X509_REVOKED_set_revocationDate(revoked, time.get());
    X509_CRL_add0_revoked(list.get(), revoked);
  }
  X509_gmtime_adj(time.get(), good_for_s);
  X509_CRL_set1_nextUpdate(list.get(), time.get());
  X509_CRL_sort(list.get());
  EXPECT_NE(X509_CRL_sign(list.get(), ca_key_.get(), EVP_sha256()), 0);
  WriteFile(crl_file(), [&](FILE* file) { return PEM_write_X509_CRL(file, list.get()); });
}

std::shared_ptr<SSL_CTX> TestCertificates::ClientContext(const std::string& name) const {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  EXPECT_EQ(SSL_CTX_load_verify_file(context.get(), ca_file().c_str()), 1);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (name.empty()) return context;
  EXPECT_EQ(
      SSL_CTX_use_certificate_file(context.get(), certificate_file(name).c_str(), SSL_FILETYPE_PEM),
      1);
  EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context.get(), key_file(name).c_str(), SSL_FILETYPE_PEM),
            1);
  return context;
}

}  // namespace session_status::transport
