// How old an answer may be: clients that come and go at a slow pace, asked for all the while.
// What each of them did is known from its own side as an interval: before it began, after the
// broker had done with it. An answer is right if every client may have been as it says at some
// moment that the answer is about.
//
// The pace matters: at full speed the churn itself hides an old answer. Here each client
// changes about once per four bounds, so that in any one bound some of them have changed
// and an older answer is wrong.
//
// SESSION_STATUS_STALENESS_SECONDS: how long (default 4).
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <random>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

constexpr absl::Duration kRefresh = absl::Milliseconds(200);
constexpr absl::Duration kSlack = absl::Milliseconds(50);  // of the promise, beyond the refresh
constexpr size_t kClients = 24;

// What one client was, from its own side.
class Truth {
 public:
  // It became `online` at some moment in [earliest, latest].
  void Add(bool online, absl::Time earliest, absl::Time latest) {
    changes_.push_back({online, earliest, latest});
  }
  // Whether it may have been `online` at some moment in [from, to].
  bool Possible(bool online, absl::Time from, absl::Time to) const {
    for (size_t i = 0; i < changes_.size(); ++i) {
      const absl::Time until =
          i + 1 < changes_.size() ? changes_[i + 1].latest : absl::InfiniteFuture();
      if (changes_[i].online == online && changes_[i].earliest <= to && until >= from) return true;
    }
    return false;
  }

 private:
  struct Change {
    bool online;
    absl::Time earliest, latest;
  };
  std::vector<Change> changes_{{false, absl::InfinitePast(), absl::InfinitePast()}};
};

// One of our clients, and its story.
class Toggler {
 public:
  Toggler(uint16_t port, std::string id, RawConnection* witness)
      : port_(port), id_(std::move(id)), witness_(witness) {}
  void Toggle(uint64_t random) {
    const absl::Time earliest = absl::Now();
    const bool comes = !client_.open();
    if (comes) {
      client_ = RawConnection::Tcp(port_);
      ASSERT_EQ(client_.Connect({.id = id_}), 0);
    } else if (random % 3 == 0) {
      client_.Reset();
    } else if (random % 3 == 1) {
      client_.Close();
    } else {
      ASSERT_TRUE(client_.Send(EncodeDisconnect()));
      ASSERT_TRUE(client_.WaitClosed());
    }
    // The broker has one thread: when it answers another client the second time, it has been round
    // its loop since and has done with what came before.
    ASSERT_TRUE(witness_->Ping() && witness_->Ping());
    truth_.Add(comes, earliest, absl::Now());
  }
  const Truth& truth() const { return truth_; }

 private:
  const uint16_t port_;
  const std::string id_;
  RawConnection* const witness_;
  RawConnection client_;
  Truth truth_;
};

// The plugin's thread of that name in the broker's process; 0: there is none.
pid_t ThreadNamed(pid_t process, absl::string_view name) {
  for (const auto& task :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", process, "/task"))) {
    if (ReadFile(task.path() / "comm") != absl::StrCat(name, "\n")) continue;
    int thread = 0;
    EXPECT_TRUE(absl::SimpleAtoi(task.path().filename().string(), &thread));
    return thread;
  }
  return 0;
}

// How long, in all, a thread was ready to run and another had its processor. On a machine that
// others share this is what an answer may be late by without any fault of the plugin's.
class RunDelay {
 public:
  RunDelay(pid_t process, pid_t thread)
      : path_(absl::StrCat("/proc/", process, "/task/", thread, "/schedstat")) {}
  absl::Duration Now() const {
    const std::vector<std::string> fields = absl::StrSplit(ReadFile(path_), ' ');
    int64_t nanoseconds = 0;
    EXPECT_TRUE(fields.size() == 3 && absl::SimpleAtoi(fields[1], &nanoseconds)) << path_;
    return absl::Nanoseconds(nanoseconds);
  }

 private:
  const std::string path_;
};

// Asks for all clients at once and for one exactly, in turn, and keeps every answer.
class Asker {
 public:
  struct Batch {
    absl::Time from, to;      // when it was asked and answered
    absl::Duration lateness;  // of the machine until then, in all: see the constructor
    BatchAnswer answer;
  };
  struct Single {
    absl::Time from, to;
    size_t client;
    SessionAnswer answer;
  };

  // What the machine is late by: `refresher` waiting for a processor, and this thread's own sleep.
  Asker(std::string path, std::vector<std::string> ids, RunDelay refresher)
      : path_(std::move(path)), ids_(std::move(ids)), refresher_(std::move(refresher)) {}
  ~Asker() { Stop(); }
  void Start() {
    thread_ = std::thread([this] { Run(); });
  }
  void Stop() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
  }

  // After Stop().
  const std::vector<Batch>& batches() const { return batches_; }
  const std::vector<Single>& singles() const { return singles_; }
  // What the machine was late by from before the cut of batches()[i] until there was the next one:
  // a thread's wait is counted when it ends.
  absl::Duration LatenessAround(size_t i) const {
    const int64_t cut_ms = batches_[i].answer.taken_at_ms;
    size_t before = i;
    while (before > 0 && batches_[before].to > absl::FromUnixMillis(cut_ms)) --before;
    size_t after = i;
    while (after + 1 < batches_.size() && batches_[after].answer.taken_at_ms == cut_ms) ++after;
    return batches_[after].lateness - batches_[before].lateness;
  }

 private:
  void Run() {
    constexpr absl::Duration kPause = absl::Milliseconds(3);  // the pace of the questions
    AdminClient admin(path_);
    absl::Duration overslept = absl::ZeroDuration();
    for (size_t i = 0; !stop_.load(); ++i) {
      absl::Time from = absl::Now();
      BatchAnswer all = admin.Batch(ids_);
      batches_.push_back({from, absl::Now(), refresher_.Now() + overslept, std::move(all)});
      from = absl::Now();
      SessionAnswer one = admin.Query(ids_[i % ids_.size()]);
      singles_.push_back({from, absl::Now(), i % ids_.size(), std::move(one)});
      from = absl::Now();
      absl::SleepFor(kPause);
      overslept += absl::Now() - from - kPause;
    }
  }

  const std::string path_;
  const std::vector<std::string> ids_;
  const RunDelay refresher_;
  std::vector<Batch> batches_;
  std::vector<Single> singles_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

class StalenessTest : public ScenarioTest {
 protected:
  void StartWithRefresh() {
    broker_ = BrokerProcess::Start(
        {.line = GetParam(),
         .config = kPlainConfig,
         .plugin = SessionStatusPlugin(),
         .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                            {"snapshot_refresh", absl::FormatDuration(kRefresh)}}});
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    admin_ = std::make_unique<AdminClient>(broker_->Expand("{DIR}/admin.sock"));
    refresher_ = ThreadNamed(broker_->pid(), "status-refresh");
    ASSERT_NE(refresher_, 0);
  }

  pid_t refresher_ = 0;
};

class StalenessScenario : public StalenessTest {};
INSTANTIATE_TEST_SUITE_P(OnBroker, StalenessScenario, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(StalenessScenario, NoAnswerIsOlderThanItMayBeAndEachSaysHowOldItIs) {
  ASSERT_NO_FATAL_FAILURE(StartWithRefresh());
  RawConnection witness = RawConnection::Tcp(port());
  ASSERT_EQ(witness.Connect({.id = "witness"}), 0);
  std::vector<std::string> ids;
  std::vector<Toggler> clients;
  for (size_t i = 0; i < kClients; ++i) {
    ids.push_back(absl::StrCat("toggles-", i));
    clients.emplace_back(port(), ids.back(), &witness);
  }
  Asker asker(broker_->Expand("{DIR}/admin.sock"), ids, RunDelay(broker_->pid(), refresher_));
  asker.Start();
  std::mt19937_64 rng(7);
  const absl::Duration kPace = 4 * (kRefresh + kSlack) / kClients;
  const absl::Time end =
      absl::Now() + absl::Seconds(FromEnvironment("SESSION_STATUS_STALENESS_SECONDS", 4));
  int changes = 0;
  while (absl::Now() < end) {
    ASSERT_NO_FATAL_FAILURE(clients[rng() % kClients].Toggle(rng()));
    ++changes;
    absl::SleepFor(kPace);  // the pace of the clients, not a wait for anything
  }
  asker.Stop();

  int contradicted = 0, misdated = 0, too_old = 0, excused = 0;
  std::string example;
  for (size_t b = 0; b < asker.batches().size(); ++b) {
    const Asker::Batch& asked = asker.batches()[b];
    const BatchAnswer& answer = asked.answer;
    ASSERT_TRUE(answer.ok);
    ASSERT_EQ(answer.online.size(), kClients);
    // The truth as of its cut or later, however late it came.
    const absl::Time cut = absl::FromUnixMillis(answer.taken_at_ms);  // rounded down
    for (size_t i = 0; i < kClients; ++i) {
      if (clients[i].truth().Possible(answer.online[i], cut, asked.to)) continue;
      ++contradicted;
      example = absl::StrCat(ids[i], " ", answer.states[i], " in the cut of ", answer.taken_at_ms,
                             ", asked at ", absl::ToUnixMillis(asked.from));
    }
    // The age it tells is the one it has, to the millisecond.
    misdated += answer.age_ms < absl::ToUnixMillis(asked.from) - answer.taken_at_ms - 1 ||
                answer.age_ms > absl::ToUnixMillis(asked.to) - answer.taken_at_ms + 1;
    // And it is no more than promised, but for what the machine was late by.
    const absl::Duration late = absl::Milliseconds(answer.age_ms) - kRefresh - kSlack;
    if (late <= absl::ZeroDuration()) continue;
    ++(late <= asker.LatenessAround(b) ? excused : too_old);
  }
  int inexact = 0;
  for (const Asker::Single& asked : asker.singles()) {
    ASSERT_TRUE(asked.answer.ok);
    if (clients[asked.client].truth().Possible(asked.answer.online, asked.from, asked.to)) continue;
    ++inexact;
    example = asked.answer.raw;
  }
  EXPECT_EQ(contradicted, 0) << "of " << asker.batches().size() << " batches; " << example;
  EXPECT_EQ(misdated, 0) << "of " << asker.batches().size();
  EXPECT_EQ(too_old, 0) << "of " << asker.batches().size() << "; " << excused << " more excused";
  EXPECT_EQ(inexact, 0) << "of " << asker.singles().size() << "; " << example;
  // That there was something to get wrong.
  EXPECT_GT(changes, 20);
  EXPECT_GT(asker.batches().size(), 100u);
  EXPECT_LT(excused, static_cast<int>(asker.batches().size() / 2)) << "too busy a machine to tell";
  RecordProperty("changes", changes);
  RecordProperty("batches", static_cast<int>(asker.batches().size()));
  RecordProperty("singles", static_cast<int>(asker.singles().size()));
  RecordProperty("excused", excused);
}

// Holds one thread of another process, as a debugger does; lets it go at its own end.
class HeldThread {
 public:
  explicit HeldThread(pid_t thread) : thread_(thread) {
    if (ptrace(PTRACE_SEIZE, thread_, nullptr, nullptr) != 0) {
      error_ = errno;
      return;
    }
    int status = 0;
    ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr);
    held_ = waitpid(thread_, &status, __WALL) == thread_ && WIFSTOPPED(status);
    EXPECT_TRUE(held_) << status;
  }
  ~HeldThread() {
    if (error_ == 0) ptrace(PTRACE_DETACH, thread_, nullptr, nullptr);
  }
  HeldThread(const HeldThread&) = delete;
  HeldThread& operator=(const HeldThread&) = delete;
  bool held() const { return held_; }
  int error() const { return error_; }

 private:
  const pid_t thread_;
  int error_ = 0;
  bool held_ = false;
};

TEST_P(StalenessScenario, WhileTheRefresherIsHeldAgesGrowExactAnswersStayExactAndReadyzSaysNo) {
  ASSERT_NO_FATAL_FAILURE(StartWithRefresh());
  RawConnection stays = RawConnection::Tcp(port());
  ASSERT_EQ(stays.Connect({.id = "stays"}), 0);
  RawConnection leaves = RawConnection::Tcp(port());
  ASSERT_EQ(leaves.Connect({.id = "leaves"}), 0);
  const std::vector<std::string> ids = {"stays", "leaves", "comes"};
  const auto batch_is = [&](const std::vector<bool>& online) {
    return WaitUntil([&] { return admin_->Batch(ids).online == online; });
  };
  ASSERT_TRUE(batch_is({true, true, false}));
  ASSERT_EQ(admin_->Get("/readyz").status, 200);
  RawConnection comes;
  {
    const HeldThread held(refresher_);
    if (held.error() == EPERM) GTEST_SKIP() << "this machine lets nobody hold a thread";
    ASSERT_EQ(held.error(), 0);
    const int64_t last_cut_ms = admin_->Batch(ids).taken_at_ms;
    // What is live goes on: nobody waits for the refresher.
    leaves.Send(EncodeDisconnect());
    ASSERT_TRUE(leaves.WaitClosed());
    comes = RawConnection::Tcp(port());
    ASSERT_EQ(comes.Connect({.id = "comes"}), 0);
    ASSERT_TRUE(comes.Ping());
    EXPECT_EQ(admin_->WaitForState("leaves", "OFFLINE").state, "OFFLINE");
    EXPECT_EQ(admin_->WaitForState("comes", "ONLINE").state, "ONLINE");
    // A batch is the cut that it was, and never says that it is younger.
    absl::Duration oldest = absl::ZeroDuration();
    HttpAnswer ready;
    EXPECT_TRUE(WaitUntil([&] {
      const int64_t asked_ms = absl::ToUnixMillis(absl::Now());
      const BatchAnswer answer = admin_->Batch(ids);
      const int64_t answered_ms = absl::ToUnixMillis(absl::Now());
      EXPECT_EQ(answer.taken_at_ms, last_cut_ms);
      EXPECT_EQ(answer.online, (std::vector<bool>{true, true, false}));
      EXPECT_GE(answer.age_ms, asked_ms - last_cut_ms - 1);
      EXPECT_LE(answer.age_ms, answered_ms - last_cut_ms + 1);
      oldest = absl::Milliseconds(answer.age_ms);
      ready = admin_->Get("/readyz");
      return ready.status != 200 || HasFailure();
    }));
    EXPECT_EQ(ready.status, 503) << ready.body;
    EXPECT_TRUE(absl::StartsWith(ready.body, "snapshot: not ready, ")) << ready.body;
    EXPECT_GE(oldest, absl::Milliseconds(4900)) << "not before the bound of plugin/metrics";
    EXPECT_EQ(admin_->Get("/healthz").status, 200);
    EXPECT_TRUE(stays.Ping() && comes.Ping()) << "MQTT does not notice";
  }
  EXPECT_TRUE(batch_is({true, false, true}));
  EXPECT_TRUE(WaitUntil([&] { return admin_->Get("/readyz").status == 200; }));
}

}  // namespace
}  // namespace session_status::testing
