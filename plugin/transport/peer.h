// Who is at the other end of an accepted connection, and what the options let it ask.
//
// Threads: any.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_PEER_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_PEER_H_

#include <cstdint>
#include <string>

#include "plugin/http/http_message.h"
#include "plugin/transport/listener_options.h"
#include "plugin/transport/socket.h"
#include "plugin/transport/socket_address.h"

namespace session_status::transport {

// Fills everything the kernel knows; `*address_text` backs `peer.address` and must live as long.
http::Peer PeerOf(int fd, const SocketAddress& address, std::string* address_text);

enum class Access : uint8_t {
  kNone,
  kMetrics,  // http::Peer::metrics_only
  kAll,      // as far as its transport and its requests earn that
};

// The one rule for whoever is listed, users of the Unix socket and names in certificates: to be
// listed for all outdoes to be listed for the metrics, which outdoes that there is no list for all.
constexpr Access AccessBy(bool listed_for_all, bool listed_for_metrics, bool any_list_for_all) {
  if (listed_for_all) return Access::kAll;
  if (listed_for_metrics) return Access::kMetrics;
  return any_list_for_all ? Access::kNone : Access::kAll;
}

// By unix_allowed_… and unix_metrics_…; root, and TCP peers, have kAll.
Access AccessOfUser(int fd, const http::Peer& peer, const ListenerOptions& options);

// By tls_client_names and tls_metrics_names, once the handshake is through; kNone without a
// certificate that was verified.
Access AccessOfCertificate(const Socket& socket, const ListenerOptions& options);

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_PEER_H_
