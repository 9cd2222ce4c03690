// Certificates made on the spot: a CA and what it signs, as PEM files.
#ifndef SESSION_STATUS_TESTS_TRANSPORT_TEST_CERTIFICATES_H_
#define SESSION_STATUS_TESTS_TRANSPORT_TEST_CERTIFICATES_H_

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

namespace session_status::transport {

class TestCertificates {
 public:
  // Writes ca.pem, and NAME.pem with NAME.key for each certificate made, into `directory`.
  explicit TestCertificates(std::string directory);

  // Writes ca_file() anew, the same CA good for so many seconds.
  void RenewCa(long good_for_s);
  // Good for so many seconds from now; negative: until so many ago. The common name is `name`, a
  // DNS name NAME.example.com. `pass_phrase`: the key file cannot be read without.
  void Make(const std::string& name, long good_for_s = 3600, const std::string& pass_phrase = "");
  // Writes crl_file(): the CA's list of revoked certificates, good for so many seconds, with those
  // of `names` in it.
  void WriteRevocations(const std::vector<std::string>& names, long good_for_s = 3600);
  std::string certificate_file(const std::string& name) const {
    return directory_ + "/" + name + ".pem";
  }
  std::string key_file(const std::string& name) const { return directory_ + "/" + name + ".key"; }
  std::string ca_file() const { return directory_ + "/ca.pem"; }
  std::string crl_file() const { return directory_ + "/crl.pem"; }

  // A client that trusts the CA; with `name`, it presents that certificate.
  std::shared_ptr<SSL_CTX> ClientContext(const std::string& name = "") const;

 private:
  const std::string directory_;
  std::shared_ptr<EVP_PKEY> ca_key_;
  std::shared_ptr<X509> ca_;
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_TESTS_TRANSPORT_TEST_CERTIFICATES_H_
