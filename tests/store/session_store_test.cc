#include "plugin/store/session_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/store/session_history.h"
#include "plugin/store/sqlite.h"
#include "tests/store/broker_life.h"
#include "tests/store/store_folder.h"
#include "tests/testing/wait.h"

namespace session_status::store {
namespace {

using registry::EndReason;
using registry::SessionDetails;
using registry::SessionState;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class SessionStoreTest : public StoreFolder {};

TEST_F(SessionStoreTest, AfterAnOrderlyEndOnlineClientsWentWithTheServerAtThatMoment) {
  BrokerLife first = Live();
  first.Connect("lamp");
  first.Advance(absl::Minutes(5));
  first.Close();
  const BrokerLife second = Live(first.now() + absl::Hours(1));
  const SessionDetails lamp = second.Details("lamp");
  EXPECT_EQ(lamp.status.state, SessionState::kOffline);
  EXPECT_EQ(lamp.status.reason, EndReason::kServerShutdown);
  EXPECT_EQ(lamp.disconnected_at, first.now());
  EXPECT_EQ(lamp.ended_not_before, absl::InfinitePast()) << "the moment is exact";
  EXPECT_TRUE(lamp.restored);
}

TEST_F(SessionStoreTest, AfterACrashTheyEndedBetweenTheLastWordAndTheNextStart) {
  absl::Time complete;
  {
    BrokerLife first = Live();
    first.Connect("lamp");
    first.Advance(absl::Minutes(5));
    complete = first.now();
    first.Flush();
    first.Advance(absl::Seconds(3));  // nobody wrote that down
  }
  const absl::Time restart = complete + absl::Minutes(1);
  const BrokerLife second = Live(restart);
  const SessionDetails lamp = second.Details("lamp");
  EXPECT_EQ(lamp.status.state, SessionState::kOffline);
  EXPECT_EQ(lamp.status.reason, EndReason::kBrokerRestart);
  EXPECT_EQ(lamp.disconnected_at, restart);
  EXPECT_THAT(lamp.ended_not_before, AllOf(Le(complete), Ge(complete - absl::Milliseconds(64))));
}

TEST_F(SessionStoreTest, AnIntervalIsThatOfItsOwnCrashHoweverManyFollow) {
  absl::Time complete;
  absl::Time restart;
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Flush();
    complete = life.now();
    restart = complete + absl::Minutes(1);
  }
  for (int crash = 0; crash < 5; ++crash) {
    BrokerLife life = Live(restart + absl::Minutes(crash));
    life.Connect(absl::StrCat("other-", crash));
    life.Flush();
    const SessionDetails lamp = life.Details("lamp");
    EXPECT_EQ(lamp.status.reason, EndReason::kBrokerRestart);
    EXPECT_EQ(lamp.disconnected_at, restart) << crash;
    EXPECT_LE(lamp.ended_not_before, complete) << crash;
  }
}

TEST_F(SessionStoreTest, AnIntervalIsStillOneAfterTheSessionWasWrittenAgain) {
  {
    BrokerLife first = Live();
    first.Connect("lamp");
    first.Flush();
  }
  Execute("INSERT OR REPLACE INTO numbers VALUES ('full_save', 1)");
  SessionDetails known;
  {
    BrokerLife second = Live(kStart + absl::Minutes(1));
    known = second.Details("lamp");
    second.Flush();
    EXPECT_EQ(second.store->stats().full_saves, 1u) << "which writes everybody";
  }
  ASSERT_GT(known.ended_not_before, absl::InfinitePast());
  const SessionDetails lamp = Live(kStart + absl::Minutes(2)).Details("lamp");
  EXPECT_EQ(lamp.status.reason, EndReason::kBrokerRestart);
  EXPECT_EQ(lamp.disconnected_at, known.disconnected_at);
  EXPECT_THAT(lamp.ended_not_before, AllOf(Le(known.ended_not_before),
                                           Ge(known.ended_not_before - absl::Milliseconds(64))));
}

// Of the life after the crash only what came once its clock was set can be compared.
TEST_F(SessionStoreTest, AnIntervalBeforeAStartWithAClockThatIsStillToBeSetHoldsTheTruth) {
  absl::Time complete;
  {
    BrokerLife first = Live();
    first.Connect("lamp");
    first.Flush();
    complete = first.now();
  }
  {
    BrokerLife second = Live(absl::UnixEpoch() + absl::Seconds(20));
    second.SetClock(complete + absl::Minutes(5));
    second.Close();
  }
  const SessionDetails lamp = Live(complete + absl::Hours(1)).Details("lamp");
  EXPECT_EQ(lamp.status.reason, EndReason::kBrokerRestart);
  EXPECT_LE(lamp.ended_not_before, complete);
  EXPECT_EQ(lamp.disconnected_at, complete + absl::Minutes(5));
  HistoryQuery query;
  query.client_id = "lamp";
  const HistoryEntry end = ReadHistory(path_, query)->entries.front();
  EXPECT_EQ(end.not_before_ms, absl::ToUnixMillis(complete));
  EXPECT_EQ(end.record.at_ms, absl::ToUnixMillis(complete + absl::Minutes(5)));
}

TEST_F(SessionStoreTest, TheEndOfAKeptSessionIsNotTakenForThatOfItsConnectionAfterARestart) {
  absl::Time ended;
  {
    BrokerLife first = Live();
    first.Connect("lamp");
    first.End("lamp", EndReason::kNetworkError, /*kept=*/true);
    ended = first.now();
    first.Flush();
    first.Advance(absl::Hours(1));
    first.Gone("lamp", EndReason::kSessionExpired);
    EXPECT_EQ(first.Details("lamp").disconnected_at, ended);
    first.Flush();
  }
  const SessionDetails lamp = Live(ended + absl::Hours(2)).Details("lamp");
  EXPECT_EQ(lamp.status.state, SessionState::kOffline);
  EXPECT_EQ(lamp.status.reason, EndReason::kSessionExpired);
  EXPECT_EQ(lamp.disconnected_at, ended);
  EXPECT_EQ(lamp.ended_not_before, absl::InfinitePast());
}

TEST_F(SessionStoreTest, EverythingThatIsKnownOfASessionComesBack) {
  BrokerLife first = Live();
  registry::Connection connection;
  connection.address = "2001:db8::1";
  connection.username = "anna";
  connection.listener_port = 8883;
  connection.keepalive_s = 17;
  connection.protocol_version = registry::ProtocolVersion::kMqtt5;
  connection.transport = registry::Transport::kWebSockets;
  connection.clean_start = true;
  const std::string odd = std::string("\xff\xfe", 2) + std::string(65'000, 'x');
  for (const std::string& id : {std::string("lamp"), odd}) {
    first.Connect(id, connection);
    first.End(id, EndReason::kKeepaliveTimeout, /*kept=*/true);
    first.Connect(id, connection);
    first.End(id, EndReason::kKicked, /*kept=*/false);
  }
  first.Close();
  const BrokerLife second = Live(first.now() + absl::Minutes(1));
  for (const std::string& id : {std::string("lamp"), odd}) {
    SessionDetails want = first.Details(id);
    want.restored = true;
    EXPECT_EQ(Text(second.Details(id)), Text(want));
  }
}

TEST_F(SessionStoreTest, IncarnationsRiseWhateverTheEndAndTheClock) {
  uint64_t highest = 0;
  absl::Time now = kStart;
  for (int round = 0; round < 8; ++round) {
    SCOPED_TRACE(round);
    BrokerLife life = Live(now);
    for (int i = 0; i < 10; ++i) {
      const uint64_t given = life.Connect(absl::StrCat("c", i));
      ASSERT_GT(given, highest);
      highest = given;
    }
    if (round % 3 == 0) life.Flush();
    if (round % 3 == 1) life.Close();
    now = kStart - absl::Hours(round);  // somebody sets the clock back
  }
}

TEST_F(SessionStoreTest, IncarnationsRiseWhenAllWereGivenInTheMillisecondOfTheLastCommit) {
  uint64_t highest = 0;
  {
    BrokerLife life = Live();
    life.set_event_takes(absl::ZeroDuration());
    life.Connect("c");
    life.Flush();
    for (uint64_t i = 1; i < kIncarnationsPerMs; ++i) highest = life.Connect("c");
  }  // killed
  EXPECT_GT(Live().next_incarnation(), highest);
}

TEST_F(SessionStoreTest, IncarnationsRiseEvenWhenTheDatabaseIsLost) {
  uint64_t highest = 0;
  absl::Time now = kStart;
  for (int round = 0; round < 4; ++round) {
    BrokerLife life = Live(now);
    for (int i = 0; i < 1000; ++i) life.Connect(absl::StrCat("c", i));
    EXPECT_GT(life.Details("c0").incarnation, highest);
    highest = life.Details("c999").incarnation;
    life.Close();
    Remove();
    now = life.now() + absl::Seconds(1);
  }
}

// A machine's clock that died may say 2106: numbers by that are beyond what a database may hold.
TEST_F(SessionStoreTest, AStartLongAfterOurTimeCostsNothing) {
  EXPECT_EQ(IncarnationFloor(absl::InfiniteFuture()), 1u);
  EXPECT_EQ(IncarnationFloor(absl::InfinitePast()), 1u);
  EXPECT_GT(IncarnationFloor(kStart + absl::Hours(24 * 365 * 20)), IncarnationFloor(kStart));
  uint64_t highest = 0;
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    highest = life.Connect("bell");
    life.Close();
  }
  {
    BrokerLife life = Live(absl::FromUnixSeconds(UINT32_MAX));
    const uint64_t given = life.Connect("door");
    EXPECT_GT(given, highest);
    highest = given;
    life.Flush();
    life.SetClock(kStart + absl::Hours(1));
    life.Close();
  }
  BrokerLife life = Live(kStart + absl::Hours(2));
  EXPECT_EQ(life.All().size(), 3u);
  EXPECT_GT(life.next_incarnation(), highest);
  life.Flush();
  EXPECT_EQ(Integer("SELECT count(*) FROM history"), 3);
  EXPECT_THAT(log_.lines(), IsEmpty());
}

TEST_F(SessionStoreTest, NumbersAreReservedInTheDatabaseBeforeTheyAreGivenOut) {
  BrokerLife life = Live();
  const uint64_t reserved = Number("incarnations_reserved");
  EXPECT_GE(reserved, life.next_incarnation() + kIncarnationBlock / 2);
  life.store->OnChange(Connected("lamp", reserved - 10), {});
  life.Flush();
  EXPECT_GE(Number("incarnations_reserved"), reserved + kIncarnationBlock / 2);
  EXPECT_EQ(life.store->stats().unreserved_incarnations, 0u);
}

TEST_F(SessionStoreTest, ForgottenClientsLeaveTheDatabase) {
  BrokerLife first = Live();
  first.Connect("lamp");
  first.Connect("bell");
  first.End("lamp", EndReason::kClientDisconnect);
  first.Advance(absl::Hours(25));
  first.Maintain();
  first.Close();
  const BrokerLife second = Live(first.now());
  EXPECT_EQ(second.All().count("lamp"), 0u);
  EXPECT_EQ(second.All().count("bell"), 1u);
}

TEST_F(SessionStoreTest, MoreThanEndedMaxAreNotRestoredAndLeaveTheDatabase) {
  BrokerLife first = Live();
  for (int i = 0; i < 20; ++i) {
    first.Connect(absl::StrCat("c", i));
    first.End(absl::StrCat("c", i), EndReason::kClientDisconnect, /*kept=*/i < 5);
  }
  first.Close();
  options_.ended_max = 10;
  BrokerLife second = Live(first.now());
  EXPECT_EQ(second.All().size(), 15u) << "kept ones do not count";
  EXPECT_EQ(second.All().count("c9"), 0u);
  EXPECT_EQ(second.All().count("c10"), 1u);
  second.Close();
  options_.ended_max = 100;
  EXPECT_EQ(Live(second.now()).All().size(), 15u);
}

TEST_F(SessionStoreTest, WhatFindsNoRoomInTheQueueIsMadeUpForByAFullSave) {
  options_.queue_bytes = EventRing::kBytesMin;
  std::map<std::string, SessionDetails> want;
  {
    BrokerLife first = Live();
    for (int i = 0; i < 30'000; ++i) first.Connect(absl::StrCat("client-", i));
    for (int i = 0; i < 30'000; i += 2) {
      first.End(absl::StrCat("client-", i), EndReason::kNetworkError);
    }
    EXPECT_GT(first.store->stats().dropped, 0u);
    first.Flush();
    EXPECT_GE(first.store->stats().full_saves, 1u);
    want = first.All();
  }
  const BrokerLife second = Live(kStart + absl::Hours(1));
  const auto have = second.All();
  ASSERT_EQ(have.size(), want.size());
  for (const auto& [id, details] : want) {
    EXPECT_EQ(have.at(id).incarnation, details.incarnation) << id;
    EXPECT_EQ(have.at(id).status.reason,
              details.status.online() ? EndReason::kBrokerRestart : EndReason::kNetworkError);
  }
  EXPECT_THAT(log_.lines(), ElementsAre(HasSubstr("faster than"), HasSubstr("saved again")));
}

TEST_F(SessionStoreTest, ACrashBeforeDroppedChangesWereMadeUpForDatesNoEndTooLate) {
  options_.queue_bytes = EventRing::kBytesMin;
  constexpr int kClients = 50;
  // Longer than the names below: no end of theirs finds room where those found none.
  const auto name = [](int i) { return absl::StrCat("a-client-that-has-a-long-name-", i); };
  std::map<std::string, absl::Time> ended;
  absl::Time now;
  {
    BrokerLife life = Live();
    for (int i = 0; i < kClients; ++i) life.Connect(name(i));
    life.Flush();
    // The crash comes between the first and the second transaction of the full save.
    Execute(
        "CREATE TRIGGER crash BEFORE INSERT ON lives "
        "WHEN (SELECT value FROM numbers WHERE name = 'full_save') = 1 "
        "BEGIN SELECT RAISE(ABORT, 'the crash'); END");
    for (int i = 0; i < 30'000; ++i) life.Connect(absl::StrCat("client-", i));
    ASSERT_GT(life.store->stats().dropped, 0u);
    for (int i = 0; i < kClients; ++i) {
      life.End(name(i), EndReason::kNetworkError);
      ended[name(i)] = life.now();
    }
    life.Advance(absl::Minutes(1));
    EXPECT_THAT(std::string(life.store->Flush().message()), HasSubstr("the crash"));
    now = life.now();
  }
  Execute("DROP TRIGGER crash");
  const BrokerLife next = Live(now + absl::Minutes(1));
  int not_saved = 0;
  for (const auto& [id, at] : ended) {
    const SessionDetails details = next.Details(id);
    if (details.status.reason == EndReason::kNetworkError) continue;
    ++not_saved;
    EXPECT_EQ(details.status.reason, EndReason::kBrokerRestart);
    EXPECT_LE(details.ended_not_before, at) << id;
  }
  EXPECT_GT(not_saved, 0) << "the crash came too late for this test";
}

TEST_F(SessionStoreTest, AFullSaveThatWasInterruptedIsBegunAgain) {
  {
    BrokerLife first = Live();
    first.Connect("lamp");
    first.Flush();
  }
  Execute(
      "INSERT OR REPLACE INTO numbers VALUES ('full_save', 1);"
      "UPDATE sessions SET generation = generation - 1");
  BrokerLife second = Live(kStart + absl::Hours(1));
  second.Flush();
  EXPECT_EQ(second.store->stats().full_saves, 1u);
  EXPECT_EQ(Number("full_save"), 0u);
}

TEST_F(SessionStoreTest, TwoProcessesCannotUseOneFile) {
  const BrokerLife life = Live();
  for (const std::string& path : {path_, (folder_ / ".." / folder_.filename() / "s.db").string()}) {
    options_.path = path;
    const auto second = SessionStore::Open(options_, kStart);
    EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(second.status().message()), HasSubstr("another process is using it"));
  }
}

TEST_F(SessionStoreTest, APlaceThatCannotBeUsedIsSaid) {
  options_.path = folder_ / "no-such-folder/s.db";
  EXPECT_THAT(std::string(SessionStore::Open(options_, kStart).status().message()),
              HasSubstr("No such file or directory"));
  options_.path = folder_ / "pipe";
  ASSERT_EQ(mkfifo(options_.path.c_str(), 0600), 0);
  EXPECT_THAT(std::string(SessionStore::Open(options_, kStart).status().message()),
              HasSubstr("pipe: not a regular file"));
}

TEST_F(SessionStoreTest, APipeThatComesInItsPlaceIsNotWaitedFor) {
  BrokerLife life = Live();
  life.Connect("lamp");
  life.Flush();
  std::filesystem::remove(path_);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_FALSE(life.store->Flush().ok());
  std::filesystem::remove(path_);
  life.Flush();
  life.Close();
  EXPECT_EQ(Live(life.now()).All().count("lamp"), 1u);
}

TEST_F(SessionStoreTest, AnotherProgramsDatabaseIsLeftWhereItIsAndStopsTheStart) {
  Execute("CREATE TABLE usage (calls)");
  Execute("PRAGMA application_id = 7");
  const auto opened = SessionStore::Open(options_, kStart);
  EXPECT_TRUE(absl::IsInvalidArgument(opened.status())) << opened.status();
  EXPECT_THAT(std::string(opened.status().message()),
              AllOf(HasSubstr(path_), HasSubstr("another program's database")));
  EXPECT_FALSE(std::filesystem::exists(path_ + ".damaged"));
  EXPECT_EQ(Ask("SELECT name FROM sqlite_schema"), "usage");
}

TEST_F(SessionStoreTest, SomebodyElsesFileIsLeftWhereItIsAndStopsTheStart) {
  for (const OthersFile& file : OthersFiles()) {
    SCOPED_TRACE(file.what);
    WriteFile(file.content);
    const auto opened = SessionStore::Open(options_, kStart);
    EXPECT_TRUE(absl::IsInvalidArgument(opened.status())) << opened.status();
    EXPECT_THAT(std::string(opened.status().message()),
                AllOf(HasSubstr(absl::StrCat(path_, ": is ", file.what, ",")),
                      HasSubstr("give the database a path of its own")));
    EXPECT_EQ(ReadFile(path_), file.content);
    EXPECT_THAT(Aside(), IsEmpty());
  }
}

// As when the broker writes its persistence where the session database is.
TEST_F(SessionStoreTest, SomebodyElsesFileThatComesInItsPlaceIsLeftThere) {
  const std::string content = OthersFiles().front().content;
  BrokerLife life = Live();
  life.Connect("lamp");
  life.Flush();
  std::filesystem::remove(path_);
  WriteFile(content);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(life.store->Flush().ok());
  EXPECT_TRUE(life.store->stats().failing);
  life.Close();
  EXPECT_EQ(ReadFile(path_), content);
  EXPECT_THAT(Aside(), IsEmpty());
}

TEST_F(SessionStoreTest, WhatMayBeOursIsMovedAsideWhateverTheDiskMadeOfIt) {
  { BrokerLife(options_, kStart, &log_).Close(); }
  const std::string whole = ReadFile(path_);
  const std::string text(4096, 'x');
  for (const std::string& content :
       {std::string("not what was here") + whole.substr(17), text + whole.substr(text.size()),
        std::string(4096, '\0') + whole.substr(4096), std::string(100, '\0'), whole.substr(0, 100),
        whole.substr(0, 7), std::string(64 << 10, '\xFF'), std::string(100, '\xFF'),
        std::string(512, '\xDB')}) {
    SCOPED_TRACE(absl::StrCat(content.size(), " bytes"));
    Remove();
    WriteFile(content);
    { BrokerLife(options_, kStart, &log_).Close(); }
    ASSERT_THAT(Aside(), ElementsAre("s.db.damaged"));
    EXPECT_EQ(ReadFile(path_ + ".damaged"), content);
  }
}

TEST_F(SessionStoreTest, WhatWasMovedAsideIsNeverTouchedAgain) {
  std::vector<std::string> places;
  for (int i = 1; i <= kAsideMax; ++i) {
    WriteFile(path_ + "-wal", absl::StrCat("log ", i));
    WriteFile(std::string(512, static_cast<char>(i)));
    { BrokerLife(options_, kStart, &log_).Close(); }
    places.push_back(absl::StrCat(path_, ".damaged", i == 1 ? "" : absl::StrCat(".", i)));
    EXPECT_THAT(log_.lines(), Contains(HasSubstr(places.back() + " and begun anew")));
    Execute("PRAGMA journal_mode = DELETE");
  }
  for (int i = 1; i <= kAsideMax; ++i) {
    EXPECT_EQ(ReadFile(places[i - 1]), std::string(512, static_cast<char>(i)));
  }
  const std::string last(512, '\x7f');
  WriteFile(last);
  log_.Clear();
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    EXPECT_FALSE(life.store->Flush().ok());
    EXPECT_EQ(ReadFile(path_), last);
    EXPECT_THAT(
        log_.lines(),
        UnorderedElementsAre(HasSubstr("in memory only"),
                             HasSubstr("cannot be moved aside, as 5 are there already, up to ")));
    std::filesystem::remove(places[2]);
    std::filesystem::remove(places[2] + "-wal");
    life.Flush();
    life.Close();
  }
  EXPECT_EQ(ReadFile(places[2]), last);
  EXPECT_EQ(Live().All().count("lamp"), 1u);
}

TEST_F(SessionStoreTest, ANewerSchemaIsMovedAsideNotTouched) {
  for (const char* content : {"PRAGMA user_version = 99", "PRAGMA application_id = 7"}) {
    SCOPED_TRACE(content);
    Remove();
    { BrokerLife(options_, kStart, &log_).Close(); }
    Execute(content);
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Close();
    EXPECT_EQ(Live(life.now()).All().count("lamp"), 1u);
    EXPECT_TRUE(std::filesystem::exists(path_ + ".damaged"));
    EXPECT_THAT(log_.lines(), Contains(HasSubstr("moved to")));
  }
}

TEST_F(SessionStoreTest, AFileThatIsTakenAwayWhileTheBrokerRunsIsWrittenAnew) {
  BrokerLife first = Live();
  first.Connect("lamp");
  first.Flush();
  Remove();
  first.Connect("bell");
  first.Flush();
  first.Close();
  EXPECT_THAT(log_.lines(), ElementsAre(HasSubstr("was replaced"), HasSubstr("written again"),
                                        HasSubstr("saved again")));
  EXPECT_EQ(Live(first.now()).All().size(), 2u);
}

TEST_F(SessionStoreTest, AFileThatIsReplacedByAnOlderCopyHoldsEverythingAgain) {
  BrokerLife first = Live();
  first.Connect("lamp");
  first.Flush();
  std::filesystem::copy(path_, folder_ / "copy.db");
  first.Connect("bell");
  first.Flush();
  for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(path_ + suffix);
  std::filesystem::rename(folder_ / "copy.db", path_);
  first.Connect("door");
  first.Flush();
  first.Close();
  EXPECT_EQ(Live(first.now()).All().size(), 3u);
}

// SQLite leaves the write-ahead log of a file that was taken away, and would apply it to any other
// one.
TEST_F(SessionStoreTest, TheLogOfAFileThatIsReplacedIsNotAppliedToTheOtherOne) {
  { BrokerLife(options_, kStart, &log_).Close(); }
  std::filesystem::copy(path_, folder_ / "copy.db");
  BrokerLife first = Live();
  for (int i = 0; i < 400; ++i) first.Connect(absl::StrCat("device-", i));
  first.Flush();
  ASSERT_TRUE(std::filesystem::exists(path_ + "-wal"));
  std::filesystem::rename(folder_ / "copy.db", path_);
  first.Connect("door");
  first.Flush();
  first.Close();
  EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
  EXPECT_EQ(Integer("SELECT count(*) FROM history"), 1) << "the others' went with their file";
  EXPECT_EQ(Live(first.now()).All().size(), 401u);
  EXPECT_THAT(log_.lines(), Not(Contains(HasSubstr("damaged"))));
}

TEST_F(SessionStoreTest, AFileThatOthersMayReadIsClosedToThemAndTheLogSaysSo) {
  { BrokerLife(options_, kStart, &log_).Close(); }
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  BrokerLife life = Live();
  life.Flush();
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const auto mode = std::filesystem::status(path_ + suffix).permissions();
    EXPECT_EQ(static_cast<int>(mode) & 0777, 0600) << suffix;
  }
  EXPECT_THAT(log_.lines(), ElementsAre(HasSubstr("others had access to it (mode 0644)")));
}

TEST_F(SessionStoreTest, TheFileIsItsOwnersAlone) {
  BrokerLife life = Live();
  life.Flush();
  for (const char* suffix : {"", "-wal", "-lock"}) {
    const auto mode = std::filesystem::status(path_ + suffix).permissions();
    EXPECT_EQ(static_cast<int>(mode) & 0777, 0600) << suffix;
  }
}

TEST_F(SessionStoreTest, HistoryIsKeptUpToItsLimits) {
  options_.history_max = 1000;
  options_.history_ttl = absl::Hours(1);
  BrokerLife life = Live();
  for (int i = 0; i < 4000; ++i) {
    life.Connect("lamp");
    life.End("lamp", EndReason::kNetworkError);
    if (i % 100 == 0) life.Flush();
  }
  life.Flush();
  life.Flush();
  EXPECT_EQ(Integer("SELECT count(*) FROM history"), 1000);
  EXPECT_EQ(Integer("SELECT max(number) FROM history"), 8000) << "the newest are there";
  life.Advance(absl::Hours(2));
  life.Flush();
  life.Flush();
  EXPECT_EQ(Integer("SELECT count(*) FROM history"), 0);
}

TEST_F(SessionStoreTest, HistoryOutlivesAClockThatIsSetForwardAndBack) {
  options_.history_ttl = absl::Hours(1);
  BrokerLife life = Live();
  life.Connect("lamp");
  life.Flush();
  const absl::Time before = life.now();
  life.SetClock(before + absl::Hours(300 * 24));
  life.Flush();
  life.Connect("bell");
  life.Flush();
  life.SetClock(before + absl::Seconds(10));
  life.Flush();
  EXPECT_EQ(Integer("SELECT count(*) FROM history WHERE client_id = 'lamp'"), 1);
}

// The plugin's time waits for the clock then, for two months: not for what is forgotten.
TEST_F(SessionStoreTest, HistoryOutlivesAClockThatWasAheadForAMinute) {
  options_.history_ttl = absl::Hours(24);
  BrokerLife life = Live();
  life.Connect("lamp");
  life.Flush();
  life.SetClock(life.now() + absl::Hours(30 * 24));
  life.Flush();
  life.Advance(absl::Minutes(1));
  life.Flush();
  life.SetClock(kStart + absl::Minutes(1));
  const auto has_history = [&] {
    life.Flush();
    return Integer("SELECT count(*) FROM history WHERE client_id = 'lamp'") > 0;
  };
  int hours = 0;
  for (; has_history() && hours < 48; ++hours) life.Advance(absl::Hours(1));
  EXPECT_THAT(hours, AllOf(Ge(24), Le(26)));
}

TEST_F(SessionStoreTest, HistoryOutlivesAStartWithAClockThatIsAhead) {
  options_.history_ttl = absl::Hours(1);
  absl::Time before;
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Close();
    before = life.now();
  }
  {
    BrokerLife life = Live(before + absl::Hours(300 * 24));
    life.Connect("bell");
    life.Close();
  }
  BrokerLife life = Live(before + absl::Minutes(1));
  life.Connect("door");
  life.Flush();
  EXPECT_EQ(Integer("SELECT count(*) FROM history WHERE client_id = 'lamp'"), 1);
  // Its life as well: without it nobody knows when the connection ended.
  EXPECT_EQ(Integer("SELECT count(*) FROM lives WHERE life = (SELECT life FROM history "
                    "WHERE client_id = 'lamp')"),
            1);
}

TEST_F(SessionStoreTest, HistoryOutlivesManyStartsWithAClockThatIsAhead) {
  options_.history_ttl = absl::Hours(1);
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Close();
  }
  for (int minutes = 0; minutes < 50; minutes += 10) {
    BrokerLife life = Live(kStart + absl::Hours(300 * 24) + absl::Minutes(minutes));
    life.Connect("bell");
    life.Advance(absl::Minutes(1));
    life.Close();
  }
  BrokerLife life = Live(kStart + absl::Minutes(1));
  life.Connect("door");
  life.Flush();
  EXPECT_EQ(Integer("SELECT count(*) FROM history WHERE client_id = 'lamp'"), 1);
}

// The broker was down, and is started again and again.
TEST_F(SessionStoreTest, AStepThatLastsOverManyStartsMakesHistoryOld) {
  options_.history_ttl = absl::Hours(1);
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Close();
  }
  int minutes = 0;
  for (; minutes < 400; minutes += 30) {
    BrokerLife life = Live(kStart + absl::Hours(300 * 24) + absl::Minutes(minutes));
    life.Advance(absl::Minutes(29));
    life.Close();
    if (Integer("SELECT count(*) FROM history") == 0) break;
  }
  EXPECT_THAT(minutes, AllOf(Ge(120), Le(180)));
}

// Who was online when a broker died, and has not come back, left before those who did so later.
TEST_F(SessionStoreTest, WhoWasOnlineIsToldInTheOrderOfTheEndsToo) {
  {
    BrokerLife life = Live();
    life.Connect("first");
    life.End("first", EndReason::kClientDisconnect);
    life.Connect("crashed");
    life.Flush();
  }
  {
    BrokerLife life = Live(kStart + absl::Hours(1));
    life.Connect("later");
    life.End("later", EndReason::kClientDisconnect);
    life.Connect("stopped");
    life.Advance(absl::Minutes(1));
    life.Close();
  }
  {
    BrokerLife life = Live(kStart + absl::Hours(2));
    life.Connect("latest");
    life.End("latest", EndReason::kClientDisconnect);
    life.Connect("crashed now");
    life.Flush();
  }
  const auto told = [this](uint64_t ended_max, const char* held) {
    SessionStoreOptions options = options_;
    options.ended_max = ended_max;
    const auto store = SessionStore::Open(options, kStart + absl::Hours(3));
    EXPECT_TRUE(store.ok()) << store.status();
    std::vector<std::string> ids;
    (*store)->Restore([&ids](const registry::SessionEvent& e) { ids.emplace_back(e.client_id); },
                      [held](absl::string_view id) { return id == held; });
    return ids;
  };
  EXPECT_THAT(told(10, ""),
              ElementsAre("first", "crashed", "later", "stopped", "latest", "crashed now"));
  EXPECT_THAT(told(4, ""), ElementsAre("later", "stopped", "latest", "crashed now"));
  // Whose session the broker has is not forgotten for the limit.
  EXPECT_THAT(told(4, "crashed"), ElementsAre("crashed", "stopped", "latest", "crashed now"));
}

// When its sessions ended, nobody may know.
TEST_F(SessionStoreTest, HistoryOutlivesAStartThatFindsSessions) {
  {
    BrokerLife life = Live();
    for (int i = 0; i < 100; ++i) {
      life.Connect("lamp");
      life.End("lamp", EndReason::kNetworkError);
    }
    life.Close();
  }
  BrokerLife life = Live(kStart + absl::Hours(24));
  life.Find("kept");
  life.Connect("bell");
  life.Flush();
  life.Flush();
  EXPECT_EQ(Integer("SELECT count(*) FROM history WHERE client_id = 'lamp'"), 200);
  EXPECT_EQ(Integer("SELECT count(*) FROM history WHERE client_id = 'kept'"), 0)
      << "no connection of it has begun or ended";
  EXPECT_EQ(Integer("SELECT state FROM sessions WHERE client_id = 'kept'"), 2);
}

// A machine without a clock of its own begins in 1970, until somebody tells it the time.
TEST_F(SessionStoreTest, HistoryOutlivesAClockThatWasStillToBeSet) {
  options_.history_ttl = absl::Hours(24);
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Close();
  }
  BrokerLife life = Live(absl::UnixEpoch() + absl::Seconds(20));
  life.Connect("door");
  life.Flush();
  life.SetClock(kStart + absl::Minutes(1));
  life.Connect("bell");
  const auto count = [&] {
    life.Flush();
    return Integer("SELECT count(*) FROM history");
  };
  for (int hours = 0; hours < 23; ++hours) {
    life.Advance(absl::Hours(1));
    ASSERT_EQ(count(), 3) << hours;
  }
  for (int hours = 0; hours < 3; ++hours) life.Advance(absl::Hours(1));
  EXPECT_EQ(count(), 0);
}

// What a clock that was ahead has written has no age that could be told: it goes with its
// neighbours.
TEST_F(SessionStoreTest, HistoryOfAClockThatWasAheadGoesWithWhatCameAfterIt) {
  options_.history_ttl = absl::Hours(24);
  for (const absl::Duration since : {absl::ZeroDuration(), absl::Hours(300 * 24)}) {
    BrokerLife life = Live(kStart + since);
    life.Connect("lamp");
    life.Close();
  }
  BrokerLife life = Live(kStart + absl::Minutes(1));
  life.Connect("lamp");
  int hours = 0;
  for (; hours < 48; ++hours) {
    life.Flush();
    if (Integer("SELECT count(*) FROM history") == 0) break;
    life.Advance(absl::Hours(1));
  }
  EXPECT_THAT(hours, AllOf(Ge(24), Le(27)));
}

// More of them than one flush looks at.
TEST_F(SessionStoreTest, ManyRowsOfAClockThatWasAheadKeepNothingBehindThem) {
  constexpr int kRows = 5000;
  options_.history_ttl = absl::Hours(24);
  {
    BrokerLife life = Live(kStart + absl::Hours(24 * 365 * 10));
    for (int i = 0; i < kRows; ++i) life.Connect("lamp");
    life.Close();
  }
  BrokerLife life = Live();
  life.Connect("bell");
  const auto count = [&] {
    life.Flush();
    return Integer("SELECT count(*) FROM history");
  };
  for (int hours = 0; hours < 23; ++hours) {
    life.Advance(absl::Hours(1));
    ASSERT_EQ(count(), kRows + 1) << hours;
  }
  int hours = 23;
  for (; count() > 0 && hours < 48; ++hours) life.Advance(absl::Hours(1));
  EXPECT_LE(hours, 34);
  // Numbers begin anew, and so does the search.
  life.Connect("bell");
  EXPECT_EQ(count(), 1);
  for (int i = 0; i < 27; ++i) life.Advance(absl::Hours(1));
  EXPECT_EQ(count(), 0);
}

// They were passed as rows of a time to come; now it has come, and what is behind them is what was
// wrong.
TEST_F(SessionStoreTest, ManyRowsOutliveAClockThatWasStillToBeSet) {
  constexpr int kRows = 5000;
  {
    BrokerLife life = Live();
    for (int i = 0; i < kRows; ++i) life.Connect("lamp");
    life.Close();
  }
  BrokerLife life = Live(absl::UnixEpoch() + absl::Seconds(20));
  life.Connect("door");
  for (int i = 0; i < 10; ++i) life.Flush();
  life.SetClock(kStart + absl::Minutes(1));
  life.Connect("bell");
  for (int hours = 0; hours < 10; ++hours) {
    life.Advance(absl::Hours(1));
    life.Flush();
  }
  EXPECT_EQ(Integer("SELECT count(*) FROM history"), kRows + 2);
}

TEST_F(SessionStoreTest, AStepOfTheClockThatLastsMakesHistoryOld) {
  options_.history_ttl = absl::Hours(1);
  BrokerLife life = Live();
  life.Connect("lamp");
  life.Flush();
  life.SetClock(life.now() + absl::Hours(30));
  const auto has_history = [&] {
    life.Flush();
    return Integer("SELECT count(*) FROM history") > 0;
  };
  int minutes = 0;
  for (; has_history() && minutes < 200; minutes += 10) life.Advance(absl::Minutes(10));
  EXPECT_THAT(minutes, AllOf(Ge(60), Le(130)));
}

TEST_F(SessionStoreTest, WithoutHistoryNoneIsWritten) {
  options_.history_ttl = absl::ZeroDuration();
  BrokerLife life = Live();
  life.Connect("lamp");
  life.Flush();
  EXPECT_EQ(Integer("SELECT count(*) FROM history"), 0);
  EXPECT_EQ(Integer("SELECT count(*) FROM sessions"), 1);
}

TEST_F(SessionStoreTest, AHealthyLifeSaysNothing) {
  BrokerLife life = Live();
  life.Connect("lamp");
  life.Flush();
  life.Close();
  EXPECT_THAT(log_.lines(), IsEmpty());
}

// How long the start takes: SESSION_STATUS_STORE_ROWS=1000000 for the figure in
// docs/persistence.md.
TEST_F(SessionStoreTest, ManySessionsAreRestoredInOneGo) {
  const char* text = getenv("SESSION_STATUS_STORE_ROWS");
  const int rows = text == nullptr ? 20'000 : atoi(text);
  options_.queue_bytes = size_t{256} << 20;
  options_.close_writes = testing::kPatience;  // more than a stop may take: a sanitizer is slow
  BrokerLife first = Live();
  for (int i = 0; i < rows; ++i) {
    const std::string id = absl::StrCat("device-with-a-name-", i);
    first.Connect(id);
    if (i % 2 == 0) first.End(id, EndReason::kClientDisconnect);
  }
  absl::Time begin = absl::Now();
  first.Close();
  const absl::Duration saved = absl::Now() - begin;
  begin = absl::Now();
  const BrokerLife second = Live(first.now());
  const absl::Duration restored = absl::Now() - begin;
  EXPECT_EQ(second.store->stats().restored, static_cast<uint64_t>(rows));
  std::cout << rows << " sessions: saved in " << saved << ", restored in " << restored << ", "
            << std::filesystem::file_size(path_) / static_cast<size_t>(rows)
            << " bytes each with history\n";
}

}  // namespace
}  // namespace session_status::store
