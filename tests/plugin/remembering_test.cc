// Lives of one broker with one session database, and a broker's table that the test fills.
#include "plugin/remembering.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/store/store_folder.h"
#include "tests/testing/fake_broker.h"
#include "tests/testing/huge_pages.h"

namespace session_status {
namespace {

using registry::SessionDetails;
using registry::SessionState;
using testing::FakeBroker;

class Life : private broker::EventSink {
 public:
  // `held`: what the broker has read from its own persistence before it starts the plugin.
  Life(const std::string& database, absl::Time start, const std::vector<std::string>& held = {})
      : now_(start),
        tracker_(*this, 1),
        remembering_({registry_, tracker_, log_, *this},
                     {.database = database,
                      .flush_interval = absl::Hours(1),
                      .history_ttl = absl::ZeroDuration()},
                     {}) {
    for (const std::string& id : held) Hold(id);
    const absl::Status started = remembering_.Start(now_, /*nice=*/0);
    EXPECT_TRUE(started.ok()) << started;
  }
  ~Life() override {
    remembering_.BeginClose(now_);
    remembering_.Close();
  }

  mosquitto* Connect(const std::string& id) {
    mosquitto* client = broker_.NewClient(id);
    client->address = "192.0.2.7";
    client->username = "anna";
    client->clean = false;
    tracker_.OnConnect(0, client, now_ += absl::Seconds(1));
    return client;
  }
  void End(mosquitto* client, int reason, bool kept) {
    tracker_.OnEnd(client, reason, kept, now_ += absl::Seconds(1));
  }
  // The broker takes a session from its own persistence.
  mosquitto* Hold(const std::string& id) {
    mosquitto* client = broker_.NewClient(id);
    client->has_address = false;
    client->version = 0;
    return client;
  }
  void Housekeeping() { remembering_.OnHousekeeping(now_); }

  SessionState StateOf(const std::string& id) const { return registry_.Find(id).state; }
  SessionDetails Details(const std::string& id) const {
    SessionDetails details;
    registry_.FindDetails(id, &details);
    return details;
  }

 private:
  void OnSessionEvent(const registry::SessionEvent& event) override {
    const registry::ApplyResult result = registry_.Apply(event);
    if (result.outcome != registry::ApplyResult::Outcome::kApplied) return;
    for (registry::ChangeObserver* o : remembering_.observers()) o->OnChange(event, result);
  }

  absl::Time now_;
  FakeBroker broker_{FakeBroker::k21};
  registry::SessionRegistry registry_;
  broker::SessionTracker tracker_;
  broker::BrokerLog log_;
  Remembering remembering_;
};

class RememberingTest : public store::StoreFolder {};

TEST_F(RememberingTest, AKeptSessionsEndStaysWhatItWasHoweverManyRestartsFollow) {
  Life(path_, store::kStart).Connect("lamp");  // and the broker ends
  const absl::Duration later[] = {absl::Hours(24), absl::Hours(24 * 12), absl::Hours(24 * 13),
                                  absl::Hours(24 * 40), absl::Hours(24 * 80)};
  for (const absl::Duration since : later) {
    SCOPED_TRACE(since);
    Life life(path_, store::kStart + since, {"lamp"});
    EXPECT_EQ(life.StateOf("lamp"), SessionState::kOfflineSessionKept);
    const SessionDetails lamp = life.Details("lamp");
    EXPECT_EQ(lamp.status.reason, registry::EndReason::kServerShutdown);
    EXPECT_LT(lamp.disconnected_at, store::kStart + absl::Hours(1));
    EXPECT_EQ(lamp.ended_not_before, absl::InfinitePast());
  }
}

TEST_F(RememberingTest, AKeptSessionsIntervalStaysWhatItWasHoweverManyRestartsFollow) {
  Life(path_, store::kStart).Connect("lamp");
  Execute("UPDATE lives SET ended_ms = 0");  // as if the broker had been killed
  const absl::Time restart = store::kStart + absl::Hours(1);
  const absl::Duration later[] = {absl::ZeroDuration(), absl::Hours(24 * 12), absl::Hours(24 * 13),
                                  absl::Hours(24 * 40), absl::Hours(24 * 80), absl::Hours(24 * 81)};
  for (const absl::Duration since : later) {
    SCOPED_TRACE(since);
    Life life(path_, restart + since, {"lamp"});
    const SessionDetails lamp = life.Details("lamp");
    EXPECT_EQ(lamp.status.reason, registry::EndReason::kBrokerRestart);
    EXPECT_EQ(lamp.disconnected_at, restart);
    EXPECT_LT(lamp.ended_not_before, store::kStart + absl::Minutes(1));
  }
  EXPECT_LT(Integer("SELECT count(*) FROM lives"), 6) << "those that nobody needs are forgotten";
}

TEST_F(RememberingTest, NobodyEndsInTheFuture) {
  {
    Life ahead(path_, store::kStart + absl::Hours(24 * 365));
    ahead.End(ahead.Connect("bell"), 0, false);
  }
  Life life(path_, store::kStart);
  EXPECT_EQ(life.StateOf("bell"), SessionState::kOffline);
  EXPECT_LE(life.Details("bell").disconnected_at, store::kStart);
}

// Whoever answers batches afterwards reads it with fewer misses.
TEST_F(RememberingTest, ManySessionsAreRestoredIntoHugePages) {
  if (!testing::SystemGivesHugePages()) GTEST_SKIP() << "this system gives no huge pages";
  constexpr int kSessions = 100'000;  // 6 MiB of states, and as much of details
  {
    Life life(path_, store::kStart);
    for (int i = 0; i < kSessions; ++i) life.Connect(absl::StrCat("device-", i));
  }
  const size_t before = testing::HugePageBytes();
  Life life(path_, store::kStart + absl::Hours(1));
  EXPECT_EQ(life.StateOf("device-99999"), SessionState::kOffline);
  EXPECT_GE(testing::HugePageBytes() - before, size_t{8} << 20);
}

// A machine without a clock of its own begins in 1970, until somebody tells it the time.
TEST_F(RememberingTest, AClockThatIsStillToBeSetChangesNoEnd) {
  SessionDetails before;
  {
    Life life(path_, store::kStart);
    life.End(life.Connect("bell"), 0, false);
    before = life.Details("bell");
    life.Connect("lamp");
  }
  const Life life(path_, absl::UnixEpoch() + absl::Seconds(20));
  before.restored = true;
  EXPECT_EQ(Text(life.Details("bell")), Text(before));
  const SessionDetails lamp = life.Details("lamp");
  EXPECT_EQ(lamp.status.reason, registry::EndReason::kServerShutdown);
  EXPECT_GE(lamp.disconnected_at, lamp.connected_at);
}

TEST_F(RememberingTest, WithTheClockSetBackARestartStillTakesClientsThatConnect) {
  Life(path_, store::kStart).Connect("lamp");
  Life life(path_, store::kStart - absl::Hours(24));
  ASSERT_EQ(life.StateOf("lamp"), SessionState::kOffline);
  life.Connect("lamp");
  EXPECT_EQ(life.StateOf("lamp"), SessionState::kOnline);
  EXPECT_EQ(life.Details("lamp").connects, 2u);
}

TEST_F(RememberingTest, ASessionThatTheBrokerHoldsAfterTheStartKeepsItsWholePast) {
  SessionDetails before;
  {
    Life life(path_, store::kStart);
    for (int i = 0; i < 2; ++i) life.End(life.Connect("lamp"), 7, /*kept=*/false);
    life.End(life.Connect("lamp"), 7, /*kept=*/true);
    before = life.Details("lamp");
  }
  ASSERT_EQ(before.connects, 3u);
  Life life(path_, store::kStart + absl::Hours(1));
  EXPECT_EQ(life.StateOf("lamp"), SessionState::kOffline) << "the broker has shown nothing yet";
  mosquitto* held = life.Hold("lamp");
  life.Housekeeping();
  before.restored = true;
  EXPECT_EQ(Text(life.Details("lamp")), Text(before));
  // The client returns to its session.
  life.End(held, 142, /*kept=*/false);
  life.Connect("lamp");
  const SessionDetails after = life.Details("lamp");
  EXPECT_EQ(after.status.state, SessionState::kOnline);
  EXPECT_EQ(after.connects, 4u);
  EXPECT_EQ(after.session_created_at, before.session_created_at);
}

}  // namespace
}  // namespace session_status
