// The fleet's bounds on this machine: three nodes, as registries and fleet objects in one process,
// against one real redis-server on loopback. Prints figure, bound and verdict of each.
//
//   fleet_bench [--sessions=1000000] [--seconds=5] [--partition_s=60] [--ghost_rounds=5]
//               [--only=memory,bootstrap,visibility,events,ghosts,partition] [--verbose]
//
// "Cores busy" is the processor time that the three nodes, the bench and redis-server used, by the
// time that passed: near the number of cores, a figure is the machine's and not the fleet's.
//
// `./tools/bench fleet` builds and runs it.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "plugin/fleet/fleet.h"
#include "registry/session_registry.h"
#include "registry/whole_view.h"
#include "tests/fleet/redis_process.h"
#include "tests/fleet/tcp_proxy.h"

namespace session_status {
namespace {

using registry::SessionEvent;
using testing::RedisProcess;
using testing::TcpProxy;

constexpr absl::Duration kRefresh = absl::Milliseconds(100);
constexpr absl::Duration kLease = absl::Seconds(3);
constexpr size_t kNodes = 3;

struct Settings {
  uint64_t sessions = 1'000'000;
  uint64_t seconds = 5;
  uint64_t partition_s = 60;
  uint64_t ghost_rounds = 5;
  std::string only;  // empty: all
  bool verbose = false;
  bool Wants(absl::string_view part) const {
    const std::vector<std::string> parts = absl::StrSplit(only, ',', absl::SkipEmpty());
    return parts.empty() || std::find(parts.begin(), parts.end(), part) != parts.end();
  }
};

void Require(bool condition, absl::string_view what) {
  if (condition) return;
  fprintf(stderr, "fleet_bench: %s\n", std::string(what).c_str());
  exit(1);
}

void WaitFor(const std::function<bool()>& condition, absl::string_view what) {
  const absl::Time deadline = absl::Now() + absl::Minutes(5);
  while (!condition()) {
    Require(absl::Now() < deadline, absl::StrCat("gave up waiting for ", what));
    absl::SleepFor(absl::Milliseconds(2));
  }
}

// A registry, its fleet object, and a refresher. Its own thread of events is the caller's.
class Node {
 public:
  Node(size_t number, uint16_t port, uint64_t sessions) : prefix_(absl::StrCat("n", number, "-")) {
    fleet::FleetOptions options;
    options.engines.emplace_back();
    Require(
        fleet::ParseEngineUrl(absl::StrCat("redis://127.0.0.1:", port), &options.engines[0]).ok(),
        "engine URL");
    options.name = "bench";
    options.node_id = absl::StrCat("node-", number);
    options.lease = kLease;
    options.capacity = static_cast<uint32_t>(sessions);
    options.nice_level = 0;
    fleet_ = std::make_unique<fleet::Fleet>(options, own_, registry::RegistryOptions(),
                                            [](const std::string&) {});
    Require(fleet_->Start().ok(), "a thread for the fleet");
    refresher_ = std::thread([this] {
      while (!stop_.load()) {
        fleet_->PublishSnapshot(absl::Now());
        own_.PublishSnapshot(absl::Now());
        const absl::Time until = absl::Now() + kRefresh;
        absl::Duration pause = absl::Milliseconds(1);
        while (absl::Now() < until) {
          pause = std::min(fleet_->PopulateAhead(pause), until - absl::Now());
          absl::SleepFor(pause);
        }
      }
    });
  }
  ~Node() {
    stop_.store(true);
    refresher_.join();
  }

  std::string Id(uint64_t i) const { return absl::StrCat(prefix_, i); }

  void Connect(uint64_t i) {
    if (online_.size() <= i) online_.resize(i + 1);
    const std::string id = Id(i);
    SessionEvent event;
    event.client_id = id;
    event.incarnation = online_[i] = ++incarnation_;
    event.time = absl::Now();
    Apply(event);
  }
  void Disconnect(uint64_t i) {
    const std::string id = Id(i);
    SessionEvent event;
    event.kind = SessionEvent::Kind::kEnded;
    event.client_id = id;
    event.incarnation = online_[i];
    event.reason = registry::EndReason::kClientDisconnect;
    event.time = absl::Now();
    Apply(event);
    online_[i] = 0;
  }
  void Toggle(uint64_t i) { i < online_.size() && online_[i] != 0 ? Disconnect(i) : Connect(i); }

  bool Sees(const std::string& id) const {
    registry::SessionStatus status;
    registry::WholeView(own_, &*fleet_).QuerySnapshot({id}, absl::MakeSpan(&status, 1));
    return status.online();
  }
  registry::FleetStatus Status() const { return fleet_->Status(); }
  uint64_t connected() const {
    return own_.Counts().by_state[static_cast<size_t>(registry::SessionState::kOnline)];
  }
  uint64_t others_online() const {
    return fleet_->others().Counts().by_state[static_cast<size_t>(registry::SessionState::kOnline)];
  }
  void Abandon() { fleet_->AbandonForTest(); }
  // Its queue will not get shorter before the link is back, so its changes do not wait for that.
  void NoteCutOff() { cut_off_ = true; }

 private:
  void Apply(const SessionEvent& event) {
    fleet_->OnChange(event, own_.Apply(event));
    // A broker makes some tens of thousands of changes a second; here nothing else slows us down.
    if (cut_off_ || ++applied_ % 4096 != 0) return;
    while (fleet_->Status().queued > fleet::kQueuedChangesMax / 2) {
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  const std::string prefix_;
  registry::SessionRegistry own_;
  std::unique_ptr<fleet::Fleet> fleet_;
  std::vector<uint64_t> online_;  // incarnation; 0: offline
  uint64_t incarnation_ = 0;
  uint64_t applied_ = 0;
  bool cut_off_ = false;
  std::atomic<bool> stop_{false};
  std::thread refresher_;
};

using Nodes = std::deque<std::unique_ptr<Node>>;

void OnEach(Nodes& nodes, const std::function<void(Node&, size_t)>& work) {
  std::vector<std::thread> threads;
  for (size_t n = 0; n < nodes.size(); ++n) {
    threads.emplace_back([&, n] { work(*nodes[n], n); });
  }
  for (std::thread& t : threads) t.join();
}

// Every node knows as many others as there are.
bool Settled(const Nodes& nodes) {
  uint64_t total = 0;
  for (const auto& node : nodes) total += node->connected();
  return std::all_of(nodes.begin(), nodes.end(), [total](const auto& node) {
    const registry::FleetStatus status = node->Status();
    return status.queued == 0 && node->others_online() + node->connected() == total;
  });
}

// What this process and the engine use of the machine, since it was made.
class Load {
 public:
  explicit Load(RedisProcess& engine) : engine_(engine), ours_(Ours()), engines_(Engines()) {}
  double CoresBusy() const {
    return (Ours() - ours_ + Engines() - engines_) / absl::ToDoubleSeconds(absl::Now() - begin_);
  }

 private:
  static double Seconds(const timeval& t) {
    return absl::ToDoubleSeconds(absl::DurationFromTimeval(t));
  }
  static double Ours() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
  }
  double Engines() const {
    double total = 0;
    for (absl::string_view line : absl::StrSplit(engine_.Command("INFO cpu"), "\r\n")) {
      double seconds = 0;
      const bool counts = absl::ConsumePrefix(&line, "used_cpu_sys:") ||
                          absl::ConsumePrefix(&line, "used_cpu_user:");
      if (counts && absl::SimpleAtod(line, &seconds)) total += seconds;
    }
    return total;
  }

  RedisProcess& engine_;
  const absl::Time begin_ = absl::Now();
  const double ours_;
  const double engines_;
};

// `load`: nullptr where it says nothing.
void Row(absl::string_view what, double figure, absl::string_view unit, const Load* load,
         absl::string_view bound, bool reached) {
  const std::string busy = load == nullptr ? "" : absl::StrFormat("%.2f", load->CoresBusy());
  absl::PrintF("| %s | %.4g %s | %s | %s | %s |\n", what, figure, unit, busy, bound,
               reached ? "reached" : "**missed**");
  fflush(stdout);
}

// What the nodes had to repair, on stderr: a figure may be due to that.
void DescribeRepairs(const Nodes& nodes, absl::string_view when) {
  for (const auto& node : nodes) {
    const registry::FleetStatus s = node->Status();
    absl::FPrintF(stderr, "%s: %s: %d resends, %d loads, %d engine errors, %d write errors %s\n",
                  when, s.node, s.resends, s.loads, s.engine_errors, s.write_errors, s.last_error);
  }
}

void StartNodes(uint16_t port, uint64_t sessions, Nodes* nodes) {
  for (size_t n = 0; n < kNodes; ++n) {
    nodes->push_back(std::make_unique<Node>(n, port, sessions));
  }
  for (const auto& node : *nodes) {
    WaitFor([&] { return node->Status().ready; }, "a node to join");
  }
}

void Fill(Nodes& nodes, uint64_t sessions) {
  OnEach(nodes, [&](Node& node, size_t) {
    for (uint64_t i = 0; i < sessions / kNodes; ++i) node.Connect(i);
  });
  WaitFor([&] { return Settled(nodes); }, "the nodes to know each other's sessions");
}

// As many random connects and disconnects as go through, until every node has seen them all.
void MeasureEvents(RedisProcess& engine, Nodes& nodes, const Settings& settings) {
  const Load load(engine);
  std::atomic<uint64_t> events{0};
  const uint64_t ids = settings.sessions / kNodes;
  const absl::Time begin = absl::Now();
  OnEach(nodes, [&](Node& node, size_t n) {
    std::mt19937_64 random(n + 1);
    uint64_t mine = 0;
    const absl::Time end = begin + absl::Seconds(settings.seconds);
    for (; mine % 1024 != 0 || absl::Now() < end; ++mine) node.Toggle(random() % ids);
    events += mine;
  });
  WaitFor([&] { return Settled(nodes); }, "the events to arrive");
  const double rate = static_cast<double>(events) / absl::ToDoubleSeconds(absl::Now() - begin);
  Row("connects and disconnects of three nodes, seen by all", rate, "/s", &load, "≥ 100,000 /s",
      rate >= 100'000);
}

void MeasureMemory(RedisProcess& engine, uint64_t empty_bytes, uint64_t sessions) {
  const double bytes =
      static_cast<double>(engine.UsedMemory() - empty_bytes) / static_cast<double>(sessions);
  Row("used_memory a session", bytes, "B", nullptr, "≤ 50 B", bytes <= 50);
}

void MeasureBootstrap(RedisProcess& engine, const Settings& settings) {
  const Load load(engine);
  const absl::Time begin = absl::Now();
  Node late(kNodes, engine.port(), settings.sessions);
  WaitFor([&] { return late.Status().ready; }, "the new node");
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  Row(absl::StrCat("a new node has read ", late.others_online(), " sessions after"), seconds, "s",
      &load, "< 2 s for 1,000,000", seconds < 2);
}

// A change on the first node in the second's snapshot, beside `rate` events a second of all.
void MeasureVisibility(RedisProcess& engine, Nodes& nodes, uint64_t rate,
                       const Settings& settings) {
  const Load busy(engine);
  std::atomic<bool> stop{false};
  const uint64_t ids = settings.sessions / kNodes;
  std::vector<std::thread> load;
  for (size_t n = 1; n < kNodes; ++n) {  // the first node's thread makes the probes
    load.emplace_back([&, n] {
      std::mt19937_64 random(n);
      const uint64_t per_round = rate / 100 / (kNodes - 1);
      for (absl::Time next = absl::Now(); !stop.load(); next += absl::Milliseconds(10)) {
        for (uint64_t i = 0; i < per_round; ++i) nodes[n]->Toggle(random() % ids);
        absl::SleepFor(next - absl::Now());
      }
    });
  }
  std::vector<double> delays;
  for (uint64_t probe = 0; probe < settings.seconds * 40; ++probe) {
    const uint64_t i = ids + probe;  // of its own, unknown before
    const absl::Time begin = absl::Now();
    nodes[0]->Connect(i);
    WaitFor([&] { return nodes[1]->Sees(nodes[0]->Id(i)); }, "a change to be seen");
    delays.push_back(absl::ToDoubleMilliseconds(absl::Now() - begin));
    if (settings.verbose && delays.back() > 150) {
      absl::FPrintF(stderr, "probe %d: %.0f ms, queued %d %d %d\n", probe, delays.back(),
                    nodes[0]->Status().queued, nodes[1]->Status().queued,
                    nodes[2]->Status().queued);
    }
    nodes[0]->Disconnect(i);
  }
  stop.store(true);
  for (std::thread& t : load) t.join();
  std::sort(delays.begin(), delays.end());
  const double p99 = delays[delays.size() * 99 / 100];
  const double bound = absl::ToDoubleMilliseconds(kRefresh) + 50;
  Row(absl::StrCat("a change in another node's snapshot, p99, beside ", rate, " events/s"), p99,
      "ms", &busy, absl::StrCat("< ", bound, " ms (refresh + 50 ms)"), p99 < bound);
}

// The worst of several deaths without a word.
void MeasureGhosts(uint16_t port, Node& watcher, const Settings& settings) {
  constexpr uint64_t kClients = 10'000;
  double worst = 0;
  for (uint64_t round = 0; round < settings.ghost_rounds; ++round) {
    const uint64_t before = watcher.others_online();
    Node victim(100 + round, port, settings.sessions);
    WaitFor([&] { return victim.Status().ready; }, "a node to join");
    for (uint64_t i = 0; i < kClients; ++i) victim.Connect(i);
    WaitFor([&] { return watcher.others_online() == before + kClients; }, "its clients");
    victim.Abandon();
    const absl::Time begin = absl::Now();
    WaitFor([&] { return watcher.others_online() == before && !watcher.Sees(victim.Id(0)); },
            "the ghosts to go");
    worst = std::max(worst, absl::ToDoubleSeconds(absl::Now() - begin));
  }
  Row("the last ghost of a killed node", worst, "s", nullptr,
      absl::StrCat("≤ ", absl::ToDoubleSeconds(kLease) + 1, " s (lease + 1 s)"),
      worst <= absl::ToDoubleSeconds(kLease) + 1);
}

void MeasurePartition(uint16_t port, Nodes& nodes, const Settings& settings) {
  TcpProxy link(port);
  Nodes fleet;
  fleet.push_back(std::make_unique<Node>(200, link.port(), settings.sessions));
  WaitFor([&] { return fleet[0]->Status().ready; }, "a node to join");
  for (uint64_t i = 0; i < 10'000; ++i) fleet[0]->Connect(i);
  fleet.push_back(std::move(nodes[0]));
  fleet.push_back(std::move(nodes[1]));
  fleet.push_back(std::move(nodes[2]));
  WaitFor([&] { return Settled(fleet); }, "its clients");
  fleet[0]->NoteCutOff();
  link.Set(TcpProxy::Link::kSilent);
  std::mt19937_64 random(9);
  const absl::Time end = absl::Now() + absl::Seconds(settings.partition_s);
  while (absl::Now() < end) {  // all sides go on living
    for (auto& node : fleet) {
      for (int i = 0; i < 10; ++i) node->Toggle(random() % 10'000);
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
  link.Set(TcpProxy::Link::kUp);
  const absl::Time begin = absl::Now();
  WaitFor([&] { return Settled(fleet); }, "the views to be equal again");
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  Row(absl::StrCat("views equal again after a partition of ", settings.partition_s, " s"), seconds,
      "s", nullptr, "≤ 5 s", seconds <= 5);
  for (size_t n = 0; n < kNodes; ++n) nodes[n] = std::move(fleet[n + 1]);
}

void Run(const Settings& settings) {
  RedisProcess engine;
  const uint64_t empty_bytes = engine.UsedMemory();
  printf("| what | figure | cores busy | bound | |\n|---|---|---|---|---|\n");
  Nodes nodes;
  StartNodes(engine.port(), settings.sessions, &nodes);
  Fill(nodes, settings.sessions);
  if (settings.verbose) DescribeRepairs(nodes, "fill");
  const std::pair<const char*, std::function<void()>> parts[] = {
      {"memory", [&] { MeasureMemory(engine, empty_bytes, settings.sessions); }},
      {"bootstrap", [&] { MeasureBootstrap(engine, settings); }},
      {"visibility",
       [&] {
         MeasureVisibility(engine, nodes, 10'000, settings);
         MeasureVisibility(engine, nodes, 100'000, settings);
       }},
      {"events", [&] { MeasureEvents(engine, nodes, settings); }},
      {"ghosts", [&] { MeasureGhosts(engine.port(), *nodes[0], settings); }},
      {"partition", [&] { MeasurePartition(engine.port(), nodes, settings); }}};
  for (const auto& [name, measure] : parts) {
    if (!settings.Wants(name)) continue;
    measure();
    if (settings.verbose) DescribeRepairs(nodes, name);
  }
}

Settings Parse(int argc, char** argv) {
  Settings settings;
  const std::pair<absl::string_view, uint64_t*> known[] = {
      {"--sessions=", &settings.sessions},
      {"--seconds=", &settings.seconds},
      {"--partition_s=", &settings.partition_s},
      {"--ghost_rounds=", &settings.ghost_rounds}};
  for (int i = 1; i < argc; ++i) {
    absl::string_view only = argv[i];
    if (absl::ConsumePrefix(&only, "--only=")) {
      settings.only = std::string(only);
      continue;
    }
    if (only == "--verbose") {
      settings.verbose = true;
      continue;
    }
    const bool good = std::any_of(std::begin(known), std::end(known), [&](const auto& k) {
      absl::string_view word = argv[i];
      return absl::ConsumePrefix(&word, k.first) && absl::SimpleAtoi(word, k.second);
    });
    Require(good && settings.sessions >= 30'000 && settings.seconds > 0,
            absl::StrCat("cannot use ", argv[i], "; see the top of bench/fleet_bench.cc"));
  }
  return settings;
}

}  // namespace
}  // namespace session_status

int main(int argc, char** argv) {
  session_status::Run(session_status::Parse(argc, argv));
  return 0;
}
