// What the listener may be told. A value; every limit has a default and a reason.
//
// Error messages about one of them begin with the name of the plugin's option (plugin/options.cc)
// that holds the value, because that is what the operator has written.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_LISTENER_OPTIONS_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_LISTENER_OPTIONS_H_

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace session_status::transport {

struct ListenerOptions {
  // --- where to listen; at least one of the three ---

  std::string unix_socket_path;            // empty: no Unix socket
  mode_t unix_socket_mode = 0660;          // set before the first connection is possible
  std::string unix_socket_owner;           // user name or number; empty: the broker's
  std::string unix_socket_group;           // group name or number; empty: the broker's
  std::vector<std::string> tcp_addresses;  // "127.0.0.1:8080", "[::1]:8080", "*:8080"
  std::vector<std::string> tls_addresses;  // the same, spoken with TLS

  // Who may talk on the Unix socket, beyond what the file mode says; root always may. Both empty:
  // everybody who can open it. Groups include the supplementary ones of the peer.
  std::vector<uid_t> unix_allowed_uids;
  std::vector<gid_t> unix_allowed_gids;
  // Who may talk there as well, about the metrics only (http::Peer::metrics_only), unless allowed
  // above.
  std::vector<uid_t> unix_metrics_uids;
  std::vector<gid_t> unix_metrics_gids;

  // --- TLS 1.2 and later; files are PEM and read again by Listener::ReloadTls() ---

  std::string tls_certificate_file;  // the chain, leaf first
  std::string tls_private_key_file;
  std::string tls_client_ca_file;  // set: client certificates are asked for and verified
  bool tls_client_certificate_required = false;
  std::string tls_client_crl_file;  // set: whoever this list of the CA names is refused
  // Of the certificates of that CA those that are told to the handler: with one of these as a DNS
  // name or as the common name. Empty: all.
  std::vector<std::string> tls_client_names;
  // Told as well, as those that are about the metrics only, unless named above.
  std::vector<std::string> tls_metrics_names;

  // --- threads ---

  int threads = 1;      // one core answers far more than an administrator asks
  int nice_level = 10;  // so that a flood of queries cannot delay publishing on a small machine

  // --- connections ---

  // An eighth (at most 32) is kept from strangers: who is on this machine, or has a certificate,
  // gets in however many they are; half of that is for the Unix socket alone.
  int connections_max = 1024;
  int connections_per_peer_max = 64;  // per IPv4 address, IPv6 /64 or Unix user
  // Beyond: the oldest of them is closed, strangers first.
  int connections_awaiting_first_byte_max = 256;
  // Our share of RLIMIT_NOFILE; connections_max is lowered to it, so that MQTT clients always
  // find descriptors.
  int descriptors_percent_max = 10;

  // --- one request ---

  size_t request_line_bytes_max = 32 * 1024;  // ten ids of 64 characters in a query are 8 KiB
  size_t header_bytes_max = 32 * 1024;        // all header lines together
  int header_count_max = 64;
  size_t body_bytes_max = 1024 * 1024;     // announced more: 413 before reading
  size_t chunk_extension_bytes_max = 256;  // nobody sends any; a memory bomb otherwise
  size_t trailer_bytes_max = 4096;         // read and dropped

  // --- time ---

  absl::Duration first_byte_timeout = absl::Seconds(5);  // TLS handshake included
  absl::Duration header_timeout = absl::Seconds(5);      // from the first byte of the request
  absl::Duration body_timeout = absl::Seconds(10);       // from the end of the header
  absl::Duration idle_timeout = absl::Seconds(60);       // between requests
  absl::Duration write_timeout = absl::Seconds(10);      // for the reader to take each 16 KiB
  // After an error the connection is drained this long, so that the peer can read the answer.
  absl::Duration linger_timeout = absl::Seconds(2);

  // --- memory ---

  int pipelined_max = 16;  // answered per turn; then the replies are written and others served
  // Replies waiting for a slow reader: beyond it nothing more is read or answered there. A single
  // reply may be larger.
  size_t unsent_bytes_max = 256 * 1024;
  // In all connections together: strangers at most three quarters, those of one address a quarter.
  size_t buffered_bytes_max = 64 * 1024 * 1024;
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_LISTENER_OPTIONS_H_
