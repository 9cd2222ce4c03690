#include "plugin/history/connection_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace session_status::history {
namespace {

using feed::Change;
using feed::ChangeKind;
using registry::EndReason;
using registry::SessionState;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kAll = std::numeric_limits<size_t>::max();

Change Begin(absl::string_view id, uint64_t incarnation, int64_t time_ms,
             absl::string_view address = "10.0.0.7") {
  Change c;
  c.kind = ChangeKind::kOnline;
  c.client_id = id;
  c.incarnation = incarnation;
  c.time_ms = time_ms;
  c.before = SessionState::kOffline;
  c.after = SessionState::kOnline;
  c.address = address;
  c.listener_port = 1883;
  c.protocol_version = registry::ProtocolVersion::kMqtt5;
  c.transport = registry::Transport::kMqtt;
  return c;
}

Change End(absl::string_view id, uint64_t incarnation, int64_t time_ms,
           EndReason reason = EndReason::kNetworkError) {
  Change c;
  c.kind = ChangeKind::kOffline;
  c.client_id = id;
  c.incarnation = incarnation;
  c.time_ms = time_ms;
  c.before = SessionState::kOnline;
  c.after = SessionState::kOffline;
  c.reason = reason;
  c.broker_code = 7;
  return c;
}

// "online 3 @30 10.0.0.7:1883".
std::vector<std::string> Lines(const ConnectionHistory::Answer& answer) {
  std::vector<std::string> lines;
  for (const Change& c : answer.entries) {
    lines.push_back(absl::StrCat(c.after == SessionState::kOnline ? "online " : "offline ",
                                 c.incarnation, " @", c.time_ms, " ", c.address, ":",
                                 c.listener_port));
  }
  return lines;
}

TEST(ConnectionHistoryTest, TellsTheNewestFirstAndAnEndWithTheFactsOfItsConnection) {
  ConnectionHistory history({});
  history.Add(Begin("lamp", 1, 10));
  history.Add(End("lamp", 1, 20));
  history.Add(Begin("lamp", 2, 30, "2001:db8::7"));
  history.Add(End("lamp", 2, 40));
  history.Add(Begin("lamp", 3, 50, "/run/mqtt.sock"));
  const auto answer = history.Find("lamp", kAll);
  EXPECT_THAT(Lines(answer),
              ElementsAre("online 3 @50 /run/mqtt.sock:1883", "offline 2 @40 2001:db8::7:1883",
                          "online 2 @30 2001:db8::7:1883", "offline 1 @20 10.0.0.7:1883",
                          "online 1 @10 10.0.0.7:1883"));
  EXPECT_EQ(answer.entries[1].reason, EndReason::kNetworkError);
  EXPECT_EQ(answer.entries[1].broker_code, 7);
  EXPECT_EQ(answer.entries[1].protocol_version, registry::ProtocolVersion::kMqtt5);
  EXPECT_EQ(answer.dropped_before_ms, 0);
  EXPECT_EQ(Lines(history.Find("lamp", 1)).size(), 1u);
}

TEST(ConnectionHistoryTest, HoweverManyConnectionsAClientHadEachEndHasTheFactsOfItsOwn) {
  for (const size_t entries_max : {size_t{1}, size_t{2}, size_t{3}, size_t{5}}) {
    ConnectionHistory history({.entries_max = entries_max});
    for (int i = 1; i <= 20; ++i) {
      const auto incarnation = static_cast<uint64_t>(i);
      const std::string address = absl::StrCat("10.0.0.", i);
      history.Add(Begin("lamp", incarnation, 10 * i, address));
      history.Add(End("lamp", incarnation, 10 * i + 5));
      EXPECT_THAT(Lines(history.Find("lamp", 1)),
                  ElementsAre(absl::StrCat("offline ", i, " @", 10 * i + 5, " ", address, ":1883")))
          << entries_max << " entries";
    }
  }
}

TEST(ConnectionHistoryTest, AnEndOfAnotherConnectionDoesNotBorrowItsAddress) {
  ConnectionHistory history({});
  history.Add(Begin("lamp", 2, 10));
  history.Add(End("lamp", 1, 20));
  EXPECT_THAT(Lines(history.Find("lamp", 1)), ElementsAre("offline 1 @20 :0"));
}

TEST(ConnectionHistoryTest, KeepsTheLastEntriesOfAClientAndSaysFromWhenOn) {
  ConnectionHistory history({.entries_max = 3});
  for (int i = 1; i <= 10; ++i) history.Add(Begin("lamp", static_cast<uint64_t>(i), i * 10));
  const auto answer = history.Find("lamp", kAll);
  EXPECT_THAT(Lines(answer),
              ElementsAre("online 10 @100 10.0.0.7:1883", "online 9 @90 10.0.0.7:1883",
                          "online 8 @80 10.0.0.7:1883"));
  EXPECT_EQ(answer.dropped_before_ms, 71);
}

TEST(ConnectionHistoryTest, OverTheBudgetTheClientThatChangedLongestAgoIsForgotten) {
  ConnectionHistory history({.bytes_max = 2000, .entries_max = 4});
  for (int i = 0; i < 100; ++i) {
    history.Add(Begin(absl::StrCat("c", i), static_cast<uint64_t>(i + 1), i * 10));
    history.Add(Begin("busy", static_cast<uint64_t>(1000 + i), i * 10 + 1));
    ASSERT_LE(history.bytes(), 2000u);
  }
  EXPECT_EQ(history.Find("busy", kAll).entries.size(), 4u);
  EXPECT_THAT(history.Find("c0", kAll).entries, IsEmpty());
  EXPECT_THAT(Lines(history.Find("c99", kAll)), ElementsAre("online 100 @990 10.0.0.7:1883"));
  EXPECT_GT(history.clients_forgotten(), 90u);
}

TEST(ConnectionHistoryTest, AClientThatMayHaveBeenForgottenSaysSo) {
  ConnectionHistory history({.bytes_max = 1000});
  history.Add(Begin("early", 1, 10));
  EXPECT_EQ(history.Find("early", kAll).dropped_before_ms, 0);
  for (uint64_t i = 2; i < 20; ++i) history.Add(Begin(absl::StrCat("c", i), i, 100));
  EXPECT_EQ(history.Find("early", kAll).dropped_before_ms, 101);
  history.Add(Begin("early", 20, 200));
  EXPECT_EQ(history.Find("early", kAll).dropped_before_ms, 101);
}

TEST(ConnectionHistoryTest, AGapIsToldOfEveryClient) {
  ConnectionHistory history({});
  history.Add(Begin("lamp", 1, 10));
  history.AddGap(50);
  EXPECT_EQ(history.Find("lamp", kAll).dropped_before_ms, 50);
  EXPECT_EQ(history.Find("nobody", kAll).dropped_before_ms, 50);
}

TEST(ConnectionHistoryTest, CountsWhatBreaksAndWhatIsTakenOver) {
  ConnectionHistory history({.entries_max = 2});
  for (uint64_t i = 1; i <= 5; ++i) {
    history.Add(Begin("lamp", i, 10));
    history.Add(End("lamp", i, 20,
                    i % 2 == 0 ? EndReason::kClientDisconnect : EndReason::kKeepaliveTimeout));
  }
  Change takeover = Begin("lamp", 7, 30);
  takeover.before = SessionState::kOnline;
  history.Add(takeover);
  EXPECT_EQ(history.Find("lamp", kAll).flaps, 4u);
}

TEST(ConnectionHistoryTest, WithoutABudgetNothingIsRemembered) {
  ConnectionHistory history({.bytes_max = 0});
  history.Add(Begin("lamp", 1, 10));
  EXPECT_THAT(history.Find("lamp", kAll).entries, IsEmpty());
  EXPECT_EQ(history.bytes(), 0u);
}

// The books against the allocator: what is counted is what is taken, whatever comes.
TEST(ConnectionHistoryTest, TheBudgetBoundsWhatIsReallyAllocated) {
  constexpr size_t kBudget = size_t{4} << 20;
  std::mt19937_64 rng(7);
  const size_t before = mallinfo2().uordblks;
  ConnectionHistory history({.bytes_max = kBudget});
  size_t most = 0;
  for (uint64_t i = 1; i <= 60'000; ++i) {
    const std::string id(1 + rng() % 60, static_cast<char>('a' + rng() % 26));
    const std::string name = absl::StrCat(id, rng() % 40'000);
    history.Add(Begin(name, i, static_cast<int64_t>(i)));
    if (i % 1000 == 0) most = std::max<size_t>(most, mallinfo2().uordblks - before);
    ASSERT_LE(history.bytes(), kBudget);
  }
  EXPECT_GT(history.clients_forgotten(), 1000u);
  // Beyond it only while the map is being moved to a larger one.
  EXPECT_LE(most, kBudget);
}

}  // namespace
}  // namespace session_status::history
