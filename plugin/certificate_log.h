// Lines in the broker's log about the listener's certificates, its clients' CA and its list of
// revoked ones: that one is not good when it is loaded, and, once, that it has ended since.
//
// Threads: Load: any, one at a time. OnTick: one. The rest: any. Only Load reads the files, nothing
// waits.
#ifndef SESSION_STATUS_PLUGIN_CERTIFICATE_LOG_H_
#define SESSION_STATUS_PLUGIN_CERTIFICATE_LOG_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/broker/broker_log.h"
#include "plugin/transport/certificate_validity.h"
#include "plugin/transport/listener_options.h"

namespace session_status {

class CertificateLog {
 public:
  CertificateLog(broker::BrokerLog& log, const transport::ListenerOptions& listener)
      : log_(log),
        certificate_(transport::PemContent::kChain, listener.tls_certificate_file),
        client_ca_(transport::PemContent::kClientCa, listener.tls_client_ca_file),
        revocations_(transport::PemContent::kRevocationList, listener.tls_client_crl_file) {}

  // The listener has just loaded what is in the files. `now`: by the system's own clock, as OpenSSL
  // judges.
  void Load(absl::Time now) {
    Tell("tls_certificate_file", certificate_.Load(now));
    Tell("tls_client_ca_file", client_ca_.Load(now));
    Tell("tls_client_crl_file", revocations_.Load(now));
  }
  void OnTick(absl::Time now) {
    Tell("tls_certificate_file", certificate_.TakeComplaint(now));
    Tell("tls_client_ca_file", client_ca_.TakeComplaint(now));
    Tell("tls_client_crl_file", revocations_.TakeComplaint(now));
  }

  // As ValidityWatch::ends().
  absl::Time certificate_ends() const { return certificate_.ends(); }
  absl::Time client_ca_ends() const { return client_ca_.ends(); }
  absl::Time revocations_end() const { return revocations_.ends(); }

 private:
  void Tell(absl::string_view option, const std::string& complaint) {
    if (complaint.empty()) return;
    log_.Write(broker::LogLevel::kWarning,
               absl::StrCat("option plugin_opt_", option, ": ", complaint));
  }

  broker::BrokerLog& log_;
  transport::ValidityWatch certificate_;
  transport::ValidityWatch client_ca_;
  transport::ValidityWatch revocations_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_CERTIFICATE_LOG_H_
