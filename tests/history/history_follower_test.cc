#include "plugin/history/history_follower.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/feed/feed_fixture.h"

namespace session_status::history {
namespace {

using feed::kStart;

class HistoryFollowerTest : public feed::FeedTest {
 protected:
  pb::GetHistoryResponse History(absl::string_view id, uint32_t limit = 0) {
    pb::GetHistoryRequest request;
    request.set_client_id(std::string(id));
    request.set_limit(limit);
    pb::GetHistoryResponse reply;
    EXPECT_TRUE(follower_.GetHistory(request, kStart + absl::Seconds(60), &reply).ok());
    return reply;
  }
  pb::ListFlappersResponse Flappers(uint32_t limit = 0) {
    pb::ListFlappersRequest request;
    request.set_limit(limit);
    pb::ListFlappersResponse reply;
    EXPECT_TRUE(follower_.ListFlappers(request, kStart + absl::Seconds(9), &reply).ok());
    return reply;
  }

  HistoryFollower follower_{feed_, {}};
};

TEST_F(HistoryFollowerTest, AnAnswerContainsWhatHappenedJustBeforeTheQuestion) {
  Connect("lamp");
  End("lamp");
  Connect("door");
  const pb::GetHistoryResponse reply = History("lamp");
  EXPECT_EQ(reply.client_id(), "lamp");
  ASSERT_EQ(reply.entries_size(), 2);
  EXPECT_EQ(reply.entries(0).kind(), pb::CHANGE_KIND_OFFLINE);
  EXPECT_EQ(reply.entries(0).end_reason(), pb::END_REASON_NETWORK_ERROR);
  EXPECT_EQ(reply.entries(0).address(), "10.0.0.7");
  EXPECT_EQ(reply.entries(1).kind(), pb::CHANGE_KIND_ONLINE);
  EXPECT_EQ(reply.entries(1).incarnation(), 1u);
  EXPECT_EQ(reply.flaps(), 1u);
  EXPECT_FALSE(reply.has_dropped_before_ms());
  EXPECT_EQ(History("lamp", 1).entries_size(), 1);
  EXPECT_EQ(History("nobody").entries_size(), 0);
}

TEST_F(HistoryFollowerTest, WhatIsSwitchedOffSaysSo) {
  EXPECT_FALSE(History("lamp").disabled());
  EXPECT_FALSE(Flappers().disabled());
  HistoryFollower off(feed_, {.history = {.bytes_max = 0}, .flappers_max = 0});
  Connect("lamp");
  End("lamp");
  pb::GetHistoryRequest request;
  request.set_client_id("lamp");
  pb::GetHistoryResponse history;
  ASSERT_TRUE(off.GetHistory(request, kStart, &history).ok());
  EXPECT_TRUE(history.disabled());
  EXPECT_EQ(history.entries_size(), 0);
  pb::ListFlappersResponse flappers;
  ASSERT_TRUE(off.ListFlappers({}, kStart, &flappers).ok());
  EXPECT_TRUE(flappers.disabled());
  EXPECT_EQ(flappers.flappers_size(), 0);
}

TEST_F(HistoryFollowerTest, ThePollerTakesChangesInBeforeTheFeedForgetsThem) {
  // A megabyte of feed holds some ten thousand changes.
  for (int i = 0; i < 100'000; ++i) {
    Connect("lamp");
    if (i % 1000 == 0) poller_.PollOnce(absl::Milliseconds(i));
  }
  EXPECT_EQ(follower_.Read().gaps, 0u);
}

TEST_F(HistoryFollowerTest, MissedChangesAreToldAsMissing) {
  Connect("lamp");
  poller_.PollOnce(absl::Milliseconds(1));
  for (int i = 0; i < 100'000; ++i) Connect("other");
  pb::GetHistoryResponse reply = History("lamp");
  EXPECT_EQ(reply.entries_size(), 1);
  EXPECT_EQ(reply.dropped_before_ms(), absl::ToUnixMillis(kStart + absl::Seconds(60)));
  EXPECT_EQ(follower_.Read().gaps, 1u);
  Connect("lamp");
  reply = History("lamp");
  EXPECT_EQ(reply.entries_size(), 2);
}

// Asked only when changes come in again: the first of them says until when some were missed.
TEST_F(HistoryFollowerTest, MissedChangesStayMissingAfterTheNextChange) {
  Connect("lamp");
  poller_.PollOnce(absl::Milliseconds(1));
  for (int i = 0; i < 100'000; ++i) Connect("other");
  poller_.PollOnce(absl::Milliseconds(2));
  ASSERT_EQ(follower_.Read().gaps, 1u);
  Connect("lamp");
  const int64_t connected_ms = absl::ToUnixMillis(kStart + absl::Milliseconds(incarnation_));
  Connect("other");
  for (const char* id : {"lamp", "other", "nobody"}) {
    EXPECT_EQ(History(id).dropped_before_ms(), connected_ms) << id;
  }
  EXPECT_EQ(History("lamp").entries_size(), 2);
}

TEST_F(HistoryFollowerTest, RemembersWhatTheAuditRepairedButNotWhatWasFoundAtStart) {
  registry::SessionEvent restored;
  restored.kind = registry::SessionEvent::Kind::kRestored;
  restored.client_id = "kept";
  restored.incarnation = 1;
  restored.time = kStart;
  restored.state = registry::SessionState::kOfflineSessionKept;
  Apply(restored);
  incarnation_ = 1;
  Connect("lamp");
  registry::SessionEvent repaired;
  repaired.kind = registry::SessionEvent::Kind::kEnded;
  repaired.client_id = "lamp";
  repaired.incarnation = 2;
  repaired.time = kStart + absl::Seconds(1);
  repaired.reason = registry::EndReason::kUnknown;
  repaired.repaired = true;
  Apply(repaired);
  pb::GetAuditResponse reply;
  follower_.FillRepairs(&reply);
  ASSERT_EQ(reply.repairs_size(), 1);
  EXPECT_EQ(reply.repairs(0).client_id(), "lamp");
  EXPECT_EQ(reply.repairs(0).before(), pb::SESSION_STATE_ONLINE);
  EXPECT_EQ(reply.repairs(0).after(), pb::SESSION_STATE_OFFLINE);
  EXPECT_EQ(History("lamp").entries(0).kind(), pb::CHANGE_KIND_REPAIRED);
}

TEST_F(HistoryFollowerTest, ListsWhoFlaps) {
  for (int i = 0; i < 3; ++i) {
    Connect("lamp");
    End("lamp");
  }
  Connect("duel");
  Connect("duel");  // found itself online
  const pb::ListFlappersResponse reply = Flappers();
  ASSERT_EQ(reply.flappers_size(), 2);
  EXPECT_EQ(reply.flappers(0).client_id(), "lamp");
  EXPECT_EQ(reply.flappers(0).score(), 3u);
  EXPECT_EQ(reply.flappers(0).last_reason(), pb::END_REASON_NETWORK_ERROR);
  EXPECT_EQ(reply.flappers(0).address(), "10.0.0.7");
  EXPECT_EQ(reply.flappers(1).client_id(), "duel");
  EXPECT_EQ(reply.flappers(1).last_reason(), pb::END_REASON_TAKEN_OVER);
  EXPECT_EQ(reply.flaps_total(), 4u);
  EXPECT_EQ(reply.half_life_ms(), absl::ToInt64Milliseconds(kFlapHalfLife));
  EXPECT_EQ(Flappers(1).flappers_size(), 1);
}

TEST_F(HistoryFollowerTest, TooLongAListIsRefused) {
  pb::ListFlappersRequest request;
  request.set_limit(1001);
  pb::ListFlappersResponse reply;
  EXPECT_EQ(follower_.ListFlappers(request, kStart, &reply).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace session_status::history
