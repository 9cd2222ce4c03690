// A fleet in one process: real registries and real fleet objects against a real engine, no brokers.
// The test's thread is every broker's thread. Clients do what clients do; `truth` knows where each
// one really is.
#ifndef SESSION_STATUS_TESTS_FLEET_FLEET_WORLD_H_
#define SESSION_STATUS_TESTS_FLEET_FLEET_WORLD_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "plugin/fleet/fleet.h"
#include "registry/session_registry.h"
#include "tests/fleet/redis_process.h"
#include "tests/fleet/tcp_proxy.h"

namespace session_status::testing {

// One node: a registry, the connections its broker holds, and the fleet object.
class FleetNode {
 public:
  FleetNode(std::string name, fleet::FleetOptions options, absl::Duration clock_skew);
  ~FleetNode();

  void Start();  // a new process: no connections
  void Stop();   // in order
  void Kill();   // as a crash
  bool running() const { return fleet_ != nullptr; }

  void Connect(const std::string& id);
  void Disconnect(const std::string& id, registry::EndReason reason);
  bool Holds(const std::string& id) const { return connections_.contains(id); }
  // What the broker's tick and the refresher do.
  void Tick();
  // Its host's wall clock is set, by so much.
  void SetWallClock(absl::Duration by) { clock_set_by_ms_ += absl::ToInt64Milliseconds(by); }
  absl::Time Now() const;

  // Merged as the service merges.
  bool OnlineInSnapshot(const std::string& id) const;
  bool OnlineExactly(const std::string& id, std::string* node = nullptr) const;

  // Says that a client is offline, in a batch or exactly, and not that it cannot know.
  bool SaysOffline(const std::string& id) const;

  fleet::Fleet& fleet() { return *fleet_; }
  registry::SessionRegistry& registry() { return *registry_; }
  const std::string& name() const { return name_; }
  const std::map<std::string, uint64_t>& connections() const { return connections_; }

 private:
  void Apply(const registry::SessionEvent& event);

  const std::string name_;
  fleet::FleetOptions options_;
  const absl::Duration skew_;
  std::atomic<int64_t> clock_set_by_ms_{0};
  uint64_t next_incarnation_ = 1;
  std::map<std::string, uint64_t> connections_;
  std::unique_ptr<registry::SessionRegistry> registry_;
  std::unique_ptr<fleet::Fleet> fleet_;
};

struct WorldOptions {
  uint64_t seed = 1;
  size_t nodes = 3;
  size_t clients = 300;
  // Of each node: they connect at the start and stay.
  size_t residents = 0;
  absl::Duration lease = absl::Seconds(1);
  absl::Duration clock_skew{};  // between neighbouring nodes' hosts
  fleet::Takeover takeover = fleet::Takeover::kKick;
  fleet::Mode mode = fleet::Mode::kReplica;
  fleet::WhenEngineAway when_engine_away = fleet::WhenEngineAway::kReplica;
  uint32_t capacity = 10'000;  // 1,600 sessions are a bucket of each shard
  std::vector<std::string> engine_arguments{};
  std::string url{};           // instead of an engine of its own behind proxies
  bool second_engine = false;  // static sharding: every other shard lives there
};

class FleetWorld {
 public:
  explicit FleetWorld(const WorldOptions& options);

  // `events` random connects, roams and disconnects, over about `duration`.
  void Churn(size_t events, absl::Duration duration);
  void KillNode(size_t i);

  // Waits until every node knows the truth about every client. Fails the test after `patience`.
  void ExpectTruthEverywhere(absl::Duration patience = absl::Seconds(10));
  // How many (node, client) pairs are answered wrongly now.
  size_t Wrong(std::string* example);
  void Tick();
  // From the next tick on, each asks every node for every resident. What was answered wrongly so
  // far.
  void WatchResidents();
  const std::vector<std::string>& forgotten_residents() const { return forgotten_; }

  FleetNode& node(size_t i) { return *nodes_[i]; }
  size_t size() const { return nodes_.size(); }
  RedisProcess& engine() { return *engine_; }
  RedisProcess& second_engine() { return *second_engine_; }
  TcpProxy& link(size_t i) { return *links_[i]; }
  std::mt19937_64& random() { return random_; }
  std::string Describe();

 private:
  void Act();
  bool TrulyOnline(const std::string& id) const;
  void AskForResidents();

  std::mt19937_64 random_;
  std::unique_ptr<RedisProcess> engine_;
  std::unique_ptr<RedisProcess> second_engine_;
  std::vector<std::unique_ptr<TcpProxy>> links_;
  std::vector<std::unique_ptr<FleetNode>> nodes_;
  std::vector<std::string> clients_;
  std::map<std::string, absl::Time> acted_at_;
  std::vector<std::string> residents_;
  bool watching_ = false;
  std::vector<std::string> forgotten_;
  std::map<std::string, int> truth_;  // node that the client is connected to; absent: none
};

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_FLEET_FLEET_WORLD_H_
