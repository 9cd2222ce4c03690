#include "plugin/store/session_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/store/store_folder.h"
#include "tests/testing/small_disk.h"

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
  HistoryAnswer Read(const std::string& client_id) {
    HistoryQuery query;
    query.client_id = client_id;
    const auto answer = ReadHistory(path_, query);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.ok() ? *answer : HistoryAnswer();
  }
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

TEST_F(SessionHistoryTest, AStartWithAClockThatIsStillToBeSetChangesNoEarlierEnd) {
  const auto ends = [&] {
    std::vector<std::string> texts;
    const HistoryAnswer answer = Read("lamp");
    for (const HistoryEntry& e : answer.entries) {
      if (e.record.kind != ChangeRecord::Kind::kEnded) continue;
      texts.push_back(absl::StrCat(static_cast<int>(e.record.reason), " ", e.not_before_ms, " to ",
                                   e.record.at_ms));
    }
    return texts;
  };
  absl::Time now = kStart;
  for (const bool in_order : {true, false, true}) {
    BrokerLife life = Live(now);
    life.Connect("lamp");
    life.Flush();
    if (in_order) life.Close();
    now += absl::Minutes(10);
  }
  std::vector<std::string> told;
  {
    BrokerLife life = Live(now);
    life.Flush();
    told = ends();
    ASSERT_EQ(told.size(), 3u);
    life.Close();
  }
  {
    BrokerLife life = Live(absl::UnixEpoch() + absl::Seconds(20));
    life.SetClock(kStart + absl::Hours(4));
    life.Flush();
    EXPECT_EQ(ends(), told);
    life.Close();
  }
  Live(absl::UnixEpoch() + absl::Seconds(20)).Close();  // and it never was
  for (const int hours : {5, 9}) {
    BrokerLife life = Live(kStart + absl::Hours(hours));
    EXPECT_EQ(ends(), told);
    life.Advance(absl::Hours(3));  // so that its time is known for sure
    life.Close();
  }
  EXPECT_EQ(Integer("SELECT count(*) FROM lives"), 8);
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

// The disk was full for longer than the queue lasts.
class HistoryGapTest : public SessionHistoryTest {
 protected:
  // Longer than those that fill the queue: no change of theirs finds room where those found none.
  const std::string lamp_ = "a-lamp-with-a-name-so-long-that-it-finds-no-room-in-what-is-left";
  const std::string bell_ = "a-bell-with-a-name-so-long-that-it-finds-no-room-in-what-is-left";

  HistoryGapTest() { options_.queue_bytes = EventRing::kBytesMin; }

  void FillTheQueue(BrokerLife* life) {
    Execute(
        "CREATE TRIGGER full BEFORE INSERT ON lives BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    for (int i = 0; i < 20'000; ++i) life->Connect(absl::StrCat("client-", i));
    ASSERT_GT(life->store->stats().dropped, 0u);
  }
  void MakeRoom(BrokerLife* life) {
    EXPECT_FALSE(life->store->Flush().ok());
    Execute("DROP TRIGGER full");
    life->Flush();
    life->Advance(absl::Seconds(1));
    life->Flush();
  }
};

TEST_F(HistoryGapTest, WhatFoundNoRoomIsToldAsMissingAndNotGuessed) {
  absl::Time lost;
  absl::Time now;
  {
    BrokerLife life = Live();
    life.Connect(lamp_);
    life.Connect(lamp_);
    life.Flush();
    FillTheQueue(&life);
    life.End(lamp_, EndReason::kNetworkError);
    lost = life.now();
    life.Advance(absl::Hours(1));
    MakeRoom(&life);
    life.Connect(lamp_);
    life.Connect(lamp_);
    life.Flush();
    EXPECT_GT(life.store->stats().complete_until_ms, absl::ToUnixMillis(lost));
    const HistoryAnswer answer = Read(lamp_);
    EXPECT_EQ(answer.kept_since_ms, absl::ToUnixMillis(lost) + 1);
    std::vector<registry::SessionState> before;
    for (const HistoryEntry& entry : answer.entries) before.push_back(entry.before);
    EXPECT_THAT(before,
                ElementsAre(registry::SessionState::kOnline, registry::SessionState::kUnknown,
                            registry::SessionState::kOnline, registry::SessionState::kUnknown));
    EXPECT_THAT(log_.lines(), ::testing::Contains(::testing::HasSubstr("in the history")));
    life.Close();
    now = life.now();
  }
  // A later life has lost nothing, and knows of it.
  BrokerLife life = Live(now + absl::Hours(1));
  life.Connect(lamp_);
  life.Flush();
  const HistoryAnswer answer = Read(lamp_);
  EXPECT_EQ(answer.kept_since_ms, absl::ToUnixMillis(lost) + 1);
  ASSERT_EQ(answer.entries.size(), 6u);
  EXPECT_EQ(answer.entries[1].record.reason, EndReason::kServerShutdown);
  EXPECT_EQ(answer.entries[1].not_before_ms, 0) << "that connection began behind the gap";
  EXPECT_EQ(answer.entries[3].before, registry::SessionState::kUnknown);
}

TEST_F(HistoryGapTest, ADiskThatIsOnlyTooSlowMakesOneToo) {
  BrokerLife life = Live();
  life.Flush();
  for (int i = 0; i < 20'000; ++i) life.Connect(absl::StrCat("client-", i));
  life.Connect(lamp_);
  EXPECT_GT(life.store->stats().dropped, 0u);
  const absl::Time lost = life.now();
  life.Flush();
  EXPECT_EQ(life.store->stats().failures, 0u);
  EXPECT_EQ(Read("client-0").kept_since_ms, absl::ToUnixMillis(lost) + 1);
}

// As somebody who takes a copy back over a mistake of his, while the broker runs.
TEST_F(HistoryGapTest, ACopyThatIsPutInPlaceMeanwhileIsNoRestartAndLacksWhatCameAfterIt) {
  absl::Time copied;
  absl::Time replaced;
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Connect("door");
    life.Flush();
    copied = life.now();
    Execute(absl::StrCat("VACUUM INTO '", (folder_ / "copy.db").string(), "'"));
    life.Advance(absl::Minutes(1));
    life.End("door", EndReason::kNetworkError);
    life.Flush();
    life.Advance(absl::Hours(5));
    std::filesystem::rename(folder_ / "copy.db", path_);
    life.Flush();
    replaced = life.now();
    EXPECT_EQ(Integer("SELECT count(*) FROM lives"), 1);
    life.Advance(absl::Minutes(1));
    life.End("lamp", EndReason::kClientDisconnect);
    life.Connect("door");
    life.Flush();
    EXPECT_EQ(life.store->stats().complete_until_ms, absl::ToUnixMillis(life.now()));
    life.Close();
  }
  EXPECT_THAT(Words(), ElementsAre("ended 1", "begun 10.0.0.1"));
  const HistoryAnswer door = Read("door");
  ASSERT_EQ(door.entries.size(), 2u);
  EXPECT_EQ(door.entries[0].before, registry::SessionState::kUnknown) << "no takeover";
  EXPECT_EQ(door.kept_since_ms, absl::ToUnixMillis(replaced) + 1);
  EXPECT_EQ(Number(kHistoryGapFromNumber), static_cast<uint64_t>(absl::ToUnixMillis(copied)));
}

// Until all are saved anew it says of them what the copy said.
TEST_F(HistoryGapTest, ACrashSoonAfterACopyWasPutInPlaceDatesNoEndTooLate) {
  absl::Time ended;
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Flush();
    Execute(absl::StrCat("VACUUM INTO '", (folder_ / "copy.db").string(), "'"));
    life.End("lamp", EndReason::kNetworkError);
    ended = life.now();
    life.Advance(absl::Minutes(1));
    life.Flush();
    {  // The crash comes between the life's row and the first transaction of the full save.
      auto copy = Database::Open(folder_ / "copy.db", Database::Mode::kCreate);
      ASSERT_TRUE(copy->Execute("CREATE TRIGGER crash BEFORE INSERT ON sessions "
                                "BEGIN SELECT RAISE(ABORT, 'crash'); END")
                      .ok());
    }
    std::filesystem::rename(folder_ / "copy.db", path_);
    EXPECT_FALSE(life.store->Flush().ok());
  }
  Execute("DROP TRIGGER crash");
  const registry::SessionDetails lamp = Live(kStart + absl::Hours(1)).Details("lamp");
  EXPECT_EQ(lamp.status.reason, EndReason::kBrokerRestart);
  EXPECT_LE(lamp.ended_not_before, ended);
}

// Without, changes are skipped; with it again, what is left of the first life's is not all there
// was.
TEST_F(HistoryGapTest, ALifeWithoutHistoryIsToldAsMissing) {
  const absl::Duration kept = options_.history_ttl;
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Flush();
    life.Close();
  }
  absl::Time skipped;
  options_.history_ttl = absl::ZeroDuration();
  // Nobody has taken what is there away yet.
  Execute("CREATE TRIGGER keeps BEFORE DELETE ON history BEGIN SELECT RAISE(IGNORE); END");
  {
    BrokerLife life = Live(kStart + absl::Hours(1));
    life.Connect("lamp");
    life.Flush();
    life.Advance(absl::Hours(1));
    life.End("lamp", EndReason::kNetworkError);
    skipped = life.now();
    life.Close();
  }
  options_.history_ttl = kept;
  BrokerLife life = Live(kStart + absl::Hours(3));
  life.Connect("lamp");
  life.Flush();
  const HistoryAnswer lamp = Read("lamp");
  EXPECT_EQ(lamp.kept_since_ms, absl::ToUnixMillis(skipped) + 1);
  EXPECT_EQ(Number(kHistoryGapFromNumber),
            static_cast<uint64_t>(absl::ToUnixMillis(kStart + absl::Hours(1))));
  ASSERT_EQ(lamp.entries.size(), 3u);
  EXPECT_EQ(lamp.entries[0].before, registry::SessionState::kUnknown);
  EXPECT_EQ(lamp.entries[1].record.reason, EndReason::kServerShutdown);
}

TEST_F(HistoryGapTest, AnEndThatMayLieInItIsNotTheBrokersForSure) {
  absl::Time full;
  absl::Time now;
  {
    BrokerLife life = Live();
    life.Connect(lamp_);
    life.Connect("door");
    life.End("door", EndReason::kClientDisconnect);
    life.Flush();
    full = life.now();
    FillTheQueue(&life);
    life.End(lamp_, EndReason::kNetworkError);
    MakeRoom(&life);
    life.Connect(bell_);
    life.Close();
    now = life.now();
  }
  const BrokerLife life = Live(now + absl::Hours(1));
  const HistoryAnswer lamp = Read(lamp_);
  ASSERT_EQ(lamp.entries.size(), 2u);
  EXPECT_EQ(lamp.entries[0].record.reason, EndReason::kUnknown);
  EXPECT_LE(lamp.entries[0].not_before_ms, absl::ToUnixMillis(full));
  EXPECT_GT(lamp.entries[0].not_before_ms, 0);
  EXPECT_EQ(lamp.entries[0].record.at_ms, absl::ToUnixMillis(now));
  EXPECT_EQ(lamp.entries[0].address, "10.0.0.1");
  EXPECT_EQ(Read(bell_).entries[0].record.reason, EndReason::kServerShutdown);
  EXPECT_EQ(Read("door").entries[0].before, registry::SessionState::kOnline) << "before the gap";
}

// What is forgotten at last takes the gap along: the next one begins where it does.
TEST_F(HistoryGapTest, ASecondOneIsWidenedToTheFirstOnlyAsLongAsThatIsKept) {
  options_.history_ttl = absl::Hours(24);
  BrokerLife life = Live();
  life.Flush();
  const auto lose = [&] {
    FillTheQueue(&life);
    life.End(lamp_, EndReason::kNetworkError);
    MakeRoom(&life);
  };
  life.Connect(lamp_);
  lose();
  const uint64_t first = Number(kHistoryGapFromNumber);
  EXPECT_GT(first, 0u);
  life.Connect(lamp_);
  lose();
  EXPECT_EQ(Number(kHistoryGapFromNumber), first);
  for (int hours = 0; hours < 25; ++hours) {
    life.Advance(absl::Hours(1));
    life.Flush();
  }
  const auto complete_ms = static_cast<uint64_t>(absl::ToUnixMillis(life.now()));
  life.Connect(lamp_);
  lose();
  EXPECT_GE(Number(kHistoryGapFromNumber), complete_ms);
}

TEST_F(HistoryGapTest, AClockThatIsAheadForAMomentForgetsNoneBeforeTheHistory) {
  options_.history_ttl = absl::Hours(24);
  BrokerLife life = Live();
  life.Flush();
  FillTheQueue(&life);
  MakeRoom(&life);
  const uint64_t first = Number(kHistoryGapFromNumber);
  life.SetClock(life.now() + absl::Hours(48));
  life.Flush();
  FillTheQueue(&life);
  MakeRoom(&life);
  EXPECT_EQ(Number(kHistoryGapFromNumber), first);
}

TEST_F(HistoryGapTest, OneOfAClockThatWasAheadEndsWithTheNextStart) {
  const absl::Time ahead = absl::FromUnixSeconds(UINT32_MAX);
  {
    BrokerLife life = Live();
    life.Connect(lamp_);
    life.Flush();
    life.SetClock(ahead);
    FillTheQueue(&life);
    life.End(lamp_, EndReason::kNetworkError);
    MakeRoom(&life);
    EXPECT_GT(Read(lamp_).kept_since_ms, absl::ToUnixMillis(ahead));
    life.Close();
  }
  const absl::Time start = kStart + absl::Hours(1);
  absl::Time lost;
  {
    BrokerLife life = Live(start);
    life.Connect("door");
    life.Connect("door");
    life.Flush();
    EXPECT_EQ(Read("door").kept_since_ms, absl::ToUnixMillis(start));
    EXPECT_EQ(Read("door").entries[0].before, registry::SessionState::kOnline);
    life.Close();
  }
  {
    BrokerLife life = Live(start + absl::Hours(1));
    const HistoryAnswer door = Read("door");
    ASSERT_EQ(door.entries.size(), 3u);
    EXPECT_EQ(door.entries[0].record.reason, EndReason::kServerShutdown);
    FillTheQueue(&life);
    life.Connect(lamp_);
    lost = life.now();
    MakeRoom(&life);
  }
  EXPECT_EQ(Read("door").kept_since_ms, absl::ToUnixMillis(lost) + 1) << "the next is noticed";
}

// A machine without a clock of its own goes on from when it was stopped, or from 1970.
TEST_F(HistoryGapTest, OneIsKeptWhereTheClockIsYetToBeSet) {
  absl::Time lost;
  {
    BrokerLife life = Live();
    life.Connect(lamp_);
    life.Flush();
    FillTheQueue(&life);
    life.End(lamp_, EndReason::kNetworkError);
    lost = life.now();
    MakeRoom(&life);
    life.Close();
  }
  for (const absl::Time start : {lost - absl::Hours(1), absl::FromUnixSeconds(10)}) {
    BrokerLife life = Live(start);
    life.Flush();
    EXPECT_EQ(Read(lamp_).kept_since_ms, absl::ToUnixMillis(lost) + 1) << start;
    life.Close();
  }
}

// Mosquitto 2.0 may tell of an end when others have happened since.
TEST_F(HistoryGapTest, AnEndThatIsToldLateMakesItNoShorter) {
  BrokerLife life = Live();
  life.Connect(lamp_);
  life.Flush();
  life.Advance(absl::Minutes(1));
  FillTheQueue(&life);
  life.End(lamp_, EndReason::kNetworkError);
  const absl::Time lost = life.now();
  registry::SessionEvent late;
  late.kind = registry::SessionEvent::Kind::kEnded;
  late.client_id = bell_;
  late.time = lost - absl::Seconds(30);
  life.store->OnChange(late, registry::ApplyResult());
  MakeRoom(&life);
  EXPECT_EQ(Read(lamp_).kept_since_ms, absl::ToUnixMillis(lost) + 1);
}

TEST_F(HistoryGapTest, WhatWaitedForTheDiskWhenTheBrokerDiedIsToldAsMissing) {
  absl::Time written;
  absl::Time lost;
  {
    BrokerLife life = Live();
    life.Connect(lamp_);
    life.Flush();
    written = life.now();
    life.Advance(absl::Minutes(5));
    FillTheQueue(&life);
    life.Advance(absl::Minutes(5));
    EXPECT_FALSE(life.store->Flush().ok());
    lost = life.now();
  }
  Execute("DROP TRIGGER full");
  absl::Time start = kStart + absl::Hours(1);
  for (int restart = 0; restart < 2; ++restart, start += absl::Hours(1)) {
    BrokerLife life = Live(start);
    const HistoryAnswer lamp = Read(lamp_);
    EXPECT_EQ(lamp.kept_since_ms, absl::ToUnixMillis(lost) + 1);
    ASSERT_EQ(lamp.entries.size(), 2u);
    EXPECT_EQ(lamp.entries[0].record.reason, EndReason::kUnknown);
    EXPECT_EQ(lamp.entries[0].not_before_ms, absl::ToUnixMillis(written));
  }
  {
    BrokerLife life = Live(start);
    life.Connect("door");
    life.Connect("door");
    life.Flush();
    EXPECT_EQ(Read("door").entries[0].before, registry::SessionState::kOnline);
  }
}

TEST_F(HistoryGapTest, WhatWaitedAndWasWrittenIsNotMissing) {
  const std::string note = path_ + "-lock";
  {
    BrokerLife life = Live();
    life.Connect(lamp_);
    life.Flush();
    Execute(
        "CREATE TRIGGER full BEFORE INSERT ON lives BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    life.Connect(lamp_);
    EXPECT_FALSE(life.store->Flush().ok());
    EXPECT_EQ(std::filesystem::file_size(note), 1u);
    Execute("DROP TRIGGER full");
    life.Flush();
    EXPECT_EQ(std::filesystem::file_size(note), 0u);
  }
  const BrokerLife life = Live(kStart + absl::Hours(1));
  EXPECT_EQ(Number(kHistoryGapUntilNumber), 0u);
  EXPECT_EQ(Read(lamp_).entries[0].record.reason, EndReason::kBrokerRestart);
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

TEST_F(SessionHistoryTest, IsReadOnADiskThatIsReadOnlyAfterAnOrderlyEnd) {
  const std::string folder = folder_ / "disk";
  std::filesystem::create_directory(folder);
  testing::SmallDisk disk(folder);
  if (!disk.is_there()) GTEST_SKIP() << "only root can mount a disk to try this on";
  options_.path = path_ = folder + "/s.db";
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Close();
  }
  ASSERT_TRUE(disk.MakeReadOnly());
  EXPECT_THAT(Words(), ElementsAre("begun 10.0.0.1"));
}

TEST_F(SessionHistoryTest, WithoutADatabaseThereIsNone) {
  EXPECT_EQ(ReadHistory(path_, {}).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace session_status::store
