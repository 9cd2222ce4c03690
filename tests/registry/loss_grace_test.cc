#include "registry/loss_grace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace session_status::registry {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);
constexpr absl::Duration kGrace = absl::Seconds(10);

#ifdef SESSION_STATUS_SANITIZED
constexpr int kEvents = 20'000;
#else
constexpr int kEvents = 200'000;
#endif

// A registry with grace, as the plugin puts them together.
class Graced {
 public:
  explicit Graced(size_t losses_max = 1024) : grace(registry, kGrace, losses_max) {}

  ApplyResult Apply(const SessionEvent& event) {
    grace.BeginLoss(event, absl::ToUnixMillis(event.time));
    const ApplyResult result = registry.Apply(event);
    grace.EndLoss(result.outcome);
    return result;
  }
  void Connect(absl::string_view id, absl::Time time) {
    SessionEvent e;
    e.client_id = id;
    e.incarnation = incarnations[std::string(id)] = ++incarnation;
    e.time = time;
    Apply(e);
  }
  ApplyResult End(absl::string_view id, absl::Time time,
                  EndReason reason = EndReason::kNetworkError, bool kept = false) {
    SessionEvent e;
    e.kind = SessionEvent::Kind::kEnded;
    e.client_id = id;
    e.incarnation = incarnations[std::string(id)];
    e.time = time;
    e.reason = reason;
    e.session_kept = kept;
    return Apply(e);
  }
  ApplyResult Expire(absl::string_view id, absl::Time time,
                     EndReason reason = EndReason::kSessionExpired) {
    SessionEvent e;
    e.kind = SessionEvent::Kind::kSessionGone;
    e.client_id = id;
    e.incarnation = incarnations[std::string(id)];
    e.time = time;
    e.reason = reason;
    return Apply(e);
  }
  SessionStatus Batch(absl::string_view id) const {
    SessionStatus status;
    grace.QuerySnapshot(absl::MakeConstSpan(&id, 1), absl::MakeSpan(&status, 1));
    return status;
  }

  SessionRegistry registry;
  LossGrace grace;
  std::map<std::string, uint64_t> incarnations;
  uint64_t incarnation = 0;
};

// The wall clock was an hour ahead when the connection broke, and was set right after it.
TEST(LossGraceTest, AClockThatIsSetBackMakesNoGraceLonger) {
  SessionRegistry registry;
  LossGrace grace(registry, kGrace);
  SessionEvent event;
  event.client_id = "lamp";
  event.incarnation = 1;
  event.time = kStart + absl::Hours(1);
  registry.Apply(event);
  event.kind = SessionEvent::Kind::kEnded;
  event.reason = EndReason::kNetworkError;
  grace.BeginLoss(event, 1'000);
  grace.EndLoss(registry.Apply(event).outcome);
  const auto online_at = [&](int64_t steady_ms) {
    registry.PublishSnapshot(kStart + absl::Milliseconds(steady_ms), steady_ms);
    SessionStatus status;
    grace.QuerySnapshot({"lamp"}, absl::MakeSpan(&status, 1));
    return status.online();
  };
  EXPECT_TRUE(online_at(2'000));
  EXPECT_TRUE(online_at(10'999));
  EXPECT_FALSE(online_at(11'000));
}

TEST(LossGraceTest, ALostClientStaysOnlineInTheCutForTheGraceAndNoLonger) {
  for (const bool kept : {false, true}) {
    for (const EndReason reason :
         {EndReason::kNetworkError, EndReason::kKeepaliveTimeout, EndReason::kUnknown}) {
      Graced g;
      g.Connect("lamp", kStart);
      g.End("lamp", kStart, reason, kept);
      g.registry.PublishSnapshot(kStart + absl::Seconds(9));
      EXPECT_TRUE(g.Batch("lamp").online());
      EXPECT_EQ(g.Batch("lamp").reason, reason) << "it can be told from one that is up";
      EXPECT_FALSE(g.registry.Find("lamp").online()) << "live answers stay exact";
      g.registry.PublishSnapshot(kStart + kGrace);
      EXPECT_EQ(g.Batch("lamp").state,
                kept ? SessionState::kOfflineSessionKept : SessionState::kOffline);
    }
  }
}

TEST(LossGraceTest, WhoLeftOnPurposeOrWasThrownOutGetsNone) {
  for (const EndReason reason :
       {EndReason::kClientDisconnect, EndReason::kKicked, EndReason::kTakenOver,
        EndReason::kProtocolError, EndReason::kNotAuthorized, EndReason::kAdministrative}) {
    Graced g;
    g.Connect("lamp", kStart);
    g.End("lamp", kStart, reason);
    g.registry.PublishSnapshot(kStart);
    EXPECT_FALSE(g.Batch("lamp").online());
  }
}

TEST(LossGraceTest, ASessionThatExpiresWithinItDoesNotEndIt) {
  Graced g;
  g.Connect("lamp", kStart);
  g.End("lamp", kStart, EndReason::kNetworkError, /*kept=*/true);
  g.Expire("lamp", kStart + absl::Seconds(3));
  EXPECT_EQ(g.registry.Find("lamp").state, SessionState::kOffline);
  EXPECT_EQ(g.registry.Find("lamp").reason, EndReason::kSessionExpired);
  g.registry.PublishSnapshot(kStart + kGrace - absl::Milliseconds(1));
  EXPECT_TRUE(g.Batch("lamp").online());
  EXPECT_EQ(g.Batch("lamp").reason, EndReason::kSessionExpired);
  g.registry.PublishSnapshot(kStart + kGrace);
  EXPECT_EQ(g.Batch("lamp").state, SessionState::kOffline);
  EXPECT_EQ(g.Batch("lamp").reason, EndReason::kSessionExpired);
}

TEST(LossGraceTest, ASessionThatAnAdministratorRemovesEndsIt) {
  Graced g;
  g.Connect("lamp", kStart);
  g.End("lamp", kStart, EndReason::kNetworkError, /*kept=*/true);
  g.Expire("lamp", kStart, EndReason::kAdministrative);
  g.registry.PublishSnapshot(kStart);
  EXPECT_FALSE(g.Batch("lamp").online());
}

TEST(LossGraceTest, AnEndOnPurposeAfterALossEndsItAlsoWhenItsSessionExpires) {
  Graced g;
  g.Connect("lamp", kStart);
  g.End("lamp", kStart, EndReason::kNetworkError, /*kept=*/true);
  g.Expire("lamp", kStart);
  g.Connect("lamp", kStart);
  g.End("lamp", kStart, EndReason::kClientDisconnect, /*kept=*/true);
  g.registry.PublishSnapshot(kStart);
  EXPECT_FALSE(g.Batch("lamp").online());
  g.Expire("lamp", kStart);
  g.registry.PublishSnapshot(kStart);
  EXPECT_FALSE(g.Batch("lamp").online());
}

TEST(LossGraceTest, AnEndThatTheAuditFoundGetsNone) {
  Graced g;
  g.Connect("lamp", kStart);
  SessionEvent e;
  e.kind = SessionEvent::Kind::kEnded;
  e.client_id = "lamp";
  e.incarnation = 1;
  e.time = kStart;
  e.reason = EndReason::kUnknown;
  e.repaired = true;
  g.Apply(e);
  g.registry.PublishSnapshot(kStart);
  EXPECT_FALSE(g.Batch("lamp").online());
}

TEST(LossGraceTest, ARefusedEventLeavesNoTrace) {
  Graced g;
  g.Connect("lamp", kStart);
  g.End("lamp", kStart);
  g.registry.PublishSnapshot(kStart + kGrace);
  EXPECT_FALSE(g.Batch("lamp").online());
  // The same end once more, later: refused, and must not begin another grace.
  EXPECT_EQ(g.End("lamp", kStart + kGrace).outcome, ApplyResult::Outcome::kStale);
  g.Connect("door", kStart + kGrace);  // takes the number that the refused one would have had
  g.registry.PublishSnapshot(kStart + kGrace);
  EXPECT_FALSE(g.Batch("lamp").online());
}

TEST(LossGraceTest, TheLossOfTheCutCountsNotALaterOne) {
  Graced g;
  g.Connect("lamp", kStart);
  g.End("lamp", kStart);
  g.registry.PublishSnapshot(kStart + kGrace);
  // After the cut it came back and was lost again: the cut still says what was true then.
  g.Connect("lamp", kStart + kGrace);
  g.End("lamp", kStart + kGrace);
  EXPECT_FALSE(g.Batch("lamp").online());
  g.registry.PublishSnapshot(kStart + kGrace);
  EXPECT_TRUE(g.Batch("lamp").online());
}

TEST(LossGraceTest, WithMoreLossesThanTheLogHoldsTheOldestShowOfflineEarly) {
  Graced g(16);
  for (int i = 0; i < 40; ++i) {
    const std::string id = absl::StrCat("c", i);
    g.Connect(id, kStart);
    g.End(id, kStart);
  }
  g.registry.PublishSnapshot(kStart);
  EXPECT_FALSE(g.Batch("c0").online());
  EXPECT_FALSE(g.Batch("c23").online());
  for (int i = 24; i < 40; ++i) EXPECT_TRUE(g.Batch(absl::StrCat("c", i)).online()) << i;
  EXPECT_EQ(g.grace.cut_short(), 24u);
}

// Readers beside the writer and the refresher; a replay of the events up to each answer's sequence
// says what it had to be.
TEST(LossGraceTest, EveryAnswerIsTheOneThatItsCutAndTheEventsDemand) {
  constexpr size_t kIds = 12;
  constexpr absl::Duration kStep = absl::Milliseconds(20);  // between events: 500 in a grace
  std::vector<std::string> ids;
  for (size_t i = 0; i < kIds; ++i) ids.push_back(absl::StrCat("id-", i));
  const std::vector<absl::string_view> views(ids.begin(), ids.end());

  struct Logged {
    size_t id;
    SessionEvent::Kind kind;
    absl::Time time;
    EndReason reason;
    bool kept = false;
  };
  std::vector<Logged> applied;  // by sequence - 1
  struct Answer {
    SnapshotInfo cut;
    std::vector<SessionStatus> statuses;
  };
  std::vector<Answer> answers;
  Graced g(1 << 16);
  std::atomic<int64_t> clock_ns{0};  // of the events, read by the refresher
  std::atomic<bool> done{false};

  std::thread refresher([&] {
    while (!done.load()) {
      g.registry.PublishSnapshot(kStart + absl::Nanoseconds(clock_ns.load()));
      std::this_thread::yield();
    }
  });
  std::thread reader([&] {
    while (!done.load() && answers.size() < 300'000) {
      Answer a;
      a.statuses.resize(kIds);
      a.cut = g.grace.QuerySnapshot(views, absl::MakeSpan(a.statuses));
      answers.push_back(std::move(a));
    }
  });
  std::mt19937_64 rng(11);
  for (int i = 0; i < kEvents; ++i) {
    const absl::Time now = kStart + i * kStep;
    clock_ns.store(absl::ToInt64Nanoseconds(now - kStart));
    // The last of them are rarely touched, so that their grace runs out.
    const size_t id = rng() % 50 == 0 ? rng() % kIds : rng() % (kIds / 2);
    if (rng() % 4 == 0) {
      if (g.Expire(ids[id], now).outcome != ApplyResult::Outcome::kApplied) continue;
      applied.push_back({id, SessionEvent::Kind::kSessionGone, now, EndReason::kSessionExpired});
    } else if (rng() % 2 == 0) {
      g.Connect(ids[id], now);
      applied.push_back({id, SessionEvent::Kind::kConnected, now, EndReason::kNone});
    } else {
      const EndReason reason =
          rng() % 4 == 0 ? EndReason::kClientDisconnect : EndReason::kNetworkError;
      const bool kept = rng() % 2 == 0;
      if (g.End(ids[id], now, reason, kept).outcome != ApplyResult::Outcome::kApplied) continue;
      applied.push_back({id, SessionEvent::Kind::kEnded, now, reason, kept});
    }
  }
  done.store(true);
  refresher.join();
  reader.join();

  ASSERT_GT(answers.size(), 0u);
  std::vector<SessionStatus> state(kIds);
  std::vector<absl::Time> ended(kIds);
  size_t at = 0;
  uint64_t graced = 0;
  for (const Answer& a : answers) {  // one reader: its cuts never run backwards
    for (; at < a.cut.sequence; ++at) {
      const Logged& e = applied[at];
      if (e.kind == SessionEvent::Kind::kSessionGone) {  // the connection's end is what it was
        state[e.id].state = SessionState::kOffline;
        continue;
      }
      state[e.id] =
          e.kind == SessionEvent::Kind::kConnected
              ? SessionStatus{SessionState::kOnline, EndReason::kNone}
              : SessionStatus{e.kept ? SessionState::kOfflineSessionKept : SessionState::kOffline,
                              e.reason};
      ended[e.id] = e.time;
    }
    for (size_t i = 0; i < kIds; ++i) {
      SessionState want = state[i].state;
      if (want != SessionState::kOnline && state[i].reason == EndReason::kNetworkError &&
          ended[i] + kGrace > absl::FromUnixMillis(absl::ToUnixMillis(a.cut.taken_at))) {
        want = SessionState::kOnline;
        ++graced;
      }
      ASSERT_EQ(static_cast<int>(a.statuses[i].state), static_cast<int>(want))
          << ids[i] << " at " << a.cut.sequence;
    }
  }
  EXPECT_GT(graced, 0u);
  EXPECT_EQ(g.grace.cut_short(), 0u);
}

}  // namespace
}  // namespace session_status::registry
