// How far a peer is known before a word of it was read. What is scarce (places, memory) is shared
// out by it, so that no crowd of strangers keeps an administrator out.
//
// This is not trust, which a request must earn as well (plugin/http/trust.h): it only says whom the
// transport itself vouches for.
//
// Threads: any; values.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_STANDING_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_STANDING_H_

#include <cstddef>
#include <cstdint>

#include "plugin/http/http_message.h"

namespace session_status::transport {

// In rising order: each may use what those before it may, and more.
enum class Standing : uint8_t {
  kStranger,    // TCP from elsewhere
  kVouched,     // from this machine, or with a certificate of the configured CA
  kUnixSocket,  // whom the file's mode and the allowed users let in
};
inline constexpr size_t kStandings = 3;

inline Standing StandingOf(const http::Peer& peer) {
  if (peer.kind == http::Peer::Kind::kUnixSocket) return Standing::kUnixSocket;
  return peer.loopback || peer.client_certificate ? Standing::kVouched : Standing::kStranger;
}

// Of `all`, what peers of this standing and of those below may hold together when `reserve` is kept
// from strangers. Half of the reserve is for the Unix socket alone: a proxy on this machine may
// bring strangers in as programs of this machine.
inline constexpr size_t RoomOf(Standing standing, size_t all, size_t reserve) {
  switch (standing) {
    case Standing::kStranger:
      return all - reserve;
    case Standing::kVouched:
      return all - (reserve + 1) / 2;
    case Standing::kUnixSocket:
      break;
  }
  return all;
}

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_STANDING_H_
