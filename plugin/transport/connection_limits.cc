#include "plugin/transport/connection_limits.h"

#include <netinet/in.h>

#include <algorithm>
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

bool ConnectionLimits::IsFull(Standing standing) const {
  const int reserve = std::min(connections_max_ / kReserveShare, kReserveMax);
  size_t count = 0;  // of this standing and those below
  for (size_t i = 0; i < kStandings; ++i) {
    count += connections_[i];
    const size_t room = RoomOf(static_cast<Standing>(i), static_cast<size_t>(connections_max_),
                               static_cast<size_t>(reserve));
    if (i >= static_cast<size_t>(standing) && count >= room) return true;
  }
  return false;
}

ConnectionLimits::Verdict ConnectionLimits::Enter(const PeerKey& peer, Standing standing,
                                                  PeerUse** use) {
  os::MutexLock lock(&mu_);
  if (IsFull(standing)) return Verdict::kFull;
  PeerUse& of_peer = per_peer_[peer];
  if (of_peer.connections >= per_peer_max_) return Verdict::kPeerFull;
  ++of_peer.connections;
  ++connections_[static_cast<size_t>(standing)];
  *use = &of_peer;
  return Verdict::kAdmitted;
}

void ConnectionLimits::Leave(const PeerKey& peer, Standing standing) noexcept {
  os::MutexLock lock(&mu_);
  --connections_[static_cast<size_t>(standing)];
  const auto found = per_peer_.find(peer);
  if (found != per_peer_.end() && --found->second.connections == 0) per_peer_.erase(found);
}

void ConnectionLimits::Raise(Standing from, Standing to) noexcept {
  os::MutexLock lock(&mu_);
  --connections_[static_cast<size_t>(from)];
  ++connections_[static_cast<size_t>(to)];
}

}  // namespace session_status::transport
