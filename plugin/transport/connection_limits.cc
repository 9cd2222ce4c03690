#include "plugin/transport/connection_limits.h"

#include <netinet/in.h>

#include <cstring>

namespace session_status::transport {

PeerKey PeerKeyOf(const SocketAddress& address, const http::Peer& peer) {
  PeerKey key;
  key.family = address.family();
  if (key.family == AF_INET) {
    key.id = reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr.s_addr;
  } else if (key.family == AF_INET6) {
    const in6_addr& ip = reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&ip)) {
      key.family = AF_INET;
      uint32_t ip4;
      std::memcpy(&ip4, ip.s6_addr + 12, sizeof(ip4));
      key.id = ip4;
    } else {
      std::memcpy(&key.id, ip.s6_addr, sizeof(key.id));
    }
  } else {
    key.id = peer.uid;
  }
  return key;
}

ConnectionLimits::Verdict ConnectionLimits::Enter(const PeerKey& peer) {
  os::MutexLock lock(&mu_);
  if (connections_ >= connections_max_) return Verdict::kFull;
  int& count = per_peer_[peer];
  if (count >= per_peer_max_) return Verdict::kPeerFull;
  ++count;
  ++connections_;
  return Verdict::kAdmitted;
}

void ConnectionLimits::Leave(const PeerKey& peer) noexcept {
  os::MutexLock lock(&mu_);
  --connections_;
  const auto found = per_peer_.find(peer);
  if (found != per_peer_.end() && --found->second == 0) per_peer_.erase(found);
}

}  // namespace session_status::transport
