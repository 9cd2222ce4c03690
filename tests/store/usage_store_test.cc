#include "plugin/store/usage_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <map>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "plugin/store/usage_report.h"
#include "tests/testing/wait.h"

namespace session_status::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kNow =
    absl::FromCivil(absl::CivilSecond(2026, 1, 2, 3, 4, 5), absl::UTCTimeZone());

class UsageStoreTest : public ::testing::Test {
 protected:
  UsageStoreTest() {
    std::string base = ::testing::TempDir() + "usage_XXXXXX";
    directory_ = mkdtemp(base.data());
    path_ = directory_ + "/usage.db";
  }
  ~UsageStoreTest() override {
    for (const char* suffix : {"", "-wal", "-shm"}) unlink((path_ + suffix).c_str());
    rmdir(directory_.c_str());
  }
  std::unique_ptr<UsageStore> Open(UsageOptions options = {}) {
    options.path = path_;
    auto store = UsageStore::Open(std::move(options));
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  std::vector<std::string> Read(const UsageQuery& query) {
    auto rows = ReadUsage(path_, query);
    EXPECT_TRUE(rows.ok()) << rows.status();
    std::vector<std::string> lines;
    for (const UsageRow& row : *rows) {
      lines.push_back(absl::StrCat(absl::StrJoin(row.group, ","), ":", row.calls));
    }
    return lines;
  }
  int64_t Total() {
    const auto rows =
        ReadUsage(path_, UsageQuery{absl::InfinitePast(), absl::InfiniteFuture(), {}});
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows->empty() ? 0 : rows->front().calls;
  }
  std::string directory_;
  std::string path_;
};

TEST_F(UsageStoreTest, AddsUpByHourAccountUserInstanceAndOperation) {
  auto store = Open();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(store->TryCount({"a", "ann", "i", "Batch"}, kNow));
  EXPECT_TRUE(store->TryCount({"a", "bob", "i", "Query"}, kNow));
  EXPECT_TRUE(store->TryCount({"b", "ann", "j", "Batch"}, kNow + absl::Hours(1)));
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_TRUE(store->TryCount({"a", "ann", "i", "Batch"}, kNow + absl::Minutes(20)));
  ASSERT_TRUE(store->Flush().ok());
  UsageQuery query;
  EXPECT_THAT(Read(query), ElementsAre("a:5", "b:1"));
  query.by = {UsageColumn::kHour, UsageColumn::kUser};
  EXPECT_THAT(Read(query), ElementsAre("2026-01-02T03:00Z,ann:4", "2026-01-02T03:00Z,bob:1",
                                       "2026-01-02T04:00Z,ann:1"));
  query.by = {UsageColumn::kDay, UsageColumn::kInstance, UsageColumn::kOperation};
  EXPECT_THAT(Read(query),
              ElementsAre("2026-01-02,i,Batch:4", "2026-01-02,i,Query:1", "2026-01-02,j,Batch:1"));
  query.by = {UsageColumn::kAccount};
  query.from = kNow - absl::Minutes(4) - absl::Seconds(5);  // 03:00
  query.to = query.from + absl::Hours(1);
  EXPECT_THAT(Read(query), ElementsAre("a:5"));
  query.from += absl::Hours(1);
  query.to += absl::Hours(5);
  EXPECT_THAT(Read(query), ElementsAre("b:1"));
}

TEST_F(UsageStoreTest, ASpanIsOfTheWholeHoursThatItTouches) {
  auto store = Open();
  const absl::Time three = kNow - absl::Minutes(4) - absl::Seconds(5);  // o'clock
  EXPECT_TRUE(store->TryCount({"a", "ann", "i", "Batch"}, kNow));
  EXPECT_TRUE(store->TryCount({"b", "ann", "i", "Batch"}, kNow + absl::Hours(1)));
  ASSERT_TRUE(store->Flush().ok());
  const auto read = [this](absl::Time from, absl::Time to) {
    UsageQuery query;
    query.from = from;
    query.to = to;
    return Read(query);
  };
  constexpr absl::Duration kHour = absl::Hours(1);
  constexpr absl::Duration kMoment = absl::Nanoseconds(1);
  EXPECT_THAT(read(three, three + kHour), ElementsAre("a:1"));
  EXPECT_THAT(read(three + kHour - kMoment, three + kHour), ElementsAre("a:1"));
  EXPECT_THAT(read(three + kHour - kMoment, three + kHour + kMoment), ElementsAre("a:1", "b:1"));
  EXPECT_THAT(read(three, three + kMoment), ElementsAre("a:1"));
  EXPECT_THAT(read(three + kHour, absl::InfiniteFuture()), ElementsAre("b:1"));
  EXPECT_THAT(read(absl::InfinitePast(), three), ElementsAre());
  EXPECT_THAT(read(three - kMoment, three), ElementsAre());
}

TEST_F(UsageStoreTest, TenThousandMixedCallsWithRestartsInBetweenAreCountedExactly) {
  std::map<std::string, int> own;
  std::mt19937_64 rng(3);
  auto store = Open();
  for (int i = 0; i < 10'000; ++i) {
    if (i % 1000 == 999) {
      store.reset();
      store = Open();
    }
    const std::string account = absl::StrCat("account-", rng() % 3);
    const std::string user = absl::StrCat("user-", rng() % 5);
    const char* operation = rng() % 2 ? "Batch" : "Query";
    if (rng() % 4 == 0) continue;  // a call that failed: not counted by anybody
    ASSERT_TRUE(store->TryCount({account, user, "i", operation}, kNow + absl::Minutes(i % 300)));
    ++own[absl::StrCat(account, ",", user, ",", operation)];
  }
  store.reset();
  std::vector<std::string> want;
  for (const auto& [key, calls] : own) want.push_back(absl::StrCat(key, ":", calls));
  UsageQuery query;
  query.by = {UsageColumn::kAccount, UsageColumn::kUser, UsageColumn::kOperation};
  EXPECT_EQ(Read(query), want);
}

TEST_F(UsageStoreTest, FourThreadsLoseNothing) {
  auto store = Open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) store->TryCount({"a", "u", "i", "Batch"}, kNow);
    });
  }
  for (std::thread& thread : threads) thread.join();
  store.reset();
  EXPECT_EQ(Total(), 20'000);
}

TEST_F(UsageStoreTest, WritesByItself) {
  UsageOptions options;
  options.flush_interval = absl::Milliseconds(10);
  auto store = Open(options);
  store->TryCount({"a", "u", "i", "Batch"}, kNow);
  EXPECT_TRUE(testing::WaitUntil([&] { return Total() > 0; }));
  EXPECT_EQ(Total(), 1);
}

// "At most the last second" is the interval between writes, half of one, and the time a write
// takes; how long that is on a machine that is busy with other things, no test can say.
TEST_F(UsageStoreTest, AKilledProcessKeepsWhatWasWritten) {
  EXPECT_LE(UsageOptions().flush_interval, absl::Milliseconds(500));
  int progress[2];
  ASSERT_EQ(pipe(progress), 0);
  ASSERT_EQ(fcntl(progress[0], F_SETFL, O_NONBLOCK), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    UsageOptions options;
    options.path = path_;
    auto store = UsageStore::Open(std::move(options));
    if (!store.ok()) _exit(1);
    // Tells the parent after each call that it "answered".
    while ((*store)->TryCount({"a", "u", "i", "Batch"}, kNow) && write(progress[1], "x", 1) == 1) {
      absl::SleepFor(absl::Milliseconds(1));  // the pace of the calls, not a wait for anything
    }
    _exit(1);
  }
  close(progress[1]);
  int64_t answered = 0;
  const auto count_answers = [&] {
    char bytes[4096];
    for (ssize_t n; (n = read(progress[0], bytes, sizeof bytes)) > 0;) answered += n;
  };
  // It writes again and again by itself.
  int64_t written = 0;
  int writes = 0;
  EXPECT_TRUE(testing::WaitUntil([&] {
    count_answers();
    const int64_t total = answered > 0 ? Total() : 0;  // before, there may be no file
    if (total > written) ++writes;
    written = total;
    return writes == 3;
  }));
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  count_answers();
  close(progress[0]);
  EXPECT_GE(Total(), written);
  EXPECT_LE(Total(), answered + 1);  // one was not yet told
}

TEST_F(UsageStoreTest, WhileTheDatabaseCannotBeWrittenCountsWaitAndThenNothingIsMissing) {
  std::vector<std::string> log;
  absl::Mutex mu;
  UsageOptions options;
  options.pending_max = 2;
  options.log = [&](absl::string_view line) {
    absl::MutexLock lock(&mu);
    log.emplace_back(line);
  };
  auto store = Open(options);
  auto other = Database::Open(path_, Database::Mode::kCreate);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->Execute("BEGIN IMMEDIATE").ok());
  EXPECT_TRUE(store->TryCount({"a", "u", "i", "Batch"}, kNow));
  EXPECT_FALSE(store->Flush().ok());
  EXPECT_TRUE(store->TryCount({"a", "u", "i", "Batch"}, kNow));
  EXPECT_TRUE(store->TryCount({"a", "u", "i", "Query"}, kNow));
  EXPECT_FALSE(store->TryCount({"a", "v", "i", "Query"}, kNow)) << "no room: the call must fail";
  EXPECT_GE(store->stats().flush_failures, 1u);
  EXPECT_EQ(store->stats().refused, 1u);
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  ASSERT_TRUE(store->Flush().ok());
  EXPECT_TRUE(store->TryCount({"a", "v", "i", "Query"}, kNow));
  store.reset();
  EXPECT_EQ(Total(), 4);
}

TEST_F(UsageStoreTest, CallsCountedWhileAWriteWaitsAndFailsAreWrittenWithThoseItCouldNotWrite) {
  UsageOptions options;
  options.flush_interval = absl::Hours(1);  // only when this test says so
  auto store = Open(options);
  auto other = Database::Open(path_, Database::Mode::kCreate);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->Execute("BEGIN IMMEDIATE").ok());
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(store->TryCount({"a", "u", "i", "Batch"}, kNow));
  std::thread writer([&] { EXPECT_FALSE(store->Flush().ok()); });
  EXPECT_TRUE(testing::WaitUntil([&] { return store->stats().pending == 0; }));
  for (const char* operation : {"Batch", "Batch", "Query"}) {
    EXPECT_TRUE(store->TryCount({"a", "u", "i", operation}, kNow));
  }
  writer.join();
  EXPECT_EQ(store->stats().pending, 3u) << "what is in doubt is apart";
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  ASSERT_TRUE(store->Flush().ok());
  UsageQuery query;
  query.by = {UsageColumn::kOperation};
  EXPECT_THAT(Read(query), ElementsAre("Batch:5", "Query:1"));
}

TEST_F(UsageStoreTest, TheFileIsItsOwnersAlone) {
  auto store = Open();
  struct stat file;
  ASSERT_EQ(stat(path_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0600u);
}

TEST_F(UsageStoreTest, ErrorsNameTheFile) {
  UsageOptions options;
  options.path = directory_ + "/missing/usage.db";
  EXPECT_THAT(std::string(UsageStore::Open(options).status().message()),
              HasSubstr("missing/usage.db: No such file"));
  EXPECT_EQ(ReadUsage(path_, {}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ParseUsageColumn("acount").status().message()),
              HasSubstr("known are hour"));
}

}  // namespace
}  // namespace session_status::store
