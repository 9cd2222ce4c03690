#include "plugin/stored_history.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "tests/store/store_folder.h"
#include "tests/testing/wait.h"

namespace session_status {
namespace {

namespace pb = api::pb;
using ::testing::HasSubstr;

class StoredHistoryTest : public store::StoreFolder {
 protected:
  static pb::GetHistoryRequest Ask(uint32_t limit = 0) {
    pb::GetHistoryRequest request;
    request.set_client_id("lamp");
    request.set_stored(true);
    request.set_limit(limit);
    return request;
  }
};

TEST_F(StoredHistoryTest, TellsWhatHappenedInEarlierLivesOfTheBroker) {
  absl::Time now = store::kStart;
  {
    store::BrokerLife life = Live(now);
    life.Connect("lamp");
    life.Connect("lamp");
    life.End("lamp", registry::EndReason::kNetworkError, /*kept=*/true);
    life.Gone("lamp", registry::EndReason::kSessionExpired);
    life.Connect("lamp");
    life.Flush();  // and a crash
    now = life.now() + absl::Hours(1);
  }
  store::BrokerLife life = Live(now);
  life.Connect("lamp");
  life.Flush();
  StoredHistory history(*life.store, path_);
  ASSERT_TRUE(history.Start(0).ok());
  pb::GetHistoryResponse reply;
  const absl::Status status = history.GetStoredHistory(Ask(), &reply);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(reply.client_id(), "lamp");
  std::vector<pb::ChangeKind> kinds;
  for (const pb::SessionChange& entry : reply.entries()) kinds.push_back(entry.kind());
  EXPECT_THAT(kinds, ::testing::ElementsAre(pb::CHANGE_KIND_ONLINE, pb::CHANGE_KIND_OFFLINE,
                                            pb::CHANGE_KIND_ONLINE, pb::CHANGE_KIND_SESSION_GONE,
                                            pb::CHANGE_KIND_SESSION_KEPT, pb::CHANGE_KIND_ONLINE,
                                            pb::CHANGE_KIND_ONLINE));
  EXPECT_EQ(reply.entries(1).end_reason(), pb::END_REASON_BROKER_RESTART);
  EXPECT_NE(reply.entries(1).not_before_ms(), 0);
  EXPECT_EQ(reply.entries(1).address(), "10.0.0.1");
  EXPECT_FALSE(reply.entries(0).taken_over());
  EXPECT_TRUE(reply.entries(5).taken_over());
  EXPECT_EQ(reply.flaps(), 2u);
  EXPECT_EQ(reply.dropped_before_ms(), reply.entries(6).time_ms());
  EXPECT_GE(reply.complete_until_ms(), reply.entries(0).time_ms());
  pb::GetHistoryRequest two = Ask(2);
  two.set_until_ms(reply.entries(4).time_ms() + 1);
  reply.Clear();
  ASSERT_TRUE(history.GetStoredHistory(two, &reply).ok());
  ASSERT_EQ(reply.entries_size(), 2);
  EXPECT_TRUE(reply.entries(1).taken_over()) << "by what was cut off";
}

// As after a disk that was full for longer than the queue lasts.
TEST_F(StoredHistoryTest, WhatIsMissingIsNoFlap) {
  absl::Time now = store::kStart;
  int64_t gap_ms = 0;
  {
    store::BrokerLife life = Live(now);
    life.Connect("lamp");
    gap_ms = absl::ToUnixMillis(life.now()) + 1;
    life.Advance(absl::Minutes(1));
    life.Connect("lamp");
    life.Close();
    now = life.now() + absl::Hours(1);
  }
  Execute(absl::StrCat("INSERT INTO numbers VALUES ('history_gap_from_ms', ", gap_ms,
                       "), ('history_gap_until_ms', ", gap_ms + 100'000, ")"));
  const store::BrokerLife life = Live(now);
  StoredHistory history(*life.store, path_);
  ASSERT_TRUE(history.Start(0).ok());
  pb::GetHistoryResponse reply;
  ASSERT_TRUE(history.GetStoredHistory(Ask(), &reply).ok());
  ASSERT_EQ(reply.entries_size(), 3);
  EXPECT_EQ(reply.dropped_before_ms(), gap_ms + 100'000);
  EXPECT_EQ(reply.entries(0).end_reason(), pb::END_REASON_UNKNOWN);
  EXPECT_NE(reply.entries(0).not_before_ms(), 0);
  EXPECT_FALSE(reply.entries(1).taken_over());
  EXPECT_EQ(reply.flaps(), 0u);
}

TEST_F(StoredHistoryTest, TooMuchAtOnceIsRefused) {
  const store::BrokerLife life = Live();
  StoredHistory history(*life.store, path_);
  ASSERT_TRUE(history.Start(0).ok());
  pb::GetHistoryResponse reply;
  const absl::Status status = history.GetStoredHistory(Ask(1001), &reply);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("limit is 1001; with stored at most 1000"));
}

TEST_F(StoredHistoryTest, ADatabaseThatIsGoneIsNoMistakeOfWhoAsked) {
  const store::BrokerLife life = Live();
  StoredHistory history(*life.store, path_ + "-elsewhere");
  ASSERT_TRUE(history.Start(0).ok());
  pb::GetHistoryResponse reply;
  EXPECT_EQ(history.GetStoredHistory(Ask(), &reply).code(), absl::StatusCode::kUnavailable);
}

// Opening a pipe that nobody writes hangs as a disk may.
TEST_F(StoredHistoryTest, ADiskThatHangsHoldsNobodyForLong) {
  const store::BrokerLife life = Live();
  const std::string pipe = folder_ / "hangs";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  StoredHistory history(*life.store, pipe);
  ASSERT_TRUE(history.Start(0).ok());
  const auto code = [&history] {
    pb::GetHistoryResponse reply;
    return history.GetStoredHistory(Ask(), &reply).code();
  };
  EXPECT_EQ(code(), absl::StatusCode::kDeadlineExceeded);
  for (size_t i = 0; i < StoredHistory::kWaitersMax; ++i) {
    EXPECT_EQ(code(), absl::StatusCode::kDeadlineExceeded);
  }
  EXPECT_EQ(code(), absl::StatusCode::kUnavailable) << "the queue is full";
  close(open(pipe.c_str(), O_WRONLY | O_CLOEXEC));
}

TEST_F(StoredHistoryTest, ADiskThatHangsDoesNotHoldTheStop) {
  const store::BrokerLife life = Live();
  const std::string pipe = folder_ / "hangs";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  StoredHistory history(*life.store, pipe);
  ASSERT_TRUE(history.Start(0).ok());
  pb::GetHistoryResponse reply;
  EXPECT_EQ(history.GetStoredHistory(Ask(), &reply).code(), absl::StatusCode::kDeadlineExceeded);
  history.BeginClose();
  const absl::Time begun = absl::Now();
  EXPECT_FALSE(history.Close());
  EXPECT_LT(absl::Now() - begun, 3 * os::kDiskWaitMax);
  close(open(pipe.c_str(), O_WRONLY | O_CLOEXEC));
  EXPECT_TRUE(testing::WaitUntil([&history] { return history.Close(); }));
}

}  // namespace
}  // namespace session_status
