// What the service says in a fleet.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugin/api/service.h"
#include "tests/testing/fake_others.h"

namespace session_status::api {
namespace {

using registry::AnswerSource;
using registry::EndReason;
using registry::SessionState;

const absl::Time kNow = absl::FromUnixMillis(1'700'000'000'000);

class FleetServiceTest : public ::testing::Test {
 protected:
  FleetServiceTest() {
    registry::SessionEvent event;
    event.client_id = "mine";
    event.incarnation = 1;
    event.time = kNow;
    event.connection.address = "10.0.0.7";
    registry_.Apply(event);
    registry_.PublishSnapshot(kNow);
    others_.as_of = kNow - absl::Milliseconds(40);
    others_.clients["theirs"] = {{SessionState::kOnline, EndReason::kNone}, "there", kNow};
    others_.clients["lost"] = {{SessionState::kOffline, EndReason::kNodeLost}, "", kNow};
  }
  pb::QuerySessionByClientIdResponse Query(const std::string& id) {
    pb::QuerySessionByClientIdRequest request;
    request.set_client_id(id);
    pb::QuerySessionByClientIdResponse reply;
    EXPECT_TRUE(service_.QuerySessionByClientId(request, kNow, &reply).ok());
    return reply;
  }

  registry::SessionRegistry registry_;
  testing::FakeOthers others_;
  const Service service_{registry_, ServerFacts(), &others_};
};

TEST_F(FleetServiceTest, ABatchSaysWhichNodeHoldsAClientAndHowOldEachPartIs) {
  pb::BatchQuerySessionByClientIdsRequest request;
  for (const char* id : {"mine", "theirs", "lost"}) request.add_client_ids(id);
  pb::BatchQuerySessionByClientIdsResponse reply;
  const absl::Time later = kNow + absl::Milliseconds(10);
  ASSERT_TRUE(service_.BatchQuerySessionByClientIds(request, later, &reply).ok());
  EXPECT_EQ(reply.snapshot().age_ms(), 10);
  EXPECT_EQ(reply.fleet().node(), "here");
  EXPECT_EQ(reply.fleet().others_age_ms(), 50);
  EXPECT_TRUE(reply.sessions(0).online());
  EXPECT_EQ(reply.sessions(0).node(), "") << "this node's own";
  EXPECT_TRUE(reply.sessions(1).online());
  EXPECT_EQ(reply.sessions(1).node(), "there");
  EXPECT_FALSE(reply.sessions(2).online());
  EXPECT_EQ(reply.sessions(2).end_reason(), pb::END_REASON_NODE_LOST);
}

TEST_F(FleetServiceTest, AnExactAnswerNamesItsSourceAndTheNode) {
  others_.source = AnswerSource::kEngine;
  const auto mine = Query("mine");
  EXPECT_EQ(mine.source(), pb::ANSWER_SOURCE_LOCAL);
  EXPECT_EQ(mine.node(), "here");
  EXPECT_EQ(mine.address(), "10.0.0.7");
  const auto theirs = Query("theirs");
  EXPECT_TRUE(theirs.online());
  EXPECT_EQ(theirs.source(), pb::ANSWER_SOURCE_ENGINE);
  EXPECT_EQ(theirs.node(), "there");
  EXPECT_EQ(theirs.connected_at_ms(), absl::ToUnixMillis(kNow));
  const auto lost = Query("lost");
  EXPECT_FALSE(lost.online());
  EXPECT_EQ(lost.node(), "");
  EXPECT_EQ(lost.end_reason(), pb::END_REASON_NODE_LOST);
  EXPECT_EQ(lost.disconnected_at_ms(), absl::ToUnixMillis(kNow));
}

TEST_F(FleetServiceTest, WhoFellBackToTheCopySaysSoAndHowOldItIs) {
  const auto theirs = Query("theirs");
  EXPECT_EQ(theirs.source(), pb::ANSWER_SOURCE_REPLICA);
  EXPECT_EQ(theirs.fleet().others_age_ms(), 40);
  others_.as_of = absl::InfinitePast();
  EXPECT_FALSE(Query("theirs").fleet().has_others_age_ms()) << "nothing is known";
}

TEST_F(FleetServiceTest, AnEngineThatMustBeAskedAndIsAwayIsAnError) {
  others_.error = absl::UnavailableError("away");
  pb::QuerySessionByClientIdRequest request;
  request.set_client_id("theirs");
  pb::QuerySessionByClientIdResponse reply;
  EXPECT_EQ(service_.QuerySessionByClientId(request, kNow, &reply).code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(FleetServiceTest, StatusCountsAndFleetTellOfTheOthers) {
  others_.status.fleet = "plant";
  others_.status.own_sessions = 1;
  others_.status.other_sessions = 5;
  others_.status.nodes = {{"here", 7, true, true, kNow, 1},
                          {"there", 9, false, false, kNow, 5, true}};
  pb::GetServerStatusResponse status;
  ASSERT_TRUE(service_.GetServerStatus({}, kNow, &status).ok());
  EXPECT_EQ(status.fleet().online(), 6u);
  EXPECT_EQ(status.fleet().nodes_alive(), 1u);
  pb::GetCountsResponse counts;
  ASSERT_TRUE(service_.GetCounts({}, kNow, &counts).ok());
  EXPECT_EQ(counts.online_elsewhere(), 5u);
  pb::GetFleetResponse fleet;
  ASSERT_TRUE(service_.GetFleet({}, kNow, &fleet).ok());
  EXPECT_EQ(fleet.summary().name(), "plant");
  ASSERT_EQ(fleet.nodes_size(), 2);
  EXPECT_FALSE(fleet.nodes(1).alive());
  EXPECT_TRUE(fleet.nodes(1).left());
}

TEST_F(FleetServiceTest, WithoutAFleetNothingOfItIsSaid) {
  const Service alone(registry_, ServerFacts());
  pb::GetFleetResponse fleet;
  EXPECT_EQ(alone.GetFleet({}, kNow, &fleet).code(), absl::StatusCode::kFailedPrecondition);
  pb::GetServerStatusResponse status;
  ASSERT_TRUE(alone.GetServerStatus({}, kNow, &status).ok());
  EXPECT_FALSE(status.has_fleet());
  pb::QuerySessionByClientIdRequest request;
  request.set_client_id("mine");
  pb::QuerySessionByClientIdResponse reply;
  ASSERT_TRUE(alone.QuerySessionByClientId(request, kNow, &reply).ok());
  EXPECT_FALSE(reply.has_fleet());
  EXPECT_EQ(reply.node(), "");
}

}  // namespace
}  // namespace session_status::api
