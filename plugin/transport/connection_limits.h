// How many connections there are: in all, by standing, and per peer.
//
// A part of them is kept from strangers, see standing.h. Where few are allowed (fewer than
// kReserveShare) there is nothing to share out, and only MakeRoom() of the loop helps.
//
// Threads:   any; a short mutex, taken when a connection comes and goes, never per request.
// Ownership: a PeerUse lives while one of its peer's connections is admitted.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_CONNECTION_LIMITS_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_CONNECTION_LIMITS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <tuple>
#include <unordered_map>

#include "absl/base/thread_annotations.h"
#include "absl/hash/hash.h"
#include "plugin/http/http_message.h"
#include "plugin/os/mutex.h"
#include "plugin/transport/socket_address.h"
#include "plugin/transport/standing.h"

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

// What all connections of one peer use together.
struct PeerUse {
  int connections = 0;                    // guarded by the mutex of ConnectionLimits
  std::atomic<size_t> buffered_bytes{0};  // relaxed throughout: a number, it publishes nothing
};

class ConnectionLimits {
 public:
  enum class Verdict { kAdmitted, kFull, kPeerFull };

  ConnectionLimits(int connections_max, int per_peer_max)
      : connections_max_(connections_max), per_peer_max_(per_peer_max) {}

  // kAdmitted must be followed by one Leave(); `*use` is set then. After kFull there is room as
  // soon as one connection of this standing, or of one below, has left.
  Verdict Enter(const PeerKey& peer, Standing standing, PeerUse** use);
  void Leave(const PeerKey& peer, Standing standing) noexcept;
  // An admitted connection rose; it leaves as what it has become.
  void Raise(Standing from, Standing to) noexcept;

  int connections_max() const { return connections_max_; }

 private:
  // Kept from strangers, of so many. The most: what administrators and their programs need at once.
  static constexpr int kReserveShare = 8;
  static constexpr int kReserveMax = 32;

  bool IsFull(Standing standing) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const int connections_max_;
  const int per_peer_max_;
  os::Mutex mu_;
  std::array<size_t, kStandings> connections_ ABSL_GUARDED_BY(mu_) = {};  // by standing
  std::unordered_map<PeerKey, PeerUse, absl::Hash<PeerKey>> per_peer_ ABSL_GUARDED_BY(mu_);
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_CONNECTION_LIMITS_H_
