// The usage database damaged, replaced, taken away, open to others; its disk full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "plugin/store/usage_report.h"
#include "plugin/store/usage_store.h"
#include "tests/store/disk_pace.h"
#include "tests/store/failing_sync.h"
#include "tests/store/file_size_limit.h"
#include "tests/store/store_folder.h"
#include "tests/testing/small_disk.h"
#include "tests/testing/wait.h"

namespace session_status::store {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class UsageFaultsTest : public StoreFolder {
 protected:
  absl::StatusOr<std::unique_ptr<UsageStore>> TryOpen(
      absl::Duration close_waits = os::kDiskWaitMax) {
    UsageOptions options;
    options.path = path_;
    options.close_waits = close_waits;
    options.flush_interval = absl::Hours(1);  // only when a test says so
    options.log = [this](absl::string_view line) { log_.Add(line); };
    return UsageStore::Open(std::move(options));
  }
  std::unique_ptr<UsageStore> Open(absl::Duration close_waits = os::kDiskWaitMax) {
    auto store = TryOpen(close_waits);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }
  static void Call(UsageStore* store, int calls, const char* user = "u") {
    for (int i = 0; i < calls; ++i) {
      EXPECT_TRUE(store->TryCount({"a", user, "i", "Batch"}, kStart));
    }
  }
  int64_t Counted() {
    const auto rows = ReadUsage(path_, {absl::InfinitePast(), absl::InfiniteFuture(), {}});
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() && !rows->empty() ? rows->front().calls : 0;
  }
};

TEST_F(UsageFaultsTest, ADamagedFileIsMovedAsideAtTheStart) {
  for (const char garbage_byte : {'\1', '\xFF'}) {
    Remove();
    log_.Clear();
    const std::string garbage(512, garbage_byte);
    WriteFile(garbage);
    auto store = Open();
    ASSERT_NE(store, nullptr);
    Call(store.get(), 3);
    store.reset();
    EXPECT_EQ(Counted(), 3);
    EXPECT_EQ(ReadFile(path_ + ".damaged"), garbage);
    EXPECT_THAT(log_.lines(),
                ElementsAre(AllOf(HasSubstr("the usage database is damaged, moved to "),
                                  HasSubstr("file is not a database"))));
  }
}

TEST_F(UsageFaultsTest, ADamagedFileThatComesInItsPlaceIsMovedAsideToo) {
  auto store = Open();
  Call(store.get(), 3);
  ASSERT_TRUE(store->Flush().ok());
  std::filesystem::remove(path_);
  WriteFile(std::string(512, '\1'));
  Call(store.get(), 2);
  EXPECT_TRUE(store->Flush().ok());
  EXPECT_EQ(Counted(), 2);
  EXPECT_THAT(log_.lines(), ElementsAre(HasSubstr("replaced"), HasSubstr("moved to")));
}

TEST_F(UsageFaultsTest, AnotherProgramsDatabaseStaysAsItIsAndStopsTheStart) {
  Execute("CREATE TABLE accounts (name TEXT)");
  EXPECT_THAT(std::string(TryOpen().status().message()),
              HasSubstr("is another program's database; give this one a path of its own"));
  EXPECT_EQ(Ask("SELECT group_concat(name) FROM sqlite_schema"), "accounts");
  EXPECT_FALSE(std::filesystem::exists(path_ + ".damaged"));
  EXPECT_THAT(log_.lines(), IsEmpty());
}

TEST_F(UsageFaultsTest, SomebodyElsesFileStaysAsItIsAndStopsTheStart) {
  for (const OthersFile& file : OthersFiles()) {
    SCOPED_TRACE(file.what);
    WriteFile(file.content);
    EXPECT_THAT(std::string(TryOpen().status().message()),
                AllOf(HasSubstr(absl::StrCat(path_, ": is ", file.what, ",")),
                      HasSubstr("give the database a path of its own")));
    EXPECT_EQ(ReadFile(path_), file.content);
    EXPECT_THAT(Aside(), IsEmpty());
  }
}

TEST_F(UsageFaultsTest, SomebodyElsesFileThatComesInItsPlaceIsLeftThere) {
  const std::string content = OthersFiles().front().content;
  auto store = Open();
  std::filesystem::remove(path_);
  WriteFile(content);
  Call(store.get(), 2);
  EXPECT_FALSE(store->Flush().ok());
  EXPECT_EQ(ReadFile(path_), content);
  std::filesystem::remove(path_);
  EXPECT_TRUE(store->Flush().ok());
  EXPECT_EQ(Counted(), 2) << "kept in memory meanwhile";
}

TEST_F(UsageFaultsTest, AMistakeInThePathStopsTheStart) {
  std::filesystem::create_directory(path_);
  EXPECT_THAT(std::string(TryOpen().status().message()), HasSubstr("Is a directory"));
  path_ += "/missing/usage.db";
  EXPECT_THAT(std::string(TryOpen().status().message()), HasSubstr("No such file"));
  path_ = folder_ / "pipe";
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_THAT(std::string(TryOpen().status().message()), HasSubstr("pipe: not a regular file"));
}

TEST_F(UsageFaultsTest, AFullDiskAtTheStartKeepsTheCountsInMemoryUntilThereIsRoom) {
  std::unique_ptr<UsageStore> store;
  {
    const FileSizeLimit full(0);
    store = Open();
    ASSERT_NE(store, nullptr);
    Call(store.get(), 3);
    EXPECT_FALSE(store->Flush().ok());
    EXPECT_EQ(store->stats().flush_failures, 2u) << "that of the start, and this one";
    EXPECT_EQ(store->stats().pending, 1u);
  }
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(Counted(), 3);
  store.reset();
  EXPECT_EQ(Counted(), 3);
}

TEST_F(UsageFaultsTest, AFullDiskAtTheStartOfALaterLifeAddsToWhatIsThere) {
  auto store = Open();
  Call(store.get(), 3);
  store.reset();
  {
    const FileSizeLimit full(0);
    store = Open();
    ASSERT_NE(store, nullptr);
    Call(store.get(), 4);
    EXPECT_FALSE(store->Flush().ok());
  }
  store.reset();
  EXPECT_EQ(Counted(), 7);
}

// As after a crash, when the system has mounted the disk read-only until somebody looks after it.
TEST_F(UsageFaultsTest, ADiskThatIsReadOnlyAtTheStartIsWrittenOnceItCanBe) {
  const std::string folder = folder_ / "disk";
  std::filesystem::create_directory(folder);
  testing::SmallDisk disk(folder);
  if (!disk.is_there()) GTEST_SKIP() << "only root can mount a disk to try this on";
  path_ = folder + "/u.db";
  constexpr const char* kSuffixes[] = {"", "-wal", "-shm"};
  {
    auto store = Open();
    Call(store.get(), 3);
    ASSERT_TRUE(store->Flush().ok());
    for (const char* suffix : kSuffixes) {
      std::filesystem::copy(path_ + suffix, path_ + ".was" + suffix);
    }
  }
  for (const char* suffix : kSuffixes) {
    std::filesystem::rename(path_ + ".was" + suffix, path_ + suffix);
  }
  ASSERT_TRUE(disk.MakeReadOnly());
  auto store = Open();
  ASSERT_NE(store, nullptr);
  Call(store.get(), 2);
  EXPECT_FALSE(store->Flush().ok());
  ASSERT_TRUE(disk.MakeWritable());
  const absl::Status written = store->Flush();
  EXPECT_TRUE(written.ok()) << written;
  store.reset();
  EXPECT_EQ(Counted(), 5);
}

// SQLite has written the end of the transaction by then, and may find it when it opens the file.
TEST_F(UsageFaultsTest, AFailedSyncCountsNothingTwice) {
  FailingSync disk;
  for (const bool is_read : {false, true}) {
    for (int failures = 1; failures <= 5; ++failures) {
      SCOPED_TRACE(absl::StrCat(failures, is_read ? " beside a reader" : ""));
      Remove();
      auto store = Open();
      absl::StatusOr<Database> reader = absl::NotFoundError("");
      if (is_read) reader = Database::Open(path_, Database::Mode::kReadOnly);
      if (is_read) {
        ASSERT_TRUE(reader->Execute("BEGIN; SELECT count(*) FROM usage").ok());
      }
      Call(store.get(), 10);
      disk.Fail(failures);
      EXPECT_FALSE(store->Flush().ok());
      Call(store.get(), 3);
      EXPECT_TRUE(testing::WaitUntil([&] { return store->Flush().ok(); }));
      EXPECT_EQ(store->stats().pending, 0u);
      EXPECT_EQ(Counted(), 13);
      Call(store.get(), 4);
      store.reset();
      EXPECT_EQ(Counted(), 17);
    }
  }
}

TEST_F(UsageFaultsTest, SyncsThatFailUntilTheStopCountNothingTwiceInTheNextLife) {
  FailingSync disk;
  auto store = Open();
  Call(store.get(), 10);
  disk.Fail();
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(store->Flush().ok());
  store.reset();
  disk.Work();
  EXPECT_THAT(log_.lines(), ElementsAre(HasSubstr("cannot be written"),
                                        HasSubstr("before the stop; up to 10 calls that were")));
  const int64_t counted = Counted();
  EXPECT_TRUE(counted == 0 || counted == 10) << counted;
  store = Open();
  Call(store.get(), 2);
  store.reset();
  EXPECT_EQ(Counted(), counted + 2);
}

// The system may have forgotten that what is in the log is yet to be kept.
TEST_F(UsageFaultsTest, WhatWasFoundToBeInIsBroughtFromTheLogIntoTheFile) {
  FailingSync disk;
  auto store = Open();
  Call(store.get(), 10);
  disk.Fail(2);  // of the transaction, and as the file is closed
  EXPECT_FALSE(store->Flush().ok());
  ASSERT_TRUE(store->Flush().ok());
  const std::string copy = path_ + ".copy";
  std::filesystem::copy(path_, copy);
  path_ = copy;
  EXPECT_EQ(Counted(), 10);
}

TEST_F(UsageFaultsTest, AFileOfBeforeThereWereWritersIsCountedOn) {
  Execute(
      "CREATE TABLE usage (hour INTEGER NOT NULL, account TEXT NOT NULL, user TEXT NOT NULL, "
      "instance TEXT NOT NULL, operation TEXT NOT NULL, calls INTEGER NOT NULL, PRIMARY KEY (hour, "
      "account, user, instance, operation)) WITHOUT ROWID; PRAGMA user_version = 1; "
      "INSERT INTO usage VALUES (0, 'a', 'u', 'i', 'Batch', 5)");
  auto store = Open();
  Call(store.get(), 2);
  store.reset();
  EXPECT_EQ(Counted(), 7);
  EXPECT_THAT(log_.lines(), IsEmpty());
}

TEST_F(UsageFaultsTest, WritersOfLongAgoAreForgotten) {
  Open().reset();
  Execute(
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) "
      "INSERT INTO writers (writer, batch) SELECT i, 1 FROM n");
  auto store = Open();
  Call(store.get(), 2);
  store.reset();
  EXPECT_EQ(Integer("SELECT count(*) FROM writers"), 1000);
  EXPECT_EQ(Counted(), 2);
}

TEST_F(UsageFaultsTest, AStopThatCannotWriteSaysHowManyCallsAreLost) {
  auto store = Open();
  Call(store.get(), 3, "ann");
  Call(store.get(), 4, "bob");
  {
    const FileSizeLimit full(0);
    store.reset();
  }
  EXPECT_THAT(
      log_.lines(),
      ElementsAre(HasSubstr("cannot be written"),
                  HasSubstr("before the stop; up to 7 calls that were answered are not counted")));
}

TEST_F(UsageFaultsTest, ADiskThatHangsIsNotWaitedForAndTheLogSaysHowManyCallsAreLost) {
  DiskPace disk;
  auto store = Open(absl::Milliseconds(200));
  Call(store.get(), 3, "ann");
  ASSERT_TRUE(store->Flush().ok());
  disk.Hold();
  Call(store.get(), 4, "bob");
  store->BeginClose();
  ASSERT_TRUE(testing::WaitUntil([&] { return disk.waiting() == 1; }));
  Call(store.get(), 2, "eve");  // not even in its hands
  const absl::Time begun = absl::Now();
  EXPECT_FALSE(store->Close());
  EXPECT_LT(absl::Now() - begun, absl::Seconds(10));
  EXPECT_EQ(disk.waiting(), 1);
  const auto told =
      ElementsAre(HasSubstr("the disk does not answer and the stop goes on without it; up to 6 "
                            "calls that were answered"));
  EXPECT_THAT(log_.lines(), told);
  disk.LetGo();
  store.reset();  // joins
  EXPECT_THAT(log_.lines(), told) << "who took the lines may be gone as well";
  EXPECT_EQ(Counted(), 7) << "whole all the same, as the disk has it";
}

TEST_F(UsageFaultsTest, AFileThatIsTakenAwayIsBegunAnewAndTheLogSaysSo) {
  auto store = Open();
  Call(store.get(), 3);
  ASSERT_TRUE(store->Flush().ok());
  std::filesystem::remove(path_);
  Call(store.get(), 2);
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(Counted(), 2);
  EXPECT_THAT(log_.lines(), ElementsAre(HasSubstr("replaced or taken away")));
}

// SQLite leaves the write-ahead log of a file that was taken away, and would apply it to any other
// one.
TEST_F(UsageFaultsTest, ABackupThatIsPutInItsPlaceIsCountedOn) {
  auto store = Open();
  Call(store.get(), 3);
  store.reset();
  std::filesystem::copy(path_, folder_ / "copy.db");
  store = Open();
  for (int i = 0; i < 500; ++i) Call(store.get(), 1, std::to_string(i).c_str());
  ASSERT_TRUE(store->Flush().ok());
  ASSERT_GT(std::filesystem::file_size(path_ + "-wal"), 0u);
  std::filesystem::rename(folder_ / "copy.db", path_);
  Call(store.get(), 2);
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_EQ(Counted(), 5);
  store.reset();
  EXPECT_EQ(Counted(), 5);
  EXPECT_EQ(Ask("PRAGMA integrity_check"), "ok");
}

TEST_F(UsageFaultsTest, AFileThatOthersMayReadIsClosedToThemAndTheLogSaysSo) {
  Open().reset();
  ASSERT_EQ(chmod(path_.c_str(), 0664), 0);
  Open().reset();
  struct stat file {};
  ASSERT_EQ(stat(path_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
  EXPECT_THAT(log_.lines(), ElementsAre(HasSubstr("others had access to it (mode 0664)")));
}

}  // namespace
}  // namespace session_status::store
