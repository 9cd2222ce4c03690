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
                  HasSubstr("before the stop; 7 calls that were answered are not counted")));
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
  const auto told = ElementsAre(HasSubstr(
      "the disk does not answer and the stop goes on without it; 6 calls that were answered"));
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
