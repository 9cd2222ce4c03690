// How many connections there are, in all and per peer.
//
// Threads:   any; a short mutex, taken when a connection comes and goes, never per request.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_CONNECTION_LIMITS_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_CONNECTION_LIMITS_H_

#include <cstdint>
#include <tuple>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/hash/hash.h"
#include "plugin/http/http_message.h"
#include "plugin/os/mutex.h"
#include "plugin/transport/socket_address.h"

namespace session_status::transport {

// Whom the limit per peer counts together: one IPv4 address, one IPv6 /64 (a single host owns that
// much), one Unix user.
struct PeerKey {
  int family = 0;
  uint64_t id = 0;

  template <typename H>
  friend H AbslHashValue(H state, const PeerKey& key) {
    return H::combine(std::move(state), key.family, key.id);
  }
  friend bool operator==(const PeerKey& a, const PeerKey& b) {
    return std::tie(a.family, a.id) == std::tie(b.family, b.id);
  }
};

PeerKey PeerKeyOf(const SocketAddress& address, const http::Peer& peer);

class ConnectionLimits {
 public:
  enum class Verdict { kAdmitted, kFull, kPeerFull };

  ConnectionLimits(int connections_max, int per_peer_max)
      : connections_max_(connections_max), per_peer_max_(per_peer_max) {}

  Verdict Enter(const PeerKey& peer);  // kAdmitted must be followed by one Leave()
  void Leave(const PeerKey& peer) noexcept;

  int connections_max() const { return connections_max_; }

 private:
  const int connections_max_;
  const int per_peer_max_;
  os::Mutex mu_;
  int connections_ ABSL_GUARDED_BY(mu_) = 0;
  std::unordered_map<PeerKey, int, absl::Hash<PeerKey>> per_peer_ ABSL_GUARDED_BY(mu_);
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_CONNECTION_LIMITS_H_
