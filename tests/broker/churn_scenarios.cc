// Many clients that come and go at random, in processes of their own, some of them killed, some
// behind a relay that lets nothing pass for a while or drops all connections: at rest the registry
// says what the clients themselves know, and what the broker counts.
//
// SESSION_STATUS_CHURN_CLIENTS (default 200), _SECONDS (3), _SEEDS (1): the promise is held at
// 2,000 clients, 60 s, 20 seeds.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/broker/scenario.h"
#include "tests/fleet/tcp_proxy.h"

namespace session_status::testing {
namespace {

constexpr int kWorkers = 4;
// A silent client is noticed after 1.5 times this, plus the broker's grain (2.0.11: five seconds).
// One process pings hundreds of clients in turn: with many of them it needs longer for a round.
uint16_t KeepaliveS(size_t clients) { return clients > 500 ? 10 : 2; }

// One process: owns a range of identifiers and does random things to them until told to stop; then
// says which of them still answer a ping.
class Worker {
 public:
  Worker(uint16_t port, std::vector<std::string> ids, uint64_t seed)
      : port_(port),
        ids_(std::move(ids)),
        keepalive_s_(KeepaliveS(ids_.size() * kWorkers)),
        rng_(seed) {}

  // In the child. `control`: one byte ends the churn. `report`: ids online, one per line.
  [[noreturn]] void Run(int control, int report) {
    while (!Readable(control)) {
      const std::string& id = ids_[rng_() % ids_.size()];
      Step(id, connections_[id]);
      KeepAlive();
    }
    std::string online;
    for (auto& [id, connection] : connections_) {
      // One in ten falls silent for good: the broker has to notice by itself.
      if (connection.open() && rng_() % 10 == 0) silent_.push_back(std::move(connection));
      if (connection.open() && connection.Ping()) absl::StrAppend(&online, id, "\n");
    }
    online += ".\n";
    size_t written = 0;
    while (written < online.size()) {
      const ssize_t n = write(report, online.data() + written, online.size() - written);
      if (n <= 0) break;
      written += static_cast<size_t>(n);
    }
    // Keep the survivors alive until the parent has compared.
    while (!Hung(control)) KeepAlive();
    _exit(0);
  }

 private:
  static bool Readable(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    if (poll(&waiting, 1, 0) <= 0) return false;
    char byte = 0;
    return read(fd, &byte, 1) >= 0;
  }
  static bool Hung(int fd) {
    pollfd waiting{fd, POLLIN, 0};
    return poll(&waiting, 1, 50) > 0;  // the parent closed its end
  }

  void Step(const std::string& id, RawConnection& connection) {
    switch (rng_() % 8) {
      case 0:
        if (connection.open()) connection.Send(EncodeDisconnect());
        connection.Close();
        return;
      case 1:
        connection.Close();
        return;
      case 2:
        connection.Reset();
        return;
      case 3:  // falls silent: the socket stays open, nobody will hear of it again
        if (connection.open() && silent_.size() < 20) {
          silent_.push_back(std::move(connection));
        }
        return;
      default: {  // connects; with a live connection that is a takeover
        RawConnection newer = RawConnection::Tcp(port_);
        const bool clean = rng_() % 2 == 0;
        if (newer.open() &&
            newer.Connect({.id = id, .clean = clean, .keepalive_s = keepalive_s_}) == 0) {
          connection.Reset();
          connection = std::move(newer);
        }
        return;
      }
    }
  }

  void KeepAlive() {
    if (absl::Now() < next_ping_) return;
    next_ping_ = absl::Now() + absl::Milliseconds(500);
    for (auto& [id, connection] : connections_) {
      if (connection.open() && !connection.Ping()) connection.Close();
    }
  }

  const uint16_t port_;
  const std::vector<std::string> ids_;
  const uint16_t keepalive_s_;
  std::mt19937_64 rng_;
  std::map<std::string, RawConnection> connections_;
  std::vector<RawConnection> silent_;
  absl::Time next_ping_ = absl::InfinitePast();
};

// The parent's end of a worker process.
class WorkerProcess {
 public:
  WorkerProcess(uint16_t port, const std::vector<std::string>& ids, uint64_t seed) {
    int control[2];
    int report[2];
    if (pipe2(control, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0) abort();
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      // Nothing else of the parent's stays open here: what its relay closes must be closed.
      const auto [low, high] = std::minmax({control[0], report[1]});
      if (low > 3) close_range(3, static_cast<unsigned>(low) - 1, 0);
      if (high > low + 1) close_range(low + 1, static_cast<unsigned>(high) - 1, 0);
      close_range(static_cast<unsigned>(high) + 1, ~0U, 0);
      Worker(port, ids, seed).Run(control[0], report[1]);
    }
    close(control[0]);
    close(report[1]);
    control_ = control[1];
    report_ = report[0];
  }
  ~WorkerProcess() { Kill(); }
  void Kill() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(control_);
    close(report_);
    pid_ = -1;
  }
  void Stop() {
    const char byte = 's';
    EXPECT_EQ(write(control_, &byte, 1), 1);
  }
  std::set<std::string> Online() {
    std::string text;
    char buffer[4096];
    while (text.size() < 2 || text.substr(text.size() - 2) != ".\n") {
      const ssize_t n = read(report_, buffer, sizeof(buffer));
      if (n <= 0) {
        ADD_FAILURE() << "a worker died";
        break;
      }
      text.append(buffer, static_cast<size_t>(n));
    }
    std::set<std::string> ids;
    for (absl::string_view id : absl::StrSplit(text, '\n')) {
      if (!id.empty() && id != ".") ids.emplace(id);
    }
    return ids;
  }

 private:
  pid_t pid_ = -1;
  int control_ = -1;
  int report_ = -1;
};

// The network of one worker: up, dead silent, or down, changed now and then.
class BadNetwork {
 public:
  BadNetwork(uint16_t broker_port, uint64_t seed) : relay_(broker_port), rng_(seed) {}
  uint16_t port() const { return relay_.port(); }
  void Change() {
    const TcpProxy::Link links[] = {TcpProxy::Link::kUp, TcpProxy::Link::kUp,
                                    TcpProxy::Link::kSilent, TcpProxy::Link::kDown};
    relay_.Set(links[rng_() % std::size(links)]);
  }
  // Up again, and everything that was under way has reached the broker: a packet of a client that
  // is long dead may have waited in the relay.
  void Heal() {
    relay_.Set(TcpProxy::Link::kUp);
    RawConnection probe = RawConnection::Tcp(relay_.port());
    EXPECT_EQ(probe.Connect({.id = "probe"}), 0);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(probe.Ping());
    probe.Send(EncodeDisconnect());
    EXPECT_TRUE(probe.WaitClosed());
  }

 private:
  TcpProxy relay_;
  std::mt19937_64 rng_;
};

SCENARIOS(ChurnScenario);

TEST_P(ChurnScenario, AtRestTheRegistryIsWhatTheClientsKnowAndWhatTheBrokerCounts) {
  const int clients = FromEnvironment("SESSION_STATUS_CHURN_CLIENTS", 200);
  const int seconds = FromEnvironment("SESSION_STATUS_CHURN_SECONDS", 3);
  const int seeds = FromEnvironment("SESSION_STATUS_CHURN_SEEDS", 1);
  for (uint64_t seed = 1; seed <= static_cast<uint64_t>(seeds); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    Start(
        "sys_interval 1\nlistener {PORT} 127.0.0.1\nallow_anonymous true\nmax_connections -1\n"
        "plugin {PLUGIN}\n{OPTIONS}\nplugin_opt_audit_period 1s\n");
    std::vector<std::string> ids;
    std::vector<std::vector<std::string>> ranges(kWorkers);
    for (int i = 0; i < clients; ++i) {
      ids.push_back(absl::StrCat("churn-", i));
      ranges[i % kWorkers].push_back(ids.back());
    }
    BadNetwork network(port(), seed);
    const auto port_of = [&](size_t worker) { return worker == 0 ? network.port() : port(); };
    std::vector<std::unique_ptr<WorkerProcess>> workers;
    for (size_t w = 0; w < kWorkers; ++w) {
      workers.push_back(std::make_unique<WorkerProcess>(port_of(w), ranges[w], seed * 100 + w));
    }
    std::mt19937_64 rng(seed);
    const absl::Time end = absl::Now() + absl::Seconds(seconds);
    int killed = 0;
    while (absl::Now() < end) {
      absl::SleepFor(absl::Milliseconds(300));  // pace of the killing, not a wait for anything
      const size_t victim = rng() % kWorkers;
      workers[victim]->Kill();
      workers[victim] =
          std::make_unique<WorkerProcess>(port_of(victim), ranges[victim], seed * 1000 + ++killed);
      network.Change();
    }
    network.Heal();
    std::set<std::string> truth;
    for (auto& worker : workers) worker->Stop();
    for (auto& worker : workers) truth.merge(worker->Online());

    // Silent clients end when their keepalive does.
    EXPECT_TRUE(WaitUntil([&] { return admin_->Status().online == truth.size(); }))
        << "online " << admin_->Status().online << ", clients say " << truth.size();
    int differences = 0;
    const auto batch = [&] { return admin_->Batch(ids); };
    BatchAnswer cached = batch();
    const uint64_t sequence = admin_->Status().sequence;
    WaitUntil([&] { return (cached = batch()).sequence >= sequence; });
    ASSERT_EQ(cached.online.size(), ids.size());
    for (size_t i = 0; i < ids.size(); ++i) {
      const bool want = truth.count(ids[i]) == 1;
      differences += Query(ids[i]).online != want;
      differences += cached.online[i] != want;
    }
    EXPECT_EQ(differences, 0);
    // And it was right by itself: the audit, which compared all the time, found nothing to repair.
    const std::string audit = admin_->Call("GetAudit", "{}").body;
    EXPECT_FALSE(absl::StrContains(audit, "repaired")) << audit;
    RecordProperty("audit", audit);

    auto watcher = Online({.id = "watcher"});
    ASSERT_TRUE(watcher->Subscribe("$SYS/broker/clients/connected"));
    EXPECT_TRUE(WaitUntil([&] {
      watcher->Serve();
      int count = 0;
      return !watcher->received().empty() && absl::SimpleAtoi(watcher->received().back(), &count) &&
             static_cast<size_t>(count) == truth.size() + 1;
    })) << "the broker counts "
        << (watcher->received().empty() ? "nothing" : watcher->received().back()) << ", clients "
        << truth.size() + 1;
  }
}

}  // namespace
}  // namespace session_status::testing
