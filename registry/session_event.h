// What happened to a client: the only language between a broker and the registry.
//
// These are values: they copy, they compare, and they hold views whose bytes must stay valid for
// the duration of the call that takes them. Nothing here knows which broker spoke.
#ifndef SESSION_STATUS_REGISTRY_SESSION_EVENT_H_
#define SESSION_STATUS_REGISTRY_SESSION_EVENT_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace session_status::registry {

// The state of one client identifier.
//   kUnknown             never seen, or forgotten by the limits on ended sessions
//   kOnline              a connection of this client is up
//   kOfflineSessionKept  no connection, but the broker holds the session (MQTT 5, 4.1)
//   kOffline             seen before; neither connection nor session
// The numbers are stored and sent: never renumber.
enum class SessionState : uint8_t {
  kUnknown = 0,
  kOnline = 1,
  kOfflineSessionKept = 2,
  kOffline = 3,
};
inline constexpr int kSessionStateCount = 4;

// Why a connection, or a kept session, ended. Stable: stored, sent and counted by number.
enum class EndReason : uint8_t {
  kNone = 0,              // not ended
  kClientDisconnect = 1,  // DISCONNECT packet
  kTakenOver = 2,         // a newer connection uses the client identifier (MQTT 5, 3.1.4-3)
  kKeepaliveTimeout = 3,  // nothing heard for 1.5 times the keepalive (MQTT 5, 3.1.2.10)
  kNetworkError = 4,      // the connection broke without a DISCONNECT
  kKicked = 5,            // closed by an administrator or a plugin
  kProtocolError = 6,     // malformed or forbidden packet
  kServerShutdown = 7,    // the broker stopped in order
  kSessionExpired = 8,    // the kept session reached its expiry interval
  kAdministrative = 9,    // the session was removed by an administrator
  kNotAuthorized = 10,    // access was withdrawn while connected
  kBrokerRestart = 11,    // the broker died; the end lies in an interval
  kNodeLost = 12,         // fleet: the broker that held the connection is gone
  kUnknown = 13,          // the broker does not say (all of Mosquitto 2.0)
};
inline constexpr int kEndReasonCount = 14;

// The broker's code of an end of which it gave none: it died, or says nothing.
inline constexpr uint16_t kNoBrokerCode = 0xFFFF;

// Numbered as the broker numbers them (CONNECT's protocol level).
enum class ProtocolVersion : uint8_t { kUnknown = 0, kMqtt31 = 3, kMqtt311 = 4, kMqtt5 = 5 };

// MQTT 5, 1.5.4: the two-byte length of a UTF-8 string; the broker cannot let more through.
inline constexpr size_t kClientIdBytesMax = 65'535;

// "MQTT 5"; empty when not known.
constexpr absl::string_view ProtocolName(ProtocolVersion version) {
  switch (version) {
    case ProtocolVersion::kMqtt31:
      return "MQTT 3.1";
    case ProtocolVersion::kMqtt311:
      return "MQTT 3.1.1";
    case ProtocolVersion::kMqtt5:
      return "MQTT 5";
    case ProtocolVersion::kUnknown:
      break;
  }
  return "";
}

enum class Transport : uint8_t { kUnknown = 0, kMqtt = 1, kWebSockets = 2 };

// Facts about one connection, known when it is accepted. Views are borrowed.
struct Connection {
  absl::string_view address;   // empty: the broker does not say
  absl::string_view username;  // empty: none
  uint16_t listener_port = 0;  // 0: not known (Mosquitto 2.0, Unix sockets)
  uint16_t keepalive_s = 0;    // 0: the client asked for none
  ProtocolVersion protocol_version = ProtocolVersion::kUnknown;
  Transport transport = Transport::kUnknown;
  bool clean_start = false;
};

// One change of one client.
//
// `incarnation` numbers accepted connections in one strictly rising sequence per node: an end
// that carries an older incarnation than the registry holds changes nothing.
struct SessionEvent {
  enum class Kind : uint8_t {
    kConnected,    // the connection `incarnation` was accepted; `connection` is filled
    kEnded,        // the connection `incarnation` ended; `session_kept` says what remains
    kSessionGone,  // a kept session ended without a connection; `incarnation` was its last one
    kRestored,     // found at start: the broker (or our store) holds this client; `state` says how.
                   // May name the incarnation that the registry holds, if that is kOffline: the
                   // broker turns out to have kept its session
  };
  Kind kind = Kind::kConnected;
  absl::string_view client_id;  // 1 to kClientIdBytesMax bytes
  uint64_t incarnation = 0;     // > 0; below 2^48
  absl::Time time;              // wall time, never running backwards (the broker layer sees to it)
  Connection connection;        // kConnected, kRestored
  EndReason reason = EndReason::kNone;   // kEnded, kSessionGone, kRestored
  uint16_t broker_code = kNoBrokerCode;  // the broker's own code for the reason
  bool session_kept = false;             // kEnded
  // kConnected: the broker had no session of this client to go on with. False: it had, or nobody
  // knows.
  bool found_no_session = false;
  // kConnected: nobody knows, as the broker does not tell it (Mosquitto 2.0).
  bool session_not_told = false;
  bool repaired = false;                        // nobody told this; the self-audit found it
  SessionState state = SessionState::kUnknown;  // kRestored: kOfflineSessionKept or kOffline
  absl::Time connected_at;        // kRestored: what the store remembered, or InfinitePast
  absl::Time session_created_at;  // kRestored: likewise
  uint32_t connects = 0;          // kRestored: likewise, 0: not known
  // kRestored: the end lies between this and `time`. InfinitePast: `time` is exact.
  absl::Time ended_not_before = absl::InfinitePast();
};

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_SESSION_EVENT_H_
