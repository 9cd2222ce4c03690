// A fleet of real brokers with the plugin, a real engine, and clients over sockets. `truth` knows
// where each client really is.
//
// Threads:   one.
// Ownership: brokers and engine are children that die with this object.
#ifndef SESSION_STATUS_TESTS_FLEET_BROKER_FLEET_H_
#define SESSION_STATUS_TESTS_FLEET_BROKER_FLEET_H_

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/fleet/redis_cluster.h"
#include "tests/fleet/redis_process.h"
#include "tests/fleet/tcp_proxy.h"
#include "tests/testing/admin_client.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/raw_mqtt.h"
#include "tests/testing/temp_dir.h"

namespace session_status::testing {

struct BrokerFleetOptions {
  uint64_t seed = 1;
  size_t brokers = 3;
  size_t clients = 60;
  bool sentinel =
      false;             // a primary, a replica and a Sentinel instead of one engine behind proxies
  bool cluster = false;  // a Redis Cluster of three primaries
  // Static sharding: so many beside the one that is home.
  size_t more_engines = 0;
  // libfaketime: the brokers' wall clocks can be set. Broker i begins i times ten minutes ahead.
  std::string faketime_library{};
  std::vector<std::pair<std::string, std::string>> plugin_options{};
};

class BrokerFleet {
 public:
  explicit BrokerFleet(const BrokerFleetOptions& options = {});
  ~BrokerFleet();

  size_t size() const { return nodes_.size(); }
  BrokerProcess& broker(size_t i) { return *nodes_[i].broker; }
  AdminClient& admin(size_t i) { return *nodes_[i].admin; }
  TcpProxy& link(size_t i) { return *nodes_[i].link; }
  RedisProcess& engine() { return *engine_; }
  RedisProcess& more_engine(size_t i) { return *more_engines_[i]; }
  RedisCluster& cluster() { return *cluster_; }
  std::mt19937_64& random() { return random_; }
  static std::string Name(size_t i);

  // A client connects, its older connections left as they are; or leaves as clients do.
  void Connect(const std::string& id, size_t node);
  void Disconnect(const std::string& id);

  // What that node's batch says about one client.
  bool OnlineInBatch(size_t node, const std::string& id);

  // `events` random connects, roams and disconnects.
  void Churn(size_t events);
  // Churn for at least that long, `events` at a time.
  void ChurnFor(absl::Duration duration);

  void Kill(size_t i);  // SIGKILL; its clients are gone
  void Restart(size_t i);
  void Freeze(size_t i);  // SIGSTOP; nobody connects there meanwhile
  void Thaw(size_t i);
  // That broker's wall clock is so far ahead of ours. REQUIRES faketime_library.
  void SetClock(size_t i, absl::Duration ahead);

  // Waits until every node answers the truth about every client, by batch and exactly, with the
  // node that holds it.
  void ExpectTruthEverywhere();
  void WaitUntilReady();

 private:
  struct Node {
    std::unique_ptr<TcpProxy> link;
    std::unique_ptr<BrokerProcess> broker;
    std::unique_ptr<AdminClient> admin;
    bool usable = true;
  };
  struct Client {
    std::vector<std::pair<size_t, RawConnection>> connections;  // (node, connection), oldest first
    int node = -1;                                              // where it truly is
    absl::Time acted;
  };
  std::string EngineUrl(size_t i) const;
  std::unique_ptr<BrokerProcess> StartBroker(size_t i);
  void Act();
  size_t Wrong(std::string* example);
  std::string Describe();

  const BrokerFleetOptions options_;
  std::mt19937_64 random_;
  TempDir clocks_;
  std::unique_ptr<RedisProcess> engine_;
  std::vector<std::unique_ptr<RedisProcess>> more_engines_;
  std::unique_ptr<RedisProcess> replica_;
  std::unique_ptr<RedisProcess> sentinel_;
  std::unique_ptr<RedisCluster> cluster_;
  std::vector<Node> nodes_;
  std::map<std::string, Client> clients_;
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_FLEET_BROKER_FLEET_H_
