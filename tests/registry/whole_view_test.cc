#include "registry/whole_view.h"

#include <gtest/gtest.h>

#include "tests/testing/fake_others.h"

namespace session_status::registry {
namespace {

using testing::FakeOthers;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

class WholeViewTest : public ::testing::Test {
 protected:
  // Loses a connection; batches of view_with_grace() give it half a minute from kStart on.
  void Lose(absl::string_view id, bool kept = false) {
    SessionEvent lost;
    lost.kind = SessionEvent::Kind::kEnded;
    lost.client_id = id;
    lost.incarnation = incarnation_;
    lost.time = kStart;
    lost.reason = EndReason::kNetworkError;
    lost.session_kept = kept;
    grace_.BeginLoss(lost, absl::ToUnixMillis(kStart));
    grace_.EndLoss(own_.Apply(lost).outcome);
    own_.PublishSnapshot(kStart);
  }
  SessionStatus BatchWithGrace(absl::string_view id, std::string* node = nullptr) {
    WholeView view(own_, &others_);
    view.use_grace(&grace_);
    SessionStatus status;
    const WholeCut cut = view.QuerySnapshot({id}, absl::MakeSpan(&status, 1));
    if (node != nullptr) *node = std::string(cut.nodes[0]);
    return status;
  }
  void Connect(absl::string_view id, absl::Time at = kStart) {
    SessionEvent event;
    event.client_id = id;
    event.incarnation = ++incarnation_;
    event.time = at;
    own_.Apply(event);
  }
  void End(absl::string_view id, EndReason reason, absl::Time at, bool kept = false) {
    SessionEvent event;
    event.kind = SessionEvent::Kind::kEnded;
    event.client_id = id;
    event.incarnation = incarnation_;
    event.time = at;
    event.reason = reason;
    event.session_kept = kept;
    own_.Apply(event);
  }
  void Elsewhere(const std::string& id, const std::string& node, absl::Time at = kStart) {
    others_.clients[id] = {{SessionState::kOnline, EndReason::kNone}, node, at};
  }
  void EndedElsewhere(const std::string& id, EndReason reason, absl::Time at) {
    others_.clients[id] = {{SessionState::kOffline, reason}, "", at};
  }
  SessionStatus Batch(absl::string_view id, std::string* node = nullptr) {
    SessionStatus status;
    const WholeCut cut = view_.QuerySnapshot({id}, absl::MakeSpan(&status, 1));
    if (node != nullptr) *node = std::string(cut.nodes[0]);
    return status;
  }
  WholeSession Exact(absl::string_view id) {
    WholeSession session;
    EXPECT_TRUE(view_.Find(id, kStart, &session).ok());
    return session;
  }

  uint64_t incarnation_ = 0;
  SessionRegistry own_;
  LossGrace grace_{own_, absl::Seconds(30), 1024};
  FakeOthers others_;
  const WholeView view_{own_, &others_};
};

TEST_F(WholeViewTest, WithoutAFleetTheRegistryAnswersAlone) {
  Connect("a");
  own_.PublishSnapshot(kStart);
  const WholeView alone(own_);
  SessionStatus status;
  const WholeCut cut = alone.QuerySnapshot({"a"}, absl::MakeSpan(&status, 1));
  EXPECT_TRUE(status.online());
  EXPECT_FALSE(cut.fleet);
  WholeSession session;
  EXPECT_TRUE(alone.Find("a", kStart, &session).ok());
  EXPECT_EQ(session.source, AnswerSource::kLocal);
}

TEST_F(WholeViewTest, AClientThatIsConnectedHereIsHere) {
  Connect("a");
  own_.PublishSnapshot(kStart);
  Elsewhere("a", "there");  // its older connection, about to be closed
  std::string node = "?";
  EXPECT_TRUE(Batch("a", &node).online());
  EXPECT_EQ(node, "");
  EXPECT_EQ(Exact("a").source, AnswerSource::kLocal);
}

TEST_F(WholeViewTest, AClientOfAnotherNodeIsOnlineThere) {
  Elsewhere("a", "there");
  std::string node;
  EXPECT_TRUE(Batch("a", &node).online());
  EXPECT_EQ(node, "there");
  EXPECT_TRUE(Exact("a").status().online());
  EXPECT_EQ(Exact("a").other.node, "there");
  EXPECT_EQ(Exact("a").source, AnswerSource::kReplica);
}

TEST_F(WholeViewTest, NobodySeesAGapWhenAClientComesHereBetweenTwoCuts) {
  own_.PublishSnapshot(kStart);
  Connect("a");  // not in the own cut yet
  EndedElsewhere("a", EndReason::kTakenOver, kStart);
  EXPECT_TRUE(Batch("a").online());
}

TEST_F(WholeViewTest, NobodySeesAGapWhenAClientComesHereWhileTheEngineIsAsked) {
  others_.while_asked = [this] { Connect("a"); };
  EXPECT_TRUE(Exact("a").status().online());
  EXPECT_EQ(Exact("a").source, AnswerSource::kLocal);
}

TEST_F(WholeViewTest, GraceDoesNotHideThatAClientIsConnectedElsewhere) {
  Connect("a");
  Lose("a");
  std::string node;
  EXPECT_TRUE(BatchWithGrace("a", &node).online());
  EXPECT_EQ(BatchWithGrace("a").reason, EndReason::kNetworkError);
  EXPECT_EQ(node, "");
  EndedElsewhere("a", EndReason::kKicked, kStart - absl::Seconds(9));
  EXPECT_TRUE(BatchWithGrace("a").online()) << "its older end elsewhere does not count";
  Elsewhere("a", "there");
  EXPECT_TRUE(BatchWithGrace("a", &node).online());
  EXPECT_EQ(BatchWithGrace("a").reason, EndReason::kNone);
  EXPECT_EQ(node, "there");
}

TEST_F(WholeViewTest, GraceDoesNotHideThatAClientCameBackElsewhereAndLeft) {
  Connect("a");
  Lose("a");
  EndedElsewhere("a", EndReason::kClientDisconnect, kStart + absl::Seconds(4));
  EXPECT_EQ(BatchWithGrace("a").state, SessionState::kOffline);
  EXPECT_EQ(BatchWithGrace("a").reason, EndReason::kClientDisconnect);
}

TEST_F(WholeViewTest, GraceOutlastsALaterLossElsewhereAndATakeover) {
  Connect("a");
  Lose("a");
  EndedElsewhere("a", EndReason::kNetworkError, kStart + absl::Seconds(4));
  EXPECT_TRUE(BatchWithGrace("a").online()) << "there it would have grace too";
  EndedElsewhere("a", EndReason::kTakenOver, kStart + absl::Seconds(4));
  EXPECT_TRUE(BatchWithGrace("a").online());
}

TEST_F(WholeViewTest, ASessionThatIsKeptHereStaysKeptWhenGraceIsOver) {
  Connect("a");
  Lose("a", /*kept=*/true);
  EndedElsewhere("a", EndReason::kClientDisconnect, kStart + absl::Seconds(4));
  EXPECT_EQ(BatchWithGrace("a").state, SessionState::kOfflineSessionKept);
  EXPECT_EQ(BatchWithGrace("a").reason, EndReason::kNetworkError);
}

TEST_F(WholeViewTest, GraceGoesOnForAClientThatIsBackHereWhateverEndedElsewhere) {
  Connect("a");
  Lose("a");
  Connect("a", kStart + absl::Seconds(5));  // after the cut
  EndedElsewhere("a", EndReason::kClientDisconnect, kStart + absl::Seconds(4));
  EXPECT_TRUE(BatchWithGrace("a").online());
}

TEST_F(WholeViewTest, ASessionThatExpiredLaterDoesNotHideALaterConnectionElsewhere) {
  Connect("a");
  End("a", EndReason::kNetworkError, kStart, /*kept=*/true);
  SessionEvent gone;
  gone.kind = SessionEvent::Kind::kSessionGone;
  gone.client_id = "a";
  gone.incarnation = incarnation_;
  gone.time = kStart + absl::Hours(1);
  gone.reason = EndReason::kSessionExpired;
  own_.Apply(gone);
  own_.PublishSnapshot(kStart);
  EXPECT_EQ(Exact("a").status().reason, EndReason::kSessionExpired);
  EndedElsewhere("a", EndReason::kClientDisconnect, kStart + absl::Minutes(30));
  EXPECT_TRUE(Exact("a").elsewhere);
  EXPECT_EQ(Exact("a").status().reason, EndReason::kClientDisconnect);
  EXPECT_EQ(Batch("a").reason, EndReason::kClientDisconnect);
}

TEST_F(WholeViewTest, TheLaterOfTwoEndsTellsTheReason) {
  Connect("a");
  End("a", EndReason::kKicked, kStart + absl::Seconds(1));
  own_.PublishSnapshot(kStart);
  EndedElsewhere("a", EndReason::kNetworkError, kStart + absl::Seconds(2));
  EXPECT_EQ(Batch("a").reason, EndReason::kNetworkError);
  EXPECT_EQ(Exact("a").status().reason, EndReason::kNetworkError);
  EndedElsewhere("a", EndReason::kTakenOver, kStart);
  EXPECT_EQ(Batch("a").reason, EndReason::kKicked);
  EXPECT_EQ(Exact("a").status().reason, EndReason::kKicked);
}

TEST_F(WholeViewTest, ASessionThatThisNodeKeepsStaysKept) {
  Connect("a");
  End("a", EndReason::kClientDisconnect, kStart, /*kept=*/true);
  own_.PublishSnapshot(kStart);
  EndedElsewhere("a", EndReason::kNetworkError, kStart + absl::Seconds(2));
  for (const SessionStatus status : {Batch("a"), Exact("a").status()}) {
    EXPECT_EQ(status.state, SessionState::kOfflineSessionKept);
    EXPECT_EQ(status.reason, EndReason::kNetworkError) << "its last connection's";
  }
  EndedElsewhere("a", EndReason::kNetworkError, kStart - absl::Seconds(2));
  EXPECT_EQ(Batch("a").reason, EndReason::kClientDisconnect);
  EXPECT_EQ(Exact("a").status().reason, EndReason::kClientDisconnect);
}

// This node may hear of a move only when the connection that made it has ended as well.
TEST_F(WholeViewTest, AMoveIsNotTheLastEndHoweverLateItIsHeardOf) {
  Connect("came");
  End("came", EndReason::kClientDisconnect, kStart + absl::Seconds(1));
  Connect("went");
  End("went", EndReason::kTakenOver, kStart + absl::Seconds(2));
  own_.PublishSnapshot(kStart + absl::Seconds(2));
  EndedElsewhere("came", EndReason::kTakenOver, kStart + absl::Seconds(2));
  EndedElsewhere("went", EndReason::kKeepaliveTimeout, kStart + absl::Seconds(1));
  EXPECT_EQ(Batch("came").reason, EndReason::kClientDisconnect);
  EXPECT_FALSE(Exact("came").elsewhere);
  EXPECT_EQ(Batch("went").reason, EndReason::kKeepaliveTimeout);
  EXPECT_TRUE(Exact("went").elsewhere);
}

TEST_F(WholeViewTest, AClientThatOnlyAnotherNodeKnewIsOfflineForTheReasonKnownThere) {
  EndedElsewhere("a", EndReason::kNodeLost, kStart);
  EXPECT_EQ(Batch("a").state, SessionState::kOffline);
  EXPECT_EQ(Exact("a").status().reason, EndReason::kNodeLost);
  EXPECT_EQ(Batch("nobody").state, SessionState::kUnknown);
}

TEST_F(WholeViewTest, AnEngineThatIsAwayCanBeAnError) {
  Connect("a");
  others_.error = absl::UnavailableError("away");
  WholeSession session;
  EXPECT_FALSE(view_.Find("b", kStart, &session).ok());
  EXPECT_TRUE(view_.Find("a", kStart, &session).ok()) << "connected here: nobody needs to be asked";
}

}  // namespace
}  // namespace session_status::registry
