// What the listener counts, and what it tells of while it happens.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_LISTENER_STATS_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_LISTENER_STATS_H_

#include <atomic>
#include <cstdint>
#include <functional>

#include "absl/strings/string_view.h"
#include "plugin/http/http_message.h"

namespace session_status::transport {

// A number that one thread changes and any thread reads: statistics only, relaxed, never used to
// order other data.
class RelaxedCounter {
 public:
  void Add(int64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  int64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Called for each of ListenerStats::failed_handshakes, on a listener thread: must not block.
// `reason` is in OpenSSL's words.
using FailedHandshakeObserver =
    std::function<void(const http::Peer& peer, absl::string_view reason)>;

// A copy, summed over all threads of a listener.
struct ListenerStats {
  int64_t connections = 0;          // open now
  int64_t accepted = 0;             // connections since Start()
  int64_t requests = 0;             // handed to the handler
  int64_t refused_requests = 0;     // answered by the listener itself with an error
  int64_t refused_connections = 0;  // over a limit of connections
  int64_t evicted_connections = 0;  // closed to make room for others
  int64_t failed_handshakes = 0;    // TLS: one side did not take what the other had to show
  int64_t timeouts = 0;             // closed because the peer was too slow; not the idle
  int64_t accept_pauses = 0;        // out of descriptors
  int64_t bytes_received = 0;
  int64_t bytes_sent = 0;
  int64_t buffered_bytes = 0;  // held for connections now
};

// The same, as one loop counts it.
struct LoopCounters {
  RelaxedCounter connections, accepted, requests, refused_requests, refused_connections,
      evicted_connections, failed_handshakes, timeouts, accept_pauses, bytes_received, bytes_sent;
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_LISTENER_STATS_H_
