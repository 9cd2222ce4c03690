// The database damaged in every place, the disk full, the writer killed at any moment.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/store/file_size_limit.h"
#include "tests/store/store_folder.h"
#include "tests/testing/small_disk.h"
#include "tests/testing/wait.h"

namespace session_status::store {
namespace {

using registry::EndReason;
using registry::SessionDetails;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::UnorderedElementsAre;

constexpr size_t kPageBytes = 4096;

class SessionStoreFaultsTest : public StoreFolder {
 protected:
  std::string ReadDatabase() {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void WriteDatabase(const std::string& content) {
    Remove();
    std::ofstream(path_, std::ios::binary) << content;
  }
  // As long as what it returns is there.
  std::unique_ptr<Database> LockDatabase() {
    auto other = Database::Open(path_, Database::Mode::kCreate);
    EXPECT_TRUE(other.ok()) << other.status();
    EXPECT_TRUE(other->Execute("PRAGMA locking_mode = EXCLUSIVE").ok());
    EXPECT_TRUE(other->Execute("DELETE FROM numbers WHERE name = 'nothing'").ok());
    return std::make_unique<Database>(*std::move(other));
  }
  // What reading every page finds is dealt with as well.
  static void FlushChecked(BrokerLife* life) {
    life->Flush();
    EXPECT_TRUE(testing::WaitUntil([life] { return life->store->stats().checked; }));
    life->Flush();
  }
  void ExpectSound() { EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok"); }
};

// SESSION_STATUS_STORE_DAMAGE=all: every kind in every page, not one.
TEST_F(SessionStoreFaultsTest, DamageOfAnyPageCostsNoMoreThanWhatStoodThere) {
  std::map<std::string, SessionDetails> truth;
  {
    BrokerLife life = Live();
    for (int i = 0; i < 400; ++i) {
      const std::string id = absl::StrCat("a-device-with-a-name-", i);
      life.Connect(id);
      if (i % 2 == 0) life.End(id, EndReason::kClientDisconnect);
    }
    life.Close();
    truth = life.All();
  }
  const std::string whole = ReadDatabase();
  const size_t pages = whole.size() / kPageBytes;
  ASSERT_GT(pages, 15u);
  std::mt19937_64 rng(7);
  const bool all = getenv("SESSION_STATUS_STORE_DAMAGE") != nullptr;
  constexpr const char* kKinds[] = {"zeros", "noise", "a few bits"};
  absl::Time now = kStart + absl::Hours(1);
  for (size_t page = 0; page < pages; ++page) {
    for (const char* kind : kKinds) {
      if (!all && kind != kKinds[page % std::size(kKinds)]) continue;
      SCOPED_TRACE(absl::StrCat(kind, " in page ", page + 1, " of ", pages));
      std::string damaged = whole;
      for (size_t i = 0; i < kPageBytes; ++i) {
        char& byte = damaged[page * kPageBytes + i];
        if (kind[0] == 'z') byte = 0;
        if (kind[0] == 'n') byte = static_cast<char>(rng());
        // In the structure of the page: its header and the pointers to its cells.
        if (kind[0] == 'a' && i < 40) byte = static_cast<char>(byte ^ (rng() % 8 == 0 ? 0xff : 0));
      }
      WriteDatabase(damaged);
      {
        BrokerLife life = Live(now += absl::Minutes(1));
        for (const auto& [id, details] : life.All()) {
          ASSERT_EQ(truth.count(id), 1u) << id;
          EXPECT_EQ(details.incarnation, truth.at(id).incarnation);
          EXPECT_FALSE(details.status.online());
        }
        EXPECT_GT(life.Connect("new"), truth.rbegin()->second.incarnation);
        FlushChecked(&life);
        life.Close();
      }
      ExpectSound();
      EXPECT_EQ(Live(now).All().count("new"), 1u);
    }
  }
}

TEST_F(SessionStoreFaultsTest, DamageFoundWhileWritingIsMovedAsideAndNothingIsLost) {
  {
    BrokerLife life = Live();
    for (int i = 0; i < 400; ++i) life.Connect(absl::StrCat("device-", i));
    life.Close();
  }
  const int64_t root =
      Integer("SELECT rootpage FROM sqlite_schema WHERE name = 'history_by_client'");
  std::string content = ReadDatabase();
  content.replace(static_cast<size_t>(root - 1) * kPageBytes, kPageBytes, kPageBytes, '\x5a');
  WriteDatabase(content);
  BrokerLife life = Live(kStart + absl::Hours(1));
  EXPECT_EQ(life.All().size(), 400u) << "the start does not read the history";
  life.Connect("new");
  FlushChecked(&life);
  life.Close();
  EXPECT_THAT(log_.lines(), Contains(HasSubstr("moved to")));
  ExpectSound();
  EXPECT_EQ(Live(life.now()).All().size(), 401u);
}

// Each is one value that SQLite has nothing against.
TEST_F(SessionStoreFaultsTest, NumbersThatNoneCanFollowAreTakenForDamage) {
  constexpr const char* kDamages[] = {
      "UPDATE lives SET life = 9223372036854775807",
      "UPDATE lives SET life = -5",
      "UPDATE lives SET alive_ms = -9223372036854775808",
      "UPDATE numbers SET value = 9223372036854775807 WHERE name = 'incarnations_given'",
      "UPDATE numbers SET value = -9223372036854775808 WHERE name = 'incarnations_given'",
      "INSERT OR REPLACE INTO numbers VALUES ('generation', 9223372036854775807)",
      "UPDATE history SET number = 9223372036854775807 WHERE number = 1",
      "UPDATE sessions SET incarnation = 281474976710655 WHERE client_id = 'door'",
  };
  for (const char* damage : kDamages) {
    SCOPED_TRACE(damage);
    Remove();
    log_.Clear();
    {
      BrokerLife life = Live();
      life.Connect("lamp");
      life.Connect("door");
      life.Close();
    }
    Execute(damage);
    BrokerLife life = Live(kStart + absl::Hours(1));
    EXPECT_EQ(life.All().count("lamp"), 1u);
    EXPECT_LT(life.Connect("door"), uint64_t{1} << 47);
    EXPECT_TRUE(life.Details("door").status.online());
    life.Flush();
    life.End("door", EndReason::kKicked);
    life.Close();
    EXPECT_THAT(log_.lines(), Contains(HasSubstr("moved to")));
    ExpectSound();
    EXPECT_EQ(Live(life.now()).Details("door").status.reason, EndReason::kKicked);
  }
}

TEST_F(SessionStoreFaultsTest, AFullDiskIsToldOnceAndMadeUpForWhenThereIsRoom) {
  options_.queue_bytes = EventRing::kBytesMin;
  BrokerLife life = Live();
  life.Connect("before");
  life.Flush();
  {
    const FileSizeLimit full(64 << 10);
    for (int i = 0; i < 20'000; ++i) life.Connect(absl::StrCat("client-", i));
    for (int attempt = 0; attempt < 5; ++attempt) {
      EXPECT_FALSE(life.store->Flush().ok());
      for (int i = 0; i < 5000; ++i) life.End(absl::StrCat("client-", i), EndReason::kNetworkError);
      for (int i = 0; i < 5000; ++i) life.Connect(absl::StrCat("client-", i));
    }
    const SessionStoreStats stats = life.store->stats();
    EXPECT_TRUE(stats.failing);
    EXPECT_GE(stats.failures, 5u);
    EXPECT_GT(stats.dropped, 0u) << "the queue is bounded";
    EXPECT_LE(stats.queue_bytes, 3 * EventRing::kBytesMin) << "and so is what was taken from it";
  }
  life.Flush();
  EXPECT_FALSE(life.store->stats().failing);
  EXPECT_THAT(log_.lines(),
              UnorderedElementsAre(HasSubstr("in memory only"), HasSubstr("faster than"),
                                   HasSubstr("written again"), HasSubstr("saved again")));
  const auto want = life.All();
  life.Close();
  ExpectSound();
  const BrokerLife next = Live(life.now());
  const auto have = next.All();
  ASSERT_EQ(have.size(), want.size());
  for (const auto& [id, details] : want) EXPECT_EQ(have.at(id).incarnation, details.incarnation);
}

TEST_F(SessionStoreFaultsTest, AFullDiskAtTheStartDoesNotHideWhatWasKnown) {
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Flush();  // left in the write-ahead log by a crash
  }
  uint64_t first = 0;
  {
    const FileSizeLimit full(0);
    BrokerLife life = Live(kStart + absl::Hours(1));
    EXPECT_EQ(life.Details("lamp").status.reason, EndReason::kBrokerRestart);
    EXPECT_TRUE(life.store->stats().failing);
    first = life.Connect("lamp");
    EXPECT_GT(life.store->stats().failures, 0u);
  }
  BrokerLife life = Live(kStart + absl::Hours(2));
  EXPECT_EQ(life.Details("lamp").status.reason, EndReason::kBrokerRestart);
  EXPECT_GT(life.Connect("lamp"), first);
}

TEST_F(SessionStoreFaultsTest, WhatAFailedAttemptHoldsIsWaiting) {
  BrokerLife life = Live();
  life.Flush();
  EXPECT_EQ(life.store->stats().queue_bytes, 0u);
  {
    const FileSizeLimit full(0);
    for (int i = 0; i < 1000; ++i) life.Connect(absl::StrCat("client-", i));
    const uint64_t in_the_ring = life.store->stats().queue_bytes;
    EXPECT_FALSE(life.store->Flush().ok());
    EXPECT_GT(life.store->stats().queue_bytes, in_the_ring / 2) << "nothing of it is written";
  }
  life.Flush();
  EXPECT_EQ(life.store->stats().queue_bytes, 0u);
}

// As a life that begins on a disk that the system has mounted read-only after an error.
TEST_F(SessionStoreFaultsTest, AReadOnlyDiskAtTheStartDoesNotHideWhatWasKnown) {
  const std::string folder = folder_ / "disk";
  std::filesystem::create_directory(folder);
  testing::SmallDisk disk(folder);
  if (!disk.is_there()) GTEST_SKIP() << "only root can mount a disk to try this on";
  options_.path = path_ = folder + "/s #1?.db";  // what means something in a URI
  for (const bool in_order : {true, false}) {
    SCOPED_TRACE(in_order ? "after an orderly end" : "after a crash");
    log_.Clear();
    Remove();
    {
      BrokerLife life = Live();
      life.Connect("lamp");
      life.Flush();
      if (in_order) {
        life.Close();
      } else {
        std::filesystem::copy(path_, path_ + ".was");
        std::filesystem::copy(path_ + "-wal", path_ + ".was-wal");
      }
    }
    if (!in_order) {
      for (const char* suffix : {"", "-wal"}) {
        std::filesystem::rename(path_ + ".was" + suffix, path_ + suffix);
      }
    }
    ASSERT_TRUE(disk.MakeReadOnly());
    const absl::Time start = kStart + absl::Hours(1);
    BrokerLife life = Live(start);
    EXPECT_EQ(life.Details("lamp").status.reason,
              in_order ? EndReason::kServerShutdown : EndReason::kBrokerRestart);
    EXPECT_EQ(life.store->stats().restored, 1u);
    EXPECT_TRUE(life.store->stats().failing);
    EXPECT_EQ(life.store->stats().complete_until_ms, absl::ToUnixMillis(start))
        << "it is behind since the start, not since 1970";
    life.Connect("bell");
    EXPECT_FALSE(life.store->Flush().ok());
    EXPECT_THAT(log_.lines(), ElementsAre(HasSubstr("Read-only file system")));
    ASSERT_TRUE(disk.MakeWritable());
    life.Flush();
    life.Close();
    ExpectSound();
    EXPECT_EQ(Live(life.now()).All().size(), 2u) << "and it catches up";
  }
}

TEST_F(SessionStoreFaultsTest, ADamagedFileThatCannotBeMovedIsToldOnce) {
  const std::string folder = folder_ / "disk";
  std::filesystem::create_directory(folder);
  testing::SmallDisk disk(folder);
  if (!disk.is_there()) GTEST_SKIP() << "only root can mount a disk to try this on";
  options_.path = path_ = folder + "/s.db";
  WriteDatabase(std::string(2 * kPageBytes, '\1'));
  ASSERT_TRUE(disk.MakeReadOnly());
  BrokerLife life = Live();
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(life.store->Flush().ok());
  EXPECT_THAT(log_.lines(),
              UnorderedElementsAre(HasSubstr("in memory only"), HasSubstr("cannot be moved to")));
}

TEST_F(SessionStoreFaultsTest, AStartWaitsForWhoHasTheDatabaseLocked) {
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Close();
  }
  options_.start_waits = testing::kPatience;
  auto other = LockDatabase();
  std::thread unlocks([&] {
    EXPECT_TRUE(testing::WaitUntil([this] { return !log_.lines().empty(); }));
    other.reset();
  });
  const BrokerLife life = Live(kStart + absl::Hours(1));
  unlocks.join();
  EXPECT_THAT(log_.lines(), ElementsAre(HasSubstr("the start waits for it")));
  EXPECT_EQ(life.Details("lamp").status.reason, EndReason::kServerShutdown);
}

TEST_F(SessionStoreFaultsTest, WhatTheStartCouldNotReadIsToldByTheNextOne) {
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Close();
  }
  options_.start_waits = absl::ZeroDuration();
  {
    auto other = LockDatabase();
    BrokerLife life = Live(kStart + absl::Hours(1));
    EXPECT_THAT(log_.lines(), Contains(HasSubstr("restored by the next start only")));
    other.reset();
    life.Connect("bell");
    Execute("INSERT OR REPLACE INTO numbers VALUES ('full_save', 1)");
    life.Flush();
    EXPECT_EQ(life.store->stats().full_saves, 1u);
    life.Close();
  }
  const BrokerLife life = Live(kStart + absl::Hours(2));
  EXPECT_EQ(life.Details("lamp").status.reason, EndReason::kServerShutdown);
  EXPECT_EQ(life.All().size(), 2u);
}

// A backup program, say, that holds it for longer than the start waits.
TEST_F(SessionStoreFaultsTest, ALifeThatBeganWithoutTheDatabaseTakesNoEarlierOnesPlace) {
  absl::Time complete;
  {
    BrokerLife life = Live();
    life.Connect("lamp");
    life.Flush();
    complete = life.now();
  }
  const absl::Time begun = kStart + absl::Hours(1);
  options_.start_waits = absl::ZeroDuration();
  {
    auto other = LockDatabase();
    BrokerLife life = Live(begun);
    EXPECT_TRUE(life.store->stats().failing);
    other.reset();
    life.Connect("bell");
    life.Advance(absl::Hours(1));
    life.Flush();
  }
  BrokerLife life = Live(kStart + absl::Hours(3));
  const SessionDetails lamp = life.Details("lamp");
  EXPECT_EQ(lamp.status.reason, EndReason::kBrokerRestart);
  EXPECT_THAT(lamp.ended_not_before, AllOf(Le(complete), Ge(complete - absl::Milliseconds(64))));
  EXPECT_EQ(lamp.disconnected_at, begun);
  EXPECT_EQ(life.Details("bell").status.reason, EndReason::kBrokerRestart);
}

// Tells its parent each incarnation before it is written anywhere. Its clock runs as the store
// takes it to: kIncarnationsPerMs connects are a millisecond.
[[noreturn]] void RunUntilKilled(const SessionStoreOptions& options, absl::Time now, int tell) {
  LogLines log;
  SessionStoreOptions fast = options;
  fast.flush_interval = absl::Milliseconds(1);
  BrokerLife life(fast, now, &log);
  life.set_event_takes(absl::ZeroDuration());
  for (uint64_t i = 0;; ++i) {
    const std::string id = absl::StrCat("client-", i % 500);
    const uint64_t given = life.Connect(id);
    if (write(tell, &given, sizeof given) != sizeof given) _exit(1);
    if (i % 3 == 0) life.End(id, EndReason::kClientDisconnect, i % 2 == 0);
    if (i % kIncarnationsPerMs == 0) life.Advance(absl::Milliseconds(1));
  }
}

TEST_F(SessionStoreFaultsTest, AWriterKilledAtAnyMomentLeavesASoundDatabase) {
  std::mt19937_64 rng(11);
  uint64_t highest = 0;
  absl::Time now = kStart;
  for (int round = 0; round < 12; ++round) {
    SCOPED_TRACE(round);
    int told[2];
    ASSERT_EQ(pipe(told), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(told[0]);
      RunUntilKilled(options_, now, told[1]);
    }
    close(told[1]);
    uint64_t given = 0;
    uint64_t first = 0;
    const uint64_t last = 100 + rng() % 20'000;
    for (uint64_t i = 0; i < last; ++i) {
      ASSERT_EQ(read(told[0], &given, sizeof given), ssize_t{sizeof given});
      if (i == 0) {
        EXPECT_GT(given, highest);
        first = given;
      }
      highest = given;
    }
    kill(child, SIGKILL);
    while (read(told[0], &given, sizeof given) == ssize_t{sizeof given}) highest = given;
    ASSERT_EQ(waitpid(child, nullptr, 0), child);
    close(told[0]);
    // The moment of its death: whatever was not committed then is just covered.
    now += absl::Milliseconds((highest - first) / kIncarnationsPerMs + 1);
    ExpectSound();
    {
      BrokerLife life = Live(now);
      EXPECT_GT(life.next_incarnation(), highest);
      for (const auto& [id, details] : life.All()) EXPECT_FALSE(details.status.online()) << id;
    }
  }
}

}  // namespace
}  // namespace session_status::store
