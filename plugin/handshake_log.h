// A line in the broker's log for a TLS handshake that failed: who, and why, in OpenSSL's words.
// The peer is told little of it.
//
// Threads: OnFailedHandshake: any listener thread; a short lock, no waiting for I/O.
// Limits:  one line in ten seconds, because every scanner fails; what is left out is counted in the
//          next line, and in session_status_listener_failed_handshakes_total.
#ifndef SESSION_STATUS_PLUGIN_HANDSHAKE_LOG_H_
#define SESSION_STATUS_PLUGIN_HANDSHAKE_LOG_H_

#include "absl/strings/string_view.h"
#include "plugin/broker/broker_log.h"
#include "plugin/http/http_message.h"
#include "plugin/limited_log.h"

namespace session_status {

class HandshakeLog {
 public:
  HandshakeLog(broker::BrokerLog& log, LimitedLog::Clock clock);

  void OnFailedHandshake(const http::Peer& peer, absl::string_view reason);

 private:
  LimitedLog log_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_HANDSHAKE_LOG_H_
