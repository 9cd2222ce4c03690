// A line in the broker's log for a TLS handshake that failed: who, and why, in OpenSSL's words. The peer
// is told little of it.
//
// Threads: OnFailedHandshake: any listener thread; a short lock, no waiting for I/O.
// Limits:  one line in ten seconds, because every scanner fails; what is left out is counted in the next
//          line, and in session_status_listener_failed_handshakes_total.
#ifndef SESSION_STATUS_PLUGIN_HANDSHAKE_LOG_H_
#define SESSION_STATUS_PLUGIN_HANDSHAKE_LOG_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/broker/broker_log.h"
#include "plugin/http/http_message.h"
#include "plugin/os/mutex.h"

namespace session_status {

class HandshakeLog {
 public:
  // Reads the wall clock for its limit; `clock` replaces it in tests.
  using Clock = absl::Time (*)();
  HandshakeLog(broker::BrokerLog& log, Clock clock) : log_(log), clock_(clock) {}

  void OnFailedHandshake(const http::Peer& peer, absl::string_view reason) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  broker::BrokerLog& log_;
  const Clock clock_;
  os::Mutex mu_;
  absl::Time last_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  uint64_t left_out_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_HANDSHAKE_LOG_H_
