#include "plugin/store/session_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/store/store_folder.h"

namespace session_status::store {
namespace {

using registry::EndReason;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SessionHistoryTest : public StoreFolder {
 protected:
  // "begun 10.0.0.1", "ended 4", newest first.
  std::vector<std::string> Words(HistoryQuery query) {
    query.client_id = "lamp";
    const auto answer = ReadHistory(path_, query);
    EXPECT_TRUE(answer.ok()) << answer.status();
    std::vector<std::string> words;
    for (const HistoryEntry& entry : answer->entries) {
      words.push_back(entry.record.kind == ChangeRecord::Kind::kBegun
                          ? absl::StrCat("begun ", entry.address)
                          : absl::StrCat("ended ", static_cast<int>(entry.record.reason)));
    }
    return words;
  }
  std::vector<std::string> Words() { return Words({}); }
};

TEST_F(SessionHistoryTest, TellsBeginningsAndEndsOfOneClientNewestFirst) {
  BrokerLife life = Live();
  life.Connect("lamp");
  life.Connect("bell");
  life.End("lamp", EndReason::kNetworkError);
  const int64_t between_ms = absl::ToUnixMillis(life.now()) + 1;
  registry::Connection elsewhere;
  elsewhere.address = "10.0.0.2";
  life.Connect("lamp", elsewhere);
  life.Flush();
  EXPECT_THAT(Words(), ElementsAre("begun 10.0.0.2", "ended 4", "begun 10.0.0.1"));
  HistoryQuery query;
  query.limit = 2;
  EXPECT_THAT(Words(query), ElementsAre("begun 10.0.0.2", "ended 4"));
  query = {};
  query.from_ms = between_ms;
  EXPECT_THAT(Words(query), ElementsAre("begun 10.0.0.2"));
  query = {};
  query.until_ms = between_ms;
  EXPECT_THAT(Words(query), ElementsAre("ended 4", "begun 10.0.0.1"));
}

TEST_F(SessionHistoryTest, TheBrokersEndIsTheEndOfWhoWasOnlineInOrderOrNot) {
  absl::Time now = kStart;
  int64_t complete_ms = 0;
  for (const bool in_order : {true, false}) {
    BrokerLife life = Live(now);
    life.Connect("lamp");
    life.Connect("lamp");  // taken over: no end of its own
    life.Flush();
    complete_ms = absl::ToUnixMillis(life.now());
    if (in_order) life.Close();
    now = life.now() + absl::Hours(1);
  }
  EXPECT_THAT(Words(), ElementsAre("begun 10.0.0.1", "begun 10.0.0.1", "ended 7", "begun 10.0.0.1",
                                   "begun 10.0.0.1"))
      << "the last life may still go on";
  const BrokerLife life = Live(now);
  EXPECT_THAT(Words(), ElementsAre("ended 11", "begun 10.0.0.1", "begun 10.0.0.1", "ended 7",
                                   "begun 10.0.0.1", "begun 10.0.0.1"));
  HistoryQuery query;
  query.client_id = "lamp";
  const HistoryEntry end = ReadHistory(path_, query)->entries.front();
  EXPECT_EQ(end.not_before_ms, complete_ms);
  EXPECT_EQ(end.record.at_ms, absl::ToUnixMillis(now));
}

TEST_F(SessionHistoryTest, AnOrderlyEndIsOneAsLongAsTheHistoryIsKept) {
  absl::Time closed;
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Advance(absl::Minutes(5));
    life.Close();
    closed = life.now();
  }
  {
    BrokerLife life = Live(kStart + absl::Hours(1));
    life.Advance(options_.ended_ttl + absl::Hours(1));
    life.Maintain();  // forgets the session, and not its history
    life.Close();
  }
  // Longer than ended sessions are kept, shorter than history is.
  ASSERT_LT(options_.ended_ttl + absl::Hours(24), absl::Hours(72));
  ASSERT_GT(options_.history_ttl, absl::Hours(72));
  Live(kStart + absl::Hours(72)).Close();
  Execute("DELETE FROM sessions");  // as ended_ttl has had it by now
  // Only now is it known for sure that so much time has gone by.
  const BrokerLife life = Live(kStart + absl::Hours(72) + absl::Minutes(1));
  EXPECT_THAT(Words(), ElementsAre("ended 7", "begun 10.0.0.1"));
  HistoryQuery query;
  query.client_id = "lamp";
  const HistoryEntry end = ReadHistory(path_, query)->entries.front();
  EXPECT_EQ(end.record.at_ms, absl::ToUnixMillis(closed));
  EXPECT_EQ(end.not_before_ms, 0) << "the moment is exact";
}

TEST_F(SessionHistoryTest, AnEntryKnowsWhatWasBeforeItAndWhereItsConnectionCameFrom) {
  BrokerLife life = Live();
  life.Connect("bell");
  const int64_t first_ms = absl::ToUnixMillis(life.now());
  life.Connect("lamp");
  life.Connect("lamp");
  life.End("lamp", EndReason::kNetworkError);
  life.Flush();
  HistoryQuery query;
  query.client_id = "lamp";
  query.limit = 2;
  const auto answer = ReadHistory(path_, query);
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->entries.size(), 2u);
  EXPECT_EQ(answer->entries[0].before, registry::SessionState::kOnline);
  EXPECT_EQ(answer->entries[0].address, "10.0.0.1");
  EXPECT_EQ(answer->entries[1].before, registry::SessionState::kOnline) << "it took over";
  EXPECT_EQ(answer->kept_since_ms, first_ms);
}

// In the machine's first minute, in 1970 by its clock.
TEST_F(SessionHistoryTest, ARowOfAClockThatWasWrongHidesNothingBehindIt) {
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.End("lamp", EndReason::kNetworkError);
    life.Close();
  }
  BrokerLife life = Live(absl::UnixEpoch() + absl::Seconds(20));
  life.Connect("lamp");
  life.End("lamp", EndReason::kClientDisconnect);
  life.SetClock(kStart + absl::Minutes(1));
  registry::Connection elsewhere;
  elsewhere.address = "10.0.0.2";
  life.Connect("lamp", elsewhere);
  life.Flush();
  HistoryQuery query;
  query.from_ms = absl::ToUnixMillis(kStart);
  EXPECT_THAT(Words(query), ElementsAre("begun 10.0.0.2", "ended 4", "begun 10.0.0.1"));
  query.limit = 2;
  EXPECT_THAT(Words(query), ElementsAre("begun 10.0.0.2", "ended 4"));
}

// The broker's own end has no row, and neither has what was found at the next start.
TEST_F(SessionHistoryTest, TheEndOfASessionThatOutlivedTheBrokerIsNoConnections) {
  registry::SessionDetails lamp;
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Close();
    lamp = life.Details("lamp");
  }
  BrokerLife life = Live(kStart + absl::Hours(1));
  life.Find("lamp", lamp.incarnation);
  life.Gone("lamp", EndReason::kSessionExpired);
  life.Flush();
  HistoryQuery query;
  query.client_id = "lamp";
  const auto answer = ReadHistory(path_, query);
  ASSERT_TRUE(answer.ok()) << answer.status();
  ASSERT_EQ(answer->entries.size(), 3u);
  EXPECT_EQ(answer->entries[0].before, registry::SessionState::kOfflineSessionKept);
  EXPECT_EQ(answer->entries[1].before, registry::SessionState::kOnline);
}

// Rows are bounded by what they weigh: one client with a long name must not fill the disk.
TEST_F(SessionHistoryTest, ALongIdentifierTakesTheRoomOfManyRows) {
  options_.history_max = 1000;
  const std::string long_id(65'000, 'x');
  BrokerLife life = Live();
  life.Connect("lamp");
  life.End("lamp", EndReason::kNetworkError);
  for (int i = 0; i < 10; ++i) {
    life.Connect(long_id);
    life.End(long_id, EndReason::kClientDisconnect);
    life.Flush();
    EXPECT_LE(Integer("SELECT sum(length(client_id)) FROM history"), 2 * 65'000);
  }
  EXPECT_THAT(Words(), IsEmpty()) << "pushed out";
  // The newest is always kept, and ordinary ones come beside it again.
  EXPECT_GE(Integer("SELECT count(*) FROM history"), 1);
  for (int i = 0; i < 999; ++i) life.Connect("lamp");
  life.Connect("bell");
  life.Flush();
  EXPECT_EQ(Integer("SELECT count(*) FROM history"), 1000);
  EXPECT_EQ(Integer("SELECT sum(length(client_id) > 64) FROM history"), 0);
  HistoryQuery query;
  query.limit = 2;
  EXPECT_THAT(Words(query), ElementsAre("begun 10.0.0.1", "begun 10.0.0.1"));
  life.Close();
  // Numbers that are not in a row are no gap, and the next life goes on above them.
  BrokerLife next = Live(kStart + absl::Hours(1));
  next.Connect("lamp");
  next.Flush();
  EXPECT_EQ(Integer("SELECT count(*) FROM history"), 1000);
  EXPECT_EQ(Ask("SELECT client_id FROM history ORDER BY number DESC LIMIT 1"), "lamp");
}

TEST_F(SessionHistoryTest, IdentifiersOfOrdinaryLengthTakeOneNumber) {
  HistoryRow row;
  for (const auto& [bytes, numbers] : std::vector<std::pair<size_t, int64_t>>{
           {0, 1}, {1, 1}, {64, 1}, {65, 2}, {128, 2}, {129, 3}, {65'535, 1024}}) {
    row.client_id.assign(bytes, 'x');
    EXPECT_EQ(SessionDatabase::NumbersOf(row), numbers) << bytes;
  }
}

TEST_F(SessionHistoryTest, ATimeLimitEndsTheReading) {
  BrokerLife life = Live();
  life.Connect("lamp");
  life.Flush();
  HistoryQuery query;
  query.client_id = "lamp";
  query.time_limit = absl::ZeroDuration();
  EXPECT_EQ(ReadHistory(path_, query).status().code(), absl::StatusCode::kDeadlineExceeded);
  // One long statement, too.
  auto database = Database::Open(path_, Database::Mode::kReadOnly);
  ASSERT_TRUE(database.ok());
  database->SetTimeLimit(absl::Milliseconds(20));
  EXPECT_EQ(database
                ->Execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
                          "SELECT count(*) FROM n")
                .code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(SessionHistoryTest, WithoutADatabaseThereIsNone) {
  EXPECT_EQ(ReadHistory(path_, {}).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace session_status::store
