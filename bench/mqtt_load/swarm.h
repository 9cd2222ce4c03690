// Many MQTT clients in one thread: real TCP connections over epoll, nothing kept per client beyond
// what the protocol needs.
//
// A client's number says what happens to it during Hold():
//   number % 4 == 1   is taken over again and again: never offline
//   number % 4 == 2   leaves and comes back
//   the others        stay
//
// Threads: one. Errors: a refusal or a connection that breaks is counted; what makes the run
// meaningless (no descriptors, no ports) ends the program with a message.
#ifndef SESSION_STATUS_BENCH_MQTT_LOAD_SWARM_H_
#define SESSION_STATUS_BENCH_MQTT_LOAD_SWARM_H_

#include <array>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "bench/latency_histogram.h"
#include "plugin/transport/socket_address.h"

namespace session_status::bench {

// "load-0000042"
std::string ClientId(uint32_t client);
inline bool NeverOffline(uint32_t client) { return client % 4 != 2; }

int64_t NowNs();

struct HoldSettings {
  double seconds = 10;
  double churn_per_second = 0;  // a takeover is one, a leave and return too
  double takeover_share = 0.5;
  double ping_seconds = 60;  // every client pings this often
};

// What happened since the last Take().
struct SwarmFigures {
  LatencyHistogram connect;  // CONNECT sent → CONNACK
  LatencyHistogram ping;
  uint64_t takeovers = 0;
  uint64_t returns = 0;
  uint64_t refused = 0;
  uint64_t lost = 0;  // connections that ended though nobody asked
  void Add(const SwarmFigures& other);
};

class Swarm {
 public:
  Swarm(std::vector<transport::SocketAddress> targets, uint16_t keepalive_s);
  ~Swarm();
  Swarm(const Swarm&) = delete;
  Swarm& operator=(const Swarm&) = delete;

  // Connects clients until there are `count`; returns when all have their CONNACK.
  void Ramp(uint32_t count);
  // `each_second` is called about once a second.
  void Hold(const HoldSettings& settings, const std::function<void()>& each_second);
  // Clients whose number is odd send DISCONNECT; returns when the broker has closed them all.
  void LeaveOdd();

  uint32_t up() const { return up_; }
  SwarmFigures Take();

 private:
  enum class Stage : uint8_t { kFree, kConnecting, kAwaitingConnack, kUp, kReplaced, kLeaving };
  struct Connection {
    uint32_t client = 0;
    uint32_t generation = 0;
    Stage stage = Stage::kFree;
    bool returns = false;  // kLeaving: connects again
    uint8_t have = 0;
    std::array<uint8_t, 4> bytes{};
    int64_t sent_ns = 0;
  };

  void Open(uint32_t client);
  void Close(int fd);
  void Leave(uint32_t client, bool returns);
  void TakeOver(uint32_t client);
  void Ping(uint32_t client);
  void Churn(const HoldSettings& settings);
  void Poll(int timeout_ms);
  void OnEvent(int fd, uint32_t events);
  void OnBytes(int fd, const uint8_t* bytes, size_t count);
  void OnPacket(int fd);
  void OnEnd(int fd);
  void Send(int fd, const std::string& bytes);

  const std::vector<transport::SocketAddress> targets_;
  const uint16_t keepalive_s_;
  int epoll_;
  std::vector<Connection> connections_;  // by descriptor
  std::vector<int> fd_of_;               // by client; -1: none
  std::mt19937_64 rng_{1};
  uint32_t next_target_ = 0;
  uint32_t next_ping_ = 0;
  uint32_t up_ = 0;
  uint32_t pending_ = 0;  // connections on their way up
  uint32_t leaving_ = 0;
  SwarmFigures figures_;
};

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_MQTT_LOAD_SWARM_H_
