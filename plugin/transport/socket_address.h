// Numeric socket addresses: parsing options, printing peers.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_SOCKET_ADDRESS_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_SOCKET_ADDRESS_H_

#include <sys/socket.h>

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace session_status::transport {

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(sockaddr_storage);
  bool any_family = false;  // only of every IPv6 address: and every IPv4 address too

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

// "127.0.0.1:80", "[::1]:80", "*:80" (every IPv4 and IPv6 address), "0.0.0.0:80" (every IPv4
// address), "[::]:80" (every IPv6 address), "localhost:80" (127.0.0.1).
// Names are not resolved: the answer would depend on the network at start.
absl::StatusOr<SocketAddress> ParseTcpAddress(absl::string_view text);

absl::StatusOr<SocketAddress> ParseUnixAddress(absl::string_view path);

// Without port: "127.0.0.1", "::1". IPv4 inside IPv6 is shown as IPv4. Unix sockets: empty.
std::string HostOf(const SocketAddress& address);
// With port, as ParseTcpAddress takes it; Unix sockets: the path.
std::string ToString(const SocketAddress& address);
bool IsLoopback(const SocketAddress& address);
bool IsAnyIpv6(const SocketAddress& address);
// Whatever any_family says.
bool SameAddress(const SocketAddress& a, const SocketAddress& b);

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_SOCKET_ADDRESS_H_
