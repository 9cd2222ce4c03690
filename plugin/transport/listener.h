// The HTTP/1.1 listener: Unix socket, TCP, TLS; threads of its own; every limit of ListenerOptions.
//
// What it refuses by itself (malformed, too large, too slow, too many) is answered with a body from
// Handler::HandleRefused, and then closed so that the peer can read the answer.
//
// Threads:   Start, Stop, destructor: one thread, not the listener's own. ReloadTls, stats,
//            addresses: any, between Start and Stop. The handler is called from the listener's
//            threads: named "session-http", all signals blocked, at options.nice_level.
// Ownership: `handler` must outlive the listener. A socket file is removed by Stop().
// Errors:    Start() and ReloadTls() name the remedy, and begin with the name of the option at
//            fault, but for ResourceExhausted, which is no option's. After a failed Start() nothing
//            is left behind, after a failed ReloadTls() the old certificate stays in force.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_LISTENER_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_LISTENER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "plugin/http/http_message.h"
#include "plugin/transport/listener_options.h"
#include "plugin/transport/listener_stats.h"

namespace session_status::transport {

class Listener {
 public:
  Listener(ListenerOptions options, http::Handler& handler,
           FailedHandshakeObserver on_failed_handshake = nullptr);
  ~Listener();  // Stop()
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  absl::Status Start();
  void Stop();  // idempotent; open connections are closed

  // Reads certificate, key, client CA and the list of revoked ones again; new connections use them,
  // and open ones whose client certificate they would not take any more are closed. OK without TLS.
  absl::Status ReloadTls();

  ListenerStats stats() const;
  // What is listened on, ports resolved: "/run/x.sock", "127.0.0.1:8080", …; in the order Unix
  // socket, tcp_addresses, tls_addresses.
  std::vector<std::string> addresses() const;
  // connections_max after our share of the descriptors was applied.
  int connections_max() const;

 private:
  class Impl;
  const ListenerOptions options_;
  http::Handler& handler_;
  const FailedHandshakeObserver on_failed_handshake_;
  std::unique_ptr<Impl> impl_;  // null unless started
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_LISTENER_H_
