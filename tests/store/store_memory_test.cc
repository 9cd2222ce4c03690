// Memory that runs out while the stores write, also inside SQLite.
#include <gtest/gtest.h>
#include <pthread.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "plugin/store/usage_report.h"
#include "plugin/store/usage_store.h"
#include "tests/plugin/failing_memory.h"
#include "tests/store/store_folder.h"
#include "tests/testing/wait.h"

namespace session_status::store {
namespace {

using testing::FailingMemory;
using testing::WaitUntil;

constexpr char kLong[] = " of more letters than fit into the object";

class StoreMemoryTest : public StoreFolder {
 protected:
  std::unique_ptr<UsageStore> OpenUsage() {
    UsageOptions options;
    options.path = path_;
    options.flush_interval = absl::Hours(1);  // only when a test says so
    auto store = UsageStore::Open(options);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  int64_t Counted() {
    const auto rows = ReadUsage(path_, {absl::InfinitePast(), absl::InfiniteFuture(), {}});
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows->empty() ? 0 : rows->front().calls;
  }
};

TEST_F(StoreMemoryTest, AFlushThatFindsNoMemoryLosesNoCount) {
  auto store = OpenUsage();
  int64_t calls = 0;
  for (const uint64_t burst : {uint64_t{1}, uint64_t{5}}) {
    // Each flush waits for the disk: not every one of the thousand allocations.
    for (uint64_t nth = 1; nth == 1 || FailingMemory::failed() > 0; nth += 1 + nth / 8) {
      for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(store->TryCount({absl::StrCat("a", ++calls), "u", "i", "Query"}, kStart));
      }
      const FailingMemory failing(nth, burst);
      try {
        store->Flush().IgnoreError();
      } catch (const std::bad_alloc&) {
      }
    }
    FailingMemory::End();
    store->Flush().IgnoreError();  // finds the transaction that there was no memory to end
    const absl::Status status = store->Flush();
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(Counted(), calls);
  }
}

// The whole backlog is kept beside what was counted meanwhile, with memory for nothing.
TEST_F(StoreMemoryTest, ABacklogThatCannotBeWrittenIsWrittenByTheNextFlush) {
  constexpr int kBacklog = 1000;
  auto store = OpenUsage();
  const auto count = [&](int from, int to) {
    for (int i = from; i < to; ++i) {
      ASSERT_TRUE(store->TryCount({absl::StrCat("account ", i, kLong), "u", "i", "Query"}, kStart));
    }
  };
  auto other = Database::Open(path_, Database::Mode::kCreate);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE(other->Execute("BEGIN IMMEDIATE").ok());
  count(0, kBacklog);
  bool failed = false;
  std::thread writer([&] {
    pthread_setname_np(pthread_self(), "writer");
    try {
      failed = !store->Flush().ok();
    } catch (const std::bad_alloc&) {
      failed = true;
    }
  });
  EXPECT_TRUE(WaitUntil([&] { return store->stats().pending == 0; }));
  count(kBacklog - 10, kBacklog + 10);
  const FailingMemory failing(1, testing::kForEver, "writer");
  writer.join();
  FailingMemory::End();
  EXPECT_TRUE(failed);
  EXPECT_GE(store->stats().pending, size_t{kBacklog});
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  store->Flush().IgnoreError();  // finds the transaction that there was no memory to end
  const absl::Status status = store->Flush();
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(store->stats().pending, 0u);
  EXPECT_EQ(Counted(), kBacklog + 20);
}

TEST_F(StoreMemoryTest, TheSessionStoreOutlivesEveryAllocationThatFails) {
  options_.flush_interval = absl::Milliseconds(1);
  BrokerLife life = Live();
  int64_t changes = 0;
  for (uint64_t nth = 1; nth <= 60; ++nth) {
    const FailingMemory failing(nth, 3, "session-store");
    const std::string id = absl::StrCat("client ", nth, kLong);
    life.Connect(id);
    life.End(id, registry::EndReason::kClientDisconnect);
    changes += 2;
    const uint64_t commits = life.store->stats().commits;
    ASSERT_TRUE(WaitUntil(
        [&] { return FailingMemory::failed() > 0 || life.store->stats().commits > commits; }));
  }
  FailingMemory::End();
  life.Advance(absl::Seconds(1));
  life.store->Flush().IgnoreError();  // may find a database that could not be opened
  life.Flush();
  life.Close();
  EXPECT_EQ(Integer("SELECT count(*) FROM sessions"), changes / 2);
  EXPECT_EQ(Integer("SELECT count(*) FROM history"), changes) << "none is missing, none is twice";
}

}  // namespace
}  // namespace session_status::store
