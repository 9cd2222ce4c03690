// What the connections of one loop share: options, scratch memory, deadlines, the time.
//
// Scratch members are used within one turn of one connection and hold nothing between turns: that
// is why an idle connection costs no buffer, and a request no allocation.
//
// Threads: the loop's thread.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_LOOP_CONTEXT_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_LOOP_CONTEXT_H_

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/time/time.h"
#include "plugin/http/http_message.h"
#include "plugin/transport/buffer_pool.h"
#include "plugin/transport/connection_limits.h"
#include "plugin/transport/listener_options.h"
#include "plugin/transport/listener_stats.h"
#include "plugin/transport/reply_writer.h"
#include "plugin/transport/request_parser.h"
#include "plugin/transport/timeout_queue.h"
#include "plugin/transport/wake_queue.h"

namespace session_status::transport {

class Connection;

// Parsers hold about a kilobyte; a connection has one only while a request is incomplete.
class ParserPool {
 public:
  explicit ParserPool(const ListenerOptions& options);
  std::unique_ptr<RequestParser> Take();
  void Return(std::unique_ptr<RequestParser> parser) noexcept;

 private:
  static constexpr size_t kKeptMax = 64;
  const RequestLimits limits_;
  std::vector<std::unique_ptr<RequestParser>> free_;
};

// Deadlines of the connections of one standing, one queue per kind of waiting.
struct Waits {
  explicit Waits(const ListenerOptions& options);
  TimeoutQueue first_byte, head, body, idle, write, linger;
  TimeoutQueue turned_away;  // all waits of those that were never admitted, each as long as linger

  std::array<const TimeoutQueue*, 7> all() const {
    return {&first_byte, &head, &body, &idle, &write, &linger, &turned_away};
  }
};

struct LoopContext {
  // Read at once from one connection: more than the pipelined requests of one turn, small enough to
  // stay in the cache.
  static constexpr size_t kReadBytes = 32 * 1024;

  LoopContext(const ListenerOptions& listener_options, http::Handler& request_handler,
              BufferBudget& budget, ConnectionLimits& connection_limits);

  const ListenerOptions& options;
  http::Handler& handler;
  ConnectionLimits& limits;
  LoopCounters counters;
  int epoll_fd = -1;
  std::shared_ptr<SSL_CTX> tls;  // the newest that a reload has brought
  const FailedHandshakeObserver* on_failed_handshake = nullptr;  // set by the loop

  // Of the current turn of the loop.
  int64_t now_ns = 0;  // monotonic
  absl::Time now;      // wall

  // Scratch. `out` collects the replies of several connections; `replies` says whose is which.
  std::array<char, kReadBytes> read_bytes;
  std::string out;
  std::string piece;
  http::Request request;
  http::Reply reply;
  std::vector<http::Header> headers;
  ReplyWriter writer;

  BufferPool buffers;
  ParserPool parsers;

  std::array<Waits, kStandings> waits;  // by standing: who makes room depends on it
  Waits& WaitsOf(Standing standing) { return waits[static_cast<size_t>(standing)]; }

  struct PendingReply {
    Connection* connection;
    size_t begin, size;  // in `out`
  };
  std::vector<PendingReply> replies;
  std::vector<Connection*> ready;   // have work that no event will announce
  std::vector<Connection*> closed;  // to be destroyed at the end of the turn
  std::shared_ptr<WakeQueue> wakes;
  std::unordered_map<uint64_t, Connection*> streams;  // by the id that their wake function pushes
  uint64_t last_stream_id = 0;
  int turned_away = 0;  // connections open only to tell the peer why it is refused
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_LOOP_CONTEXT_H_
