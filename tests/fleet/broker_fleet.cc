#include "tests/fleet/broker_fleet.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {
// A client needs a round trip to connect again; the order of connects is known to that.
constexpr absl::Duration kReconnectTime = absl::Milliseconds(5);
}  // namespace

BrokerFleet::BrokerFleet(const BrokerFleetOptions& options)
    : options_(options), random_(options.seed), engine_(std::make_unique<RedisProcess>()) {
  if (options_.sentinel) {
    replica_ = std::make_unique<RedisProcess>(
        std::vector<std::string>{"--replicaof", "127.0.0.1", absl::StrCat(engine_->port())});
    EXPECT_TRUE(WaitUntil([this] {
      return absl::StrContains(replica_->Command("INFO replication"), "master_link_status:up");
    }));
    sentinel_ = RedisProcess::Sentinel(engine_->port());
    EXPECT_TRUE(WaitUntil([this] {
      return absl::StrContains(sentinel_->Command("SENTINEL replicas fleet"),
                               absl::StrCat(replica_->port()));
    })) << "the Sentinel does not find the replica";
  }
  if (options_.cluster) cluster_ = std::make_unique<RedisCluster>();
  for (size_t i = 0; i < options_.more_engines; ++i) {
    more_engines_.push_back(std::make_unique<RedisProcess>());
  }
  for (size_t i = 0; i < options_.clients; ++i) clients_[absl::StrCat("client-", i)];
  nodes_.resize(options_.brokers);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    if (!options_.sentinel && !options_.cluster)
      nodes_[i].link = std::make_unique<TcpProxy>(engine_->port());
    nodes_[i].broker = StartBroker(i);
    EXPECT_TRUE(nodes_[i].broker->running()) << nodes_[i].broker->Log();
    nodes_[i].admin = std::make_unique<AdminClient>(nodes_[i].broker->Expand("{DIR}/admin.sock"));
  }
  WaitUntilReady();
}

BrokerFleet::~BrokerFleet() {
  for (Node& node : nodes_) node.broker->Signal(SIGCONT);
}

std::string BrokerFleet::Name(size_t i) { return absl::StrCat("broker-", i); }

std::string BrokerFleet::EngineUrl(size_t i) const {
  if (options_.cluster) return cluster_->Url();
  if (options_.sentinel) return absl::StrCat("sentinel://127.0.0.1:", sentinel_->port(), "/fleet");
  std::string url = absl::StrCat("redis://127.0.0.1:", nodes_[i].link->port());
  for (const auto& engine : more_engines_) {
    absl::StrAppend(&url, " redis://127.0.0.1:", engine->port());
  }
  return url;
}

std::unique_ptr<BrokerProcess> BrokerFleet::StartBroker(size_t i) {
  BrokerOptions broker;
  broker.config = kPlainConfig;
  broker.plugin = SessionStatusPlugin();
  std::map<std::string, std::string> options = {{"admin_socket", "{DIR}/admin.sock"},
                                                {"snapshot_refresh", "100ms"},
                                                {"fleet_url", EngineUrl(i)},
                                                {"node_id", Name(i)},
                                                {"fleet_lease", "2s"},
                                                {"listener_nice", "0"}};
  for (const auto& [name, value] : options_.plugin_options) options[name] = value;
  broker.plugin_options.assign(options.begin(), options.end());
  if (!options_.faketime_library.empty()) {
    SetClock(i, absl::Minutes(10) * static_cast<double>(i));
    broker.environment = {{"LD_PRELOAD", options_.faketime_library},
                          {"FAKETIME_TIMESTAMP_FILE", clocks_.File(Name(i))},
                          {"FAKETIME_NO_CACHE", "1"},
                          {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
                          {"DONT_FAKE_MONOTONIC", "1"}};
  }
  return BrokerProcess::Start(broker);
}

void BrokerFleet::WaitUntilReady() {
  EXPECT_TRUE(WaitUntil([this] {
    for (Node& node : nodes_) {
      if (node.usable && node.admin->Get("/readyz").status != 200) return false;
    }
    return true;
  })) << Describe();
}

void BrokerFleet::Connect(const std::string& id, size_t node) {
  RawConnection connection = RawConnection::Tcp(broker(node).port());
  ASSERT_EQ(connection.Connect({.id = id}), 0) << id << " to " << Name(node);
  ASSERT_TRUE(connection.Ping()) << id << " to " << Name(node);
  Client& client = clients_[id];
  client.connections.emplace_back(node, std::move(connection));
  client.node = static_cast<int>(node);
}

void BrokerFleet::Disconnect(const std::string& id) {
  Client& client = clients_[id];
  client.connections.back().second.Send(EncodeDisconnect());
  client.connections.pop_back();
  client.node = -1;
}

bool BrokerFleet::OnlineInBatch(size_t node, const std::string& id) {
  const BatchAnswer answer = admin(node).Batch({id});
  return answer.ok && answer.online.at(0);
}

void BrokerFleet::Act() {
  const auto it =
      std::next(clients_.begin(), static_cast<std::ptrdiff_t>(random_() % clients_.size()));
  Client& client = it->second;
  if (absl::Now() - client.acted < kReconnectTime) return;
  if (client.node < 0 || random_() % 3 == 0) {
    const size_t node = random_() % nodes_.size();
    if (nodes_[node].usable) Connect(it->first, node);
  } else {
    Disconnect(it->first);
  }
  client.acted = absl::Now();
}

void BrokerFleet::Churn(size_t events) {
  for (size_t i = 0; i < events && !::testing::Test::HasFatalFailure(); ++i) Act();
}

void BrokerFleet::ChurnFor(absl::Duration duration) {
  const absl::Time end = absl::Now() + duration;
  while (absl::Now() < end && !::testing::Test::HasFatalFailure()) {
    Churn(5);
    absl::SleepFor(absl::Milliseconds(20));  // the pace of the churn, not a wait for anything
  }
}

void BrokerFleet::Kill(size_t i) {
  broker(i).Kill();
  nodes_[i].usable = false;
  for (auto& [id, client] : clients_) {
    if (client.node != static_cast<int>(i)) continue;
    // Its older connections may be open elsewhere, and the fleet may never have heard of the newer
    // one: the device is gone altogether.
    client.connections.clear();
    client.node = -1;
  }
}

void BrokerFleet::Restart(size_t i) {
  broker(i).Restart();
  ASSERT_TRUE(broker(i).running());
  nodes_[i].usable = true;
  WaitUntilReady();
}

void BrokerFleet::Freeze(size_t i) {
  nodes_[i].usable = false;
  broker(i).Signal(SIGSTOP);
}

void BrokerFleet::Thaw(size_t i) {
  broker(i).Signal(SIGCONT);
  nodes_[i].usable = true;
}

void BrokerFleet::SetClock(size_t i, absl::Duration ahead) {
  clocks_.Write(Name(i),
                absl::StrCat(ahead < absl::ZeroDuration() ? "" : "+", absl::ToInt64Seconds(ahead)));
}

size_t BrokerFleet::Wrong(std::string* example) {
  std::vector<std::string> ids;
  for (const auto& [id, client] : clients_) ids.push_back(id);
  size_t wrong = 0;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (!nodes_[n].usable) continue;
    const BatchAnswer batch = admin(n).Batch(ids);
    for (size_t i = 0; i < ids.size(); ++i) {
      const bool truly = clients_[ids[i]].node >= 0;
      if (batch.ok && batch.online[i] == truly) continue;
      ++wrong;
      *example = absl::StrCat(Name(n), ", batch: ", ids[i], " is ",
                              batch.ok ? batch.states[i] : "not answered", ", truth ", truly);
    }
  }
  if (wrong > 0) return wrong;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (!nodes_[n].usable) continue;
    for (const std::string& id : ids) {
      const int holder = clients_[id].node;
      const SessionAnswer exact = admin(n).Query(id);
      const bool right =
          exact.ok && exact.online == (holder >= 0) &&
          (holder < 0 ||
           absl::StrContains(exact.raw,
                             absl::StrCat("\"node\":\"", Name(static_cast<size_t>(holder)), "\"")));
      if (right) continue;
      ++wrong;
      *example = absl::StrCat(Name(n), ", exact: ", exact.raw, ", truth ",
                              holder < 0 ? "offline" : Name(static_cast<size_t>(holder)));
    }
  }
  return wrong;
}

void BrokerFleet::ExpectTruthEverywhere() {
  size_t wrong = 0;
  std::string example;
  const bool right =
      WaitUntil([&] { return (wrong = Wrong(&example)) == 0; }, kPatience, absl::Milliseconds(50));
  EXPECT_TRUE(right) << wrong << " wrong answers, for example " << example << "\n" << Describe();
}

std::string BrokerFleet::Describe() {
  std::string out;
  for (size_t n = 0; n < nodes_.size(); ++n) {
    if (nodes_[n].usable) {
      absl::StrAppend(&out, Name(n), ": ", admin(n).Call("GetFleet", "{}").body, "\n");
    }
  }
  return out;
}

}  // namespace session_status::testing
