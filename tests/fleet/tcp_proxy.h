// A TCP relay on loopback that can be cut: a network partition for a test that may not have network
// namespaces.
//
// Threads: one of its own; the methods: any.
#ifndef SESSION_STATUS_TESTS_FLEET_TCP_PROXY_H_
#define SESSION_STATUS_TESTS_FLEET_TCP_PROXY_H_

#include <atomic>
#include <cstdint>
#include <list>
#include <thread>

namespace session_status::testing {

class TcpProxy {
 public:
  explicit TcpProxy(uint16_t target_port);
  ~TcpProxy();

  enum class Link : uint8_t {
    kUp,
    kDown,    // connections are closed, new ones refused
    kSilent,  // nothing passes, nothing is closed: as with lost packets, or a frozen peer
  };
  void Set(Link link) { link_ = link; }
  uint16_t port() const { return port_; }

 private:
  struct Pair {
    int client;
    int server;
  };
  void Run();
  void Accept();
  // False: the connection is over.
  static bool Relay(int from, int to);

  const uint16_t target_port_;
  uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<Link> link_{Link::kUp};
  std::atomic<bool> stop_{false};
  std::list<Pair> pairs_;
  std::thread thread_;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_FLEET_TCP_PROXY_H_
