// The TLS context in force, replaced as a whole by a reload.
//
// Threads: any; a short mutex, taken once per accepted TLS connection.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_TLS_HOLDER_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_TLS_HOLDER_H_

#include <openssl/ssl.h>

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "plugin/os/mutex.h"

namespace session_status::transport {

class TlsHolder {
 public:
  std::shared_ptr<SSL_CTX> Get() const {
    os::MutexLock lock(&mu_);
    return context_;
  }
  void Set(std::shared_ptr<SSL_CTX> context) {
    os::MutexLock lock(&mu_);
    context_ = std::move(context);
  }

 private:
  mutable os::Mutex mu_;
  std::shared_ptr<SSL_CTX> context_ ABSL_GUARDED_BY(mu_);
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_TLS_HOLDER_H_
