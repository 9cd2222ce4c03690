// Takeovers without end, with readers all the while: no answer may say offline for an identifier
// that always had a connection.
//
// SESSION_STATUS_TAKEOVERS: how many in all (default 10,000; the promise is held at 100,000).
#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

constexpr int kIds = 50;

// Asks again and again, alternately exactly and by batch; counts answers and wrong ones.
class Reader {
 public:
  Reader(std::string socket_path, std::vector<std::string> ids, bool batch)
      : thread_([this, path = std::move(socket_path), all = std::move(ids), batch] {
          AdminClient admin(path);
          for (size_t i = 0; !stop_.load(); ++i) {
            batch ? CheckBatch(admin.Batch(all)) : CheckOne(admin.Query(all[i % all.size()]));
          }
        }) {}
  ~Reader() { Stop(); }
  void Stop() {
    stop_.store(true);
    if (thread_.joinable()) thread_.join();
  }
  int answers() const { return answers_; }
  int wrong() const { return wrong_; }
  const std::string& example() const { return example_; }

 private:
  void CheckOne(const SessionAnswer& answer) {
    ++answers_;
    if (answer.online) return;
    ++wrong_;
    example_ = answer.raw;
  }
  void CheckBatch(const BatchAnswer& answer) {
    ++answers_;
    if (!answer.ok) ++wrong_;
    for (size_t i = 0; i < answer.online.size(); ++i) {
      if (answer.online[i]) continue;
      ++wrong_;
      example_ = absl::StrCat("batch element ", i, " ", answer.states[i]);
    }
  }

  std::atomic<bool> stop_{false};
  // Written by the thread, read after it was joined.
  int answers_ = 0;
  int wrong_ = 0;
  std::string example_;
  std::thread thread_;  // last: starts when everything else is there
};

class TakeoverStorm : public ScenarioTest {
 protected:
  // Takes over every id, round after round, on `listeners` listeners in turn.
  void Run(int listeners) {
    std::vector<std::string> ids;
    for (int i = 0; i < kIds; ++i) ids.push_back(absl::StrCat("storm-", i));
    std::vector<RawConnection> current(kIds);
    for (int i = 0; i < kIds; ++i) {
      current[i] = RawConnection::Tcp(port());
      ASSERT_EQ(current[i].Connect({.id = ids[i]}), 0);
      ASSERT_TRUE(current[i].Ping());
      ASSERT_TRUE(admin_->WaitForState(ids[i], "ONLINE").online);
    }
    ASSERT_TRUE(WaitUntil([&] {
      const BatchAnswer answer = admin_->Batch(ids);
      return std::count(answer.online.begin(), answer.online.end(), true) == kIds;
    }));

    const std::string path = broker_->Expand("{DIR}/admin.sock");
    Reader exact(path, ids, false);
    Reader batch(path, ids, true);
    const int rounds = FromEnvironment("SESSION_STATUS_TAKEOVERS", 10'000) / kIds;
    for (int round = 0; round < rounds; ++round) {
      std::vector<RawConnection> next;
      for (int i = 0; i < kIds; ++i) {
        next.push_back(RawConnection::Tcp(port(1 + (round + i) % listeners)));
        ASSERT_TRUE(next.back().Send(Encode({.id = ids[i]})));
      }
      for (int i = 0; i < kIds; ++i) {
        ASSERT_FALSE(next[i].Receive().empty()) << "no CONNACK";
        current[i].Reset();  // already closed by the broker; a reset leaves no TIME_WAIT behind
        current[i] = std::move(next[i]);
      }
    }
    exact.Stop();
    batch.Stop();
    EXPECT_EQ(exact.wrong(), 0) << "of " << exact.answers() << ", for example " << exact.example();
    EXPECT_EQ(batch.wrong(), 0) << "of " << batch.answers() << ", for example " << batch.example();
    EXPECT_GT(exact.answers(), 0);
    EXPECT_GT(batch.answers(), 0);
    for (int i = 0; i < kIds; ++i) EXPECT_TRUE(current[i].Ping());
    const StatusAnswer status = admin_->Status();
    EXPECT_EQ(status.online, static_cast<uint64_t>(kIds));
    EXPECT_EQ(status.takeovers, static_cast<uint64_t>(rounds) * kIds);
    RecordProperty("exact_answers", exact.answers());
    RecordProperty("batch_answers", batch.answers());
  }
};
INSTANTIATE_TEST_SUITE_P(OnBroker, TakeoverStorm, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(TakeoverStorm, NoAnswerSaysOffline) {
  Start();
  Run(1);
}

TEST_P(TakeoverStorm, NoAnswerSaysOfflineWithFourPluginLines) {
  std::string config = "listener {PORT} 127.0.0.1\nallow_anonymous true\n";
  for (int i = 0; i < 4; ++i) absl::StrAppend(&config, "plugin {PLUGIN}\n{OPTIONS}\n");
  Start(config);
  Run(1);
}

class TakeoverStormOf21 : public TakeoverStorm {};
INSTANTIATE_TEST_SUITE_P(OnBroker, TakeoverStormOf21, ::testing::Values(BrokerLine::k21),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(TakeoverStormOf21, NoAnswerSaysOfflineAcrossFourListenersOfTheirOwn) {
  std::string config = "per_listener_settings true\n";
  for (const char* at : {"{PORT}", "{PORT2}", "{PORT3}", "{PORT4}"}) {
    absl::StrAppend(&config, "listener ", at,
                    " 127.0.0.1\nallow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\n");
  }
  Start(config);
  Run(4);
}

}  // namespace
}  // namespace session_status::testing
