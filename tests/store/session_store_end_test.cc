// The end of a life beside a disk that does not keep up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/store/disk_pace.h"
#include "tests/store/store_folder.h"
#include "tests/testing/wait.h"

namespace session_status::store {
namespace {

using registry::EndReason;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class SessionStoreEndTest : public StoreFolder {
 protected:
  // "lamp" is written; in the midst of "bell" the disk hangs.
  void HoldTheWriter(BrokerLife* life) {
    life->Connect("lamp");
    life->Flush();
    disk_.Hold();
    life->Connect("bell");
    ASSERT_TRUE(testing::WaitUntil([this] { return disk_.waiting() == 1; }));
  }

  DiskPace disk_;
};

TEST_F(SessionStoreEndTest, AnEndThatTheDiskKeepsUpWithIsInOrder) {
  options_.close_writes = options_.close_waits = testing::kPatience;  // the machine may be busy
  BrokerLife life = Live();
  for (int i = 0; i < 50'000; ++i) life.Connect(absl::StrCat("device-", i));
  life.Close();
  EXPECT_THAT(log_.lines(), IsEmpty());
  const BrokerLife next = Live(kStart + absl::Hours(1));
  EXPECT_EQ(next.All().size(), 50'000u);
  EXPECT_EQ(next.Details("device-0").status.reason, EndReason::kServerShutdown);
}

TEST_F(SessionStoreEndTest, AFullSaveThatIsNotDoneInTimeIsMadeByTheNextLife) {
  constexpr size_t kSessions = 20'000;  // four rounds
  options_.close_writes = absl::Milliseconds(200);
  options_.close_waits = testing::kPatience;
  {
    BrokerLife life = Live();
    for (size_t i = 0; i < kSessions; ++i) life.Connect(absl::StrCat("device-", i));
    life.Flush();
    // The next round finds another file than its own.
    Remove();
    disk_.SlowDown(absl::Milliseconds(3));  // a round writes some hundred pages
    const absl::Time begun = absl::Now();
    life.Close();
    EXPECT_LT(absl::Now() - begun, testing::kPatience);
    EXPECT_EQ(life.store->stats().full_saves, 0u);
  }
  disk_.LetGo();
  EXPECT_THAT(log_.lines(), Contains(HasSubstr("not all is written within 200ms")));
  EXPECT_EQ(Integer("SELECT count(*) FROM lives WHERE ended_ms <> 0"), 0)
      << "what is not whole must not be called an orderly end";
  EXPECT_EQ(Number("full_save"), 1u);
  BrokerLife next = Live(kStart + absl::Hours(1));
  const size_t saved = next.All().size();
  EXPECT_GT(saved, 0u);
  EXPECT_LT(saved, kSessions);
  for (const auto& [id, details] : next.All()) {
    ASSERT_EQ(details.status.reason, EndReason::kBrokerRestart) << id;
  }
  next.Flush();
  EXPECT_EQ(next.store->stats().full_saves, 1u);
  EXPECT_EQ(Number("full_save"), 0u);
}

TEST_F(SessionStoreEndTest, ADiskThatHangsIsNotWaitedForAndFindsNothingToTouchAfterwards) {
  options_.close_waits = absl::Milliseconds(200);
  options_.flush_interval = absl::Milliseconds(1);
  std::unique_ptr<SessionStore> store;
  absl::Time now;
  {
    BrokerLife life = Live();
    ASSERT_NO_FATAL_FAILURE(HoldTheWriter(&life));
    for (int i = 0; i < 1000; ++i) life.Connect(absl::StrCat("device-", i));  // for the end
    const absl::Time begun = absl::Now();
    life.store->BeginClose(life.now());
    EXPECT_FALSE(life.store->Close());
    EXPECT_LT(absl::Now() - begun, absl::Seconds(10));
    EXPECT_EQ(disk_.waiting(), 1);
    now = life.now();
    store = std::move(life.store);
  }  // the registry is gone, and the thread is still writing
  const size_t told = log_.lines().size();
  disk_.LetGo();
  store.reset();  // joins
  EXPECT_EQ(log_.lines().size(), told) << "who took the lines may be gone as well";
  const BrokerLife next = Live(now + absl::Hours(1));
  EXPECT_EQ(next.Details("lamp").status.reason, EndReason::kBrokerRestart);
  EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
}

// The check reads every page, at the pace of the disk: a minute here.
class CheckOfTheFileTest : public SessionStoreEndTest {
 protected:
  CheckOfTheFileTest() {
    options_.close_writes = options_.close_waits = testing::kPatience;
    BrokerLife life = Live();
    for (int i = 0; i < 40'000; ++i) life.Connect(absl::StrCat("device-", i));
    life.Flush();
    life.Close();
  }
  // It is in its midst.
  void BeginCheck(BrokerLife* life) {
    disk_.SlowDownReads(absl::Milliseconds(30));
    life->Flush();
    EXPECT_TRUE(testing::WaitUntil([this] { return disk_.slow_reads() > 20; }));
    EXPECT_FALSE(life->store->stats().checked);
  }

  const absl::Time now_ = kStart + absl::Hours(1);
};

TEST_F(CheckOfTheFileTest, KeepsNothingFromBeingWritten) {
  BrokerLife life = Live(now_);
  BeginCheck(&life);
  life.Connect("lamp");
  life.Flush();
  EXPECT_EQ(Integer("SELECT count(*) FROM sessions WHERE client_id = 'lamp'"), 1);
  EXPECT_FALSE(life.store->stats().checked);
  disk_.LetGo();
  EXPECT_TRUE(testing::WaitUntil([&] { return life.store->stats().checked; }));
  EXPECT_THAT(log_.lines(), IsEmpty());
}

TEST_F(CheckOfTheFileTest, IsGivenUpForAnEndInOrder) {
  {
    BrokerLife life = Live(now_);
    BeginCheck(&life);
    life.Connect("lamp");
    life.Close();
    disk_.LetGo();
  }
  EXPECT_THAT(log_.lines(), IsEmpty()) << "half a check is no damage";
  EXPECT_FALSE(std::filesystem::exists(path_ + "-wal")) << "nor does it keep the log";
  const BrokerLife next = Live(now_ + absl::Hours(1));
  EXPECT_EQ(next.Details("lamp").status.reason, EndReason::kServerShutdown);
  EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
}

TEST_F(CheckOfTheFileTest, IsGivenUpWhereTheLogWouldGrowTooLong) {
  options_.checked_log_bytes = uint64_t{64} << 10;
  BrokerLife life = Live(now_);
  BeginCheck(&life);
  for (int i = 0; i < 300; ++i) life.Connect(absl::StrCat("device-", i));
  life.Flush();
  EXPECT_TRUE(testing::WaitUntil([&] { return life.store->stats().checked; }));
  EXPECT_LT(disk_.slow_reads(), static_cast<int>(std::filesystem::file_size(path_) / 4096));
  disk_.LetGo();
  life.Flush();
  EXPECT_THAT(log_.lines(), IsEmpty());
}

TEST_F(SessionStoreEndTest, TheTimeForWritingBeginsWithTheStopAndNotWhenTheThreadHearsOfIt) {
  options_.close_writes = absl::Milliseconds(100);
  options_.close_waits = testing::kPatience;
  options_.flush_interval = absl::Milliseconds(1);
  {
    BrokerLife life = Live();
    ASSERT_NO_FATAL_FAILURE(HoldTheWriter(&life));
    life.Connect("door");
    life.store->BeginClose(life.now());
    const absl::Time begun = absl::Now();
    ASSERT_TRUE(testing::WaitUntil([&] { return absl::Now() - begun > options_.close_writes; }));
    disk_.LetGo();
    EXPECT_TRUE(life.store->Close());
  }
  EXPECT_THAT(log_.lines(), Contains(HasSubstr("not all is written within 100ms")));
  EXPECT_EQ(Integer("SELECT count(*) FROM lives WHERE ended_ms <> 0"), 0);
}

}  // namespace
}  // namespace session_status::store
