// Who is at the other end of an accepted connection, and whether a Unix user may talk to us.
//
// Threads: any.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_PEER_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_PEER_H_

#include <string>

#include "plugin/http/http_message.h"
#include "plugin/transport/listener_options.h"
#include "plugin/transport/socket_address.h"

namespace session_status::transport {

// Fills everything the kernel knows; `*address_text` backs `peer.address` and must live as long.
http::Peer PeerOf(int fd, const SocketAddress& address, std::string* address_text);

// The rules of unix_allowed_uids and unix_allowed_gids; true for TCP peers.
bool IsAllowed(int fd, const http::Peer& peer, const ListenerOptions& options);

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_PEER_H_
