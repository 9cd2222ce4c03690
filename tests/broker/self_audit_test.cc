// The audit against a broker that loses events: what the broker's table says is what the registry
// says one period later.
#include "plugin/broker/self_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "plugin/broker/end_reason.h"
#include "tests/testing/fake_broker.h"

namespace session_status::broker {
namespace {

using registry::EndReason;
using registry::SessionEvent;
using registry::SessionState;
using testing::FakeBroker;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

// What the plugin does: events go into a registry.
class RegistrySink : public EventSink {
 public:
  void OnSessionEvent(const SessionEvent& event) override {
    if (event.repaired) ++repairs;
    if (event.kind == SessionEvent::Kind::kSessionGone) gone.push_back(event.incarnation);
    if (refuse == event.client_id) return;  // as when memory runs out
    registry.Apply(event);
  }
  registry::SessionRegistry registry;
  std::string refuse;
  int repairs = 0;
  std::vector<uint64_t> gone;
};

class SelfAuditTest : public ::testing::Test {
 protected:
  explicit SelfAuditTest(FakeBroker::Line line = FakeBroker::k21) : broker_(line) {
    if (line == FakeBroker::k21) audit_.set_line(BrokerLine::kV21);
    tracker_.set_registry(sink_.registry);
  }

  // As the broker does it: the table first, then the event.
  mosquitto* Connect(const std::string& id) {
    mosquitto* client = broker_.NewClient(id);
    tracker_.OnConnect(0, client, now_);
    return client;
  }
  void End(mosquitto* client, int reason = 7) {
    tracker_.OnEnd(client, reason, false, now_);
    broker_.Free(client);
  }
  // Ten ticks a second, as OnHousekeeping has them; by default one period and two ticks.
  void Pass(absl::Duration time = absl::Milliseconds(1200)) {
    for (const absl::Time end = now_ + time; now_ < end; now_ += absl::Milliseconds(100)) {
      tracker_.OnLoopRound([this] { return now_; });
      audit_.OnTick(now_);
    }
  }
  SessionState StateOf(absl::string_view id) { return sink_.registry.Find(id).state; }
  uint64_t repaired() const {
    return audit_.figures().repaired_ends.value() + audit_.figures().repaired_connects.value();
  }
  // A pass while the sink takes nothing of sink_.refuse, which repairs nothing; then one while it
  // does.
  void PassInVainAndAgain() {
    Pass(absl::Seconds(3));
    EXPECT_GT(sink_.repairs, 0) << "it is tried";
    EXPECT_EQ(repaired(), 0u);
    EXPECT_THAT(broker_.log, IsEmpty());
    sink_.refuse.clear();
    Pass(absl::Seconds(3));
  }

  FakeBroker broker_;
  RegistrySink sink_;
  SessionTracker tracker_{sink_, 1};
  BrokerLog log_;
  absl::Time now_ = kStart;
  SelfAudit audit_{sink_.registry,
                   tracker_,
                   log_,
                   {.period = absl::Seconds(1), .slice_max = 100, .walk_max = 1000}};
};

TEST_F(SelfAuditTest, WhereNothingWasLostNothingIsRepaired) {
  std::vector<mosquitto*> clients;
  for (int i = 0; i < 500; ++i) clients.push_back(Connect(absl::StrCat("c", i)));
  for (int i = 0; i < 100; ++i) End(clients[i]);
  for (int i = 100; i < 200; ++i) tracker_.OnEnd(clients[i], 0, true, now_);
  Pass(absl::Seconds(5));
  EXPECT_EQ(repaired(), 0u);
  EXPECT_EQ(audit_.figures().found_expired.value(), 0u);
  EXPECT_GE(audit_.figures().passes.value(), 3u);
  EXPECT_GE(audit_.figures().checks.value(), 1500u);
  EXPECT_EQ(audit_.figures().walked_clients.value(), 400u);
  EXPECT_EQ(audit_.figures().walk_complete.value(), 1u);
  EXPECT_THAT(broker_.log, IsEmpty());
}

TEST_F(SelfAuditTest, WhatTheRegistryDoesNotTakeIsNoRepair) {
  sink_.refuse = "lamp";
  Connect("lamp");
  PassInVainAndAgain();
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
  EXPECT_EQ(repaired(), 1u);
}

TEST_F(SelfAuditTest, AnEndThatTheRegistryDoesNotTakeIsNoRepair) {
  broker_.Free(Connect("lamp"));  // nobody tells
  sink_.refuse = "lamp";
  PassInVainAndAgain();
  EXPECT_EQ(StateOf("lamp"), SessionState::kOffline);
  EXPECT_EQ(audit_.figures().repaired_ends.value(), 1u);
}

TEST_F(SelfAuditTest, PassesKeepToTheBeatHoweverFewSessionsThereAre) {
  constexpr absl::Duration kPeriod = absl::Minutes(1);
  SelfAudit audit(sink_.registry, tracker_, log_, {.period = kPeriod, .walk_max = 1000});
  audit.set_line(BrokerLine::kV21);
  const auto pass_time = [&](absl::Duration time) {
    for (const absl::Time end = now_ + time; now_ < end; now_ += absl::Milliseconds(100)) {
      tracker_.OnLoopRound([this] { return now_; });
      audit.OnTick(now_);
    }
  };
  Connect("door");
  pass_time(10 * kPeriod + absl::Seconds(1));
  EXPECT_EQ(audit.figures().passes.value(), 10u);
  // The last page, a 64th of all positions, is looked at when its beginning is due.
  EXPECT_NEAR(static_cast<double>(audit.figures().last_pass_ms.value()), 60'000 * 63 / 64, 200);
  // After many quiet passes it is still found within one period what many have lost.
  std::vector<mosquitto*> lamps;
  for (int i = 0; i < 900; ++i) lamps.push_back(Connect(absl::StrCat("lamp", i)));
  for (mosquitto* lamp : lamps) broker_.Free(lamp);
  pass_time(kPeriod + absl::Seconds(2));
  EXPECT_EQ(sink_.registry.Counts().by_state[static_cast<size_t>(SessionState::kOnline)], 1u);
}

TEST_F(SelfAuditTest, ALostEndIsRepairedWithinOnePeriodAndSaidOnce) {
  mosquitto* lamp = Connect("lamp");
  Connect("door");
  Pass(absl::Milliseconds(1550));
  broker_.Free(lamp);  // nobody tells
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
  Pass();
  EXPECT_EQ(StateOf("lamp"), SessionState::kOffline);
  EXPECT_EQ(sink_.registry.Find("lamp").reason, EndReason::kUnknown);
  EXPECT_EQ(StateOf("door"), SessionState::kOnline);
  EXPECT_EQ(audit_.figures().repaired_ends.value(), 1u);
  EXPECT_EQ(sink_.repairs, 1);
  Pass(absl::Seconds(3));
  EXPECT_EQ(repaired(), 1u);
  EXPECT_EQ(tracker_.counters().tracked.value(), 1u) << "its memory is not kept either";
  ASSERT_THAT(broker_.log, SizeIs(1));
  EXPECT_THAT(broker_.log[0], HasSubstr("repaired a session that was online without a connection"));
  EXPECT_THAT(broker_.log[0], ::testing::Not(HasSubstr("lamp"))) << "identifiers stay out of logs";
}

TEST_F(SelfAuditTest, ALostConnectOfANewClientIsFoundByTheWalk) {
  Connect("door");
  Pass(absl::Milliseconds(1550));
  mosquitto* lamp = broker_.NewClient("lamp");
  lamp->address = "192.0.2.7";
  Pass();
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
  registry::SessionDetails details;
  ASSERT_TRUE(sink_.registry.FindDetails("lamp", &details));
  EXPECT_EQ(details.address, "192.0.2.7");
  EXPECT_EQ(audit_.figures().repaired_connects.value(), 1u);
  // From here on it is like any other.
  End(lamp);
  EXPECT_EQ(StateOf("lamp"), SessionState::kOffline);
  Pass(absl::Seconds(2));
  EXPECT_EQ(repaired(), 1u);
}

TEST_F(SelfAuditTest, ALostConnectOfAKnownClientIsFoundByItsSlice) {
  End(Connect("lamp"));
  Pass(absl::Milliseconds(1550));
  broker_.NewClient("lamp");
  Pass();
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
  EXPECT_EQ(repaired(), 1u);
}

TEST_F(SelfAuditTest, ATakeoverThatNobodyToldBecomesANewIncarnation) {
  mosquitto* older = Connect("lamp");
  Pass(absl::Milliseconds(1550));
  broker_.Free(older);
  mosquitto* between = broker_.NewClient("other");  // takes the freed place
  tracker_.OnConnect(0, between, now_);
  broker_.NewClient("lamp");
  Pass();
  registry::SessionDetails details;
  ASSERT_TRUE(sink_.registry.FindDetails("lamp", &details));
  EXPECT_EQ(details.status.state, SessionState::kOnline);
  EXPECT_EQ(details.incarnation, 3u);
}

TEST_F(SelfAuditTest, AKeptSessionThatExpiredIsFoundAndIsNoFault) {
  mosquitto* lamp = Connect("lamp");
  tracker_.OnEnd(lamp, 0, true, now_);
  Pass(absl::Seconds(3));
  EXPECT_EQ(StateOf("lamp"), SessionState::kOfflineSessionKept);
  broker_.Free(lamp);  // 2.1 tells nobody of an expiry
  Pass(absl::Milliseconds(1550));
  EXPECT_EQ(StateOf("lamp"), SessionState::kOffline);
  EXPECT_EQ(sink_.registry.Find("lamp").reason, EndReason::kSessionExpired);
  EXPECT_EQ(audit_.figures().found_expired.value(), 1u);
  EXPECT_EQ(repaired(), 0u);
  EXPECT_THAT(broker_.log, IsEmpty());
}

TEST_F(SelfAuditTest, AKeptSessionThatExpiredIsToldBeforeTheConnectOfItsClient) {
  mosquitto* lamp = Connect("lamp");
  tracker_.OnEnd(lamp, 0, true, now_);
  Pass(absl::Milliseconds(100));
  broker_.Free(lamp);
  mosquitto* back = broker_.NewClient("lamp");
  back->clean = false;
  now_ += absl::Seconds(1);
  tracker_.OnConnect(0, back, now_);
  EXPECT_EQ(sink_.gone, std::vector<uint64_t>{1});
  registry::SessionDetails details;
  ASSERT_TRUE(sink_.registry.FindDetails("lamp", &details));
  EXPECT_EQ(details.status.state, SessionState::kOnline);
  EXPECT_EQ(details.session_created_at, now_);
  // A session that the broker goes on with has not ended, nor has one that nobody keeps.
  tracker_.OnEnd(back, 7, true, now_);
  mosquitto* again = broker_.NewClient("lamp");
  tracker_.OnEnd(back, kReasonTakenOver, false, now_);
  again->clean = false;
  tracker_.OnConnect(0, again, now_);
  End(again);
  mosquitto* anew = broker_.NewClient("lamp");
  anew->clean = false;
  tracker_.OnConnect(0, anew, now_);
  EXPECT_THAT(sink_.gone, SizeIs(1));
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
  EXPECT_EQ(sink_.registry.Counts().stale_events, 0u);
}

TEST_F(SelfAuditTest, AConnectThatTheRegistryCouldNotTakeIsToldAgain) {
  sink_.refuse = "lamp";
  Connect("lamp");
  sink_.refuse.clear();
  Pass(absl::Milliseconds(1550));
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
  registry::SessionDetails details;
  ASSERT_TRUE(sink_.registry.FindDetails("lamp", &details));
  EXPECT_EQ(details.incarnation, 1u);
}

TEST_F(SelfAuditTest, ATakeoverThatTheRegistryCouldNotTakeIsToldAgain) {
  mosquitto* older = Connect("lamp");
  Pass(absl::Milliseconds(1550));
  sink_.refuse = "lamp";
  tracker_.OnEnd(older, kReasonTakenOver, false, now_);
  broker_.Free(older);
  mosquitto* newer = Connect("lamp");
  sink_.refuse.clear();
  Pass();
  registry::SessionDetails details;
  ASSERT_TRUE(sink_.registry.FindDetails("lamp", &details));
  EXPECT_EQ(details.incarnation, 2u);
  EXPECT_EQ(repaired(), 1u);
  End(newer);
  EXPECT_EQ(StateOf("lamp"), SessionState::kOffline) << "its end is of a connection that is known";
}

// Neither the end nor the connect is told.
TEST_F(SelfAuditTest, ALaterConnectionAtTheSamePlaceIsNotTakenForARenamedOne) {
  mosquitto* gate = broker_.NewClient("gate");
  gate->port = 8883;  // a listener with the plugin
  tracker_.OnConnect(0, gate, now_);
  struct Case {
    const char* differs;
    void (*change)(mosquitto*);
  };
  for (const Case& c : {Case{"address", [](mosquitto* m) { m->address = "192.0.2.7"; }},
                        Case{"keepalive", [](mosquitto* m) { m->keepalive = 30; }},
                        Case{"listener", [](mosquitto* m) { m->port = 8883; }},
                        Case{"protocol", [](mosquitto* m) { m->version = 5; }}}) {
    SCOPED_TRACE(c.differs);
    const std::string lamp_id = absl::StrCat("lamp-", c.differs);
    const std::string door_id = absl::StrCat("door-", c.differs);
    mosquitto* lamp = Connect(lamp_id);
    Pass(absl::Milliseconds(1550));
    mosquitto* door = broker_.Reuse(lamp, door_id);
    ASSERT_EQ(door, lamp);
    c.change(door);
    Pass(absl::Seconds(3));
    EXPECT_EQ(StateOf(lamp_id), SessionState::kOffline);
    EXPECT_EQ(StateOf(door_id), SessionState::kOnline);
  }
}

TEST_F(SelfAuditTest, AConnectionAtTheFormerPlaceOfAClientThatIsBackElsewhereIsFound) {
  mosquitto* lamp = Connect("lamp");
  Pass(absl::Milliseconds(1550));
  mosquitto* door = broker_.Reuse(lamp, "door");  // neither the end nor the connect is told
  ASSERT_EQ(door, lamp);
  ASSERT_NE(Connect("lamp"), lamp);
  Pass(absl::Seconds(3));
  EXPECT_EQ(StateOf("door"), SessionState::kOnline);
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
  EXPECT_EQ(repaired(), 1u);
}

TEST_F(SelfAuditTest, AClientThatAnotherPluginRenamedStaysOnline) {
  mosquitto* lamp = Connect("lamp");
  Pass(absl::Milliseconds(1550));
  broker_.SetInTable("lamp", nullptr);
  lamp->id = "renamed";
  broker_.SetInTable("renamed", lamp);
  Pass(absl::Seconds(3));
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
  EXPECT_EQ(repaired(), 0u);
}

// Everything that 2.1's table lists beside connections.
TEST_F(SelfAuditTest, WhatIsInTheTableWithoutAConnectionIsNotTakenForOne) {
  Connect("door");
  mosquitto* bridge = broker_.NewClient("bridge");
  bridge->has_address = false;
  bridge->port = 0;
  mosquitto* restored = broker_.NewClient("restored");
  restored->has_address = false;
  mosquitto* uncovered = broker_.NewClient("uncovered");  // a listener without the plugin
  uncovered->port = 1884;
  mosquitto* local = broker_.NewClient("local");  // a Unix socket with the plugin
  local->port = 0;
  tracker_.OnConnect(0, local, now_);
  broker_.NewClient("other-local")->port = 0;       // one without
  mosquitto* kicked = broker_.NewClient("kicked");  // in another plugin's connect callback
  tracker_.OnEnd(kicked, 152, true, now_);
  mosquitto* will = broker_.NewClient("will");  // delayed: stays until it is sent
  will->version = 5;
  tracker_.OnConnect(0, will, now_);
  tracker_.OnEnd(will, 7, false, now_);
  Pass(absl::Seconds(3));
  EXPECT_EQ(repaired(), 0u);
  for (const char* id : {"bridge", "restored", "uncovered", "other-local"}) {
    EXPECT_EQ(StateOf(id), SessionState::kUnknown) << id;
  }
  EXPECT_EQ(StateOf("kicked"), SessionState::kOfflineSessionKept);
  EXPECT_EQ(StateOf("will"), SessionState::kOffline);
  // Once the will is sent the place is free for a connection that can be lost again.
  broker_.Free(will);
  Pass(absl::Seconds(2));
  EXPECT_EQ(broker_.NewClient("next"), will);
  Pass(absl::Seconds(2));
  EXPECT_EQ(StateOf("next"), SessionState::kOnline);
}

// Their CONNACK could not be written: the broker had entered them, and no connect was told.
TEST_F(SelfAuditTest, AConnectThatFailedIsNotTakenForAConnectionWhileItsWillIsDelayed) {
  Connect("door");
  mosquitto* failed = broker_.NewClient("will");
  failed->version = 5;
  tracker_.OnEnd(failed, 25, false, now_);
  mosquitto* kept = Connect("kept");
  tracker_.OnEnd(kept, 7, true, now_);
  Pass();
  mosquitto* at_its_place = broker_.Reuse(kept, "other-will");
  at_its_place->version = 5;
  tracker_.OnEnd(at_its_place, 25, false, now_);
  EXPECT_EQ(StateOf("kept"), SessionState::kOffline) << "expired";
  Pass(absl::Seconds(3));
  EXPECT_EQ(repaired(), 0u);
  EXPECT_EQ(StateOf("will"), SessionState::kUnknown);
  EXPECT_EQ(StateOf("other-will"), SessionState::kUnknown);
}

TEST_F(SelfAuditTest, ARefusedLoginWithTheIdOfAKeptSessionChangesNothing) {
  mosquitto* kept = Connect("lamp");
  tracker_.OnEnd(kept, 7, true, now_);
  mosquitto* refused = broker_.NewClient("lamp");
  refused->version = 5;
  broker_.SetInTable("lamp", kept);
  tracker_.OnEnd(refused, 11, false, now_);
  EXPECT_EQ(StateOf("lamp"), SessionState::kOfflineSessionKept);
  Pass(absl::Seconds(3));
  EXPECT_EQ(StateOf("lamp"), SessionState::kOfflineSessionKept);
  EXPECT_EQ(sink_.registry.Find("lamp").reason, EndReason::kNetworkError);
}

TEST_F(SelfAuditTest, ASessionThatAConnectThatFailedLeftIsKept) {
  const auto fail = [this](const std::string& id, bool clean) {
    mosquitto* failed = broker_.NewClient(id);
    failed->clean = clean;
    tracker_.OnEnd(failed, 7, true, now_);
    return failed;
  };
  mosquitto* first = fail("first", false);
  End(Connect("gone"));
  fail("gone", false);
  mosquitto* kept = Connect("kept");
  tracker_.OnEnd(kept, 0, true, now_);
  mosquitto* expired = Connect("expired");
  tracker_.OnEnd(expired, 0, true, now_);
  mosquitto* at_its_place = broker_.Reuse(expired, "new");
  tracker_.OnEnd(at_its_place, 7, true, now_);
  Pass(absl::Seconds(3));
  EXPECT_EQ(repaired(), 0u);
  for (const char* id : {"first", "gone", "kept", "new"}) {
    EXPECT_EQ(StateOf(id), SessionState::kOfflineSessionKept) << id;
  }
  EXPECT_EQ(StateOf("expired"), SessionState::kOffline);
  registry::SessionDetails details;
  ASSERT_TRUE(sink_.registry.FindDetails("gone", &details));
  EXPECT_EQ(details.connects, 1u) << "one that failed is none";
  EXPECT_EQ(details.session_created_at, kStart);

  // Went on with the session that was kept.
  tracker_.OnEnd(kept, 142, false, now_);
  const mosquitto* heir = fail("kept", false);
  ASSERT_TRUE(sink_.registry.FindDetails("kept", &details));
  EXPECT_EQ(details.status.state, SessionState::kOfflineSessionKept);
  EXPECT_EQ(details.status.reason, EndReason::kClientDisconnect) << "of the last connection";
  EXPECT_EQ(tracker_.Find(heir)->incarnation, details.incarnation);
  // Gone with a clean start that failed.
  tracker_.OnEnd(first, 142, false, now_);
  mosquitto* clean = broker_.NewClient("first");
  tracker_.OnEnd(clean, 3, false, now_);
  EXPECT_EQ(StateOf("first"), SessionState::kOffline);
  EXPECT_EQ(sink_.registry.Find("first").reason, EndReason::kTakenOver);
  // There was none any more.
  fail("kept", false);
  ASSERT_TRUE(sink_.registry.FindDetails("kept", &details));
  EXPECT_EQ(details.session_created_at, now_);
  EXPECT_EQ(details.status.reason, EndReason::kNetworkError);
}

TEST_F(SelfAuditTest, OnlineSessionsThatTheBrokerMayOnlyKeepAreCountedAsUndecidable) {
  Connect("decidable");
  mosquitto* persistent = broker_.NewClient("persistent");
  persistent->clean = false;
  tracker_.OnConnect(0, persistent, now_);
  mosquitto* newer = broker_.NewClient("mqtt5");
  newer->version = 5;
  tracker_.OnConnect(0, newer, now_);
  Pass(absl::Milliseconds(2500));
  EXPECT_EQ(audit_.figures().undecidable.value(), 2u);
}

TEST_F(SelfAuditTest, ATickLooksAtOneSliceAtMost) {
  for (int i = 0; i < 5000; ++i) Connect(absl::StrCat("c", i));
  now_ += absl::Hours(1);  // far behind: no reason to hurry
  for (int tick = 0; tick < 20; ++tick) {
    const uint64_t before = audit_.figures().checks.value();
    audit_.OnTick(now_);
    EXPECT_LE(audit_.figures().checks.value() - before, 100u + 32u) << "a page more";
    now_ += absl::Milliseconds(100);
  }
}

TEST_F(SelfAuditTest, AWalkStopsAtItsLimitAndSaysSo) {
  for (int i = 0; i < 1500; ++i) Connect(absl::StrCat("c", i));
  Pass(absl::Seconds(5));
  EXPECT_EQ(audit_.figures().walked_clients.value(), 1000u);
  EXPECT_EQ(audit_.figures().walk_complete.value(), 0u);
  EXPECT_EQ(repaired(), 0u);
}

TEST_F(SelfAuditTest, AThousandLostEventsAreRepairedAndTheLogStaysShort) {
  std::vector<mosquitto*> clients;
  for (int i = 0; i < 600; ++i) clients.push_back(Connect(absl::StrCat("c", i)));
  for (mosquitto* client : clients) broker_.Free(client);
  for (int i = 0; i < 400; ++i) {
    broker_.NewClient(absl::StrCat("d", i))->address = absl::StrCat("10.0.", i / 256, ".", i % 256);
  }
  Pass(absl::Minutes(1));
  for (int i = 0; i < 600; ++i) {
    EXPECT_EQ(StateOf(absl::StrCat("c", i)), SessionState::kOffline) << i;
  }
  for (int i = 0; i < 400; ++i) {
    EXPECT_EQ(StateOf(absl::StrCat("d", i)), SessionState::kOnline) << i;
  }
  EXPECT_EQ(audit_.figures().repaired_ends.value(), 600u);
  EXPECT_EQ(audit_.figures().repaired_connects.value(), 400u);
  EXPECT_THAT(broker_.log, SizeIs(10));
}

// Random events, one in ten of them lost: at rest, one period later, the registry is the table.
TEST_F(SelfAuditTest, WhateverIsLostTheRegistryBecomesTheTable) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    std::mt19937_64 rng(seed);
    const auto id = [&] { return absl::StrCat("s", seed, "-", rng() % 40); };
    Connect(absl::StrCat("s", seed, "-door"));  // the listener is known
    for (int step = 0; step < 500; ++step) {
      const bool lost = rng() % 10 == 0;
      const std::string name = id();
      mosquitto* const current = broker_.Find(name);
      if (current != nullptr) {
        if (!lost) tracker_.OnEnd(current, rng() % 2 == 0 ? 7 : 142, false, now_);
        broker_.Free(current);
      }
      if (rng() % 2 == 0) {
        mosquitto* const next = broker_.NewClient(name);
        next->address = absl::StrCat("10.0.", rng() % 256, ".", rng() % 256);
        if (rng() % 10 != 0) tracker_.OnConnect(0, next, now_);
      }
      tracker_.OnLoopRound([this] { return now_; });
      if (rng() % 20 == 0) Pass(absl::Milliseconds(100));
    }
    Pass(absl::Seconds(10));
    for (int i = 0; i < 40; ++i) {
      const std::string name = absl::StrCat("s", seed, "-", i);
      EXPECT_EQ(StateOf(name) == SessionState::kOnline, broker_.Find(name) != nullptr) << name;
    }
    sink_.registry.CheckInvariantsForTest();
  }
}

TEST_F(SelfAuditTest, SwitchedOffItDoesNothing) {
  SelfAudit off(sink_.registry, tracker_, log_, {.period = absl::ZeroDuration()});
  off.set_line(BrokerLine::kV21);
  broker_.Free(Connect("lamp"));
  for (int i = 0; i < 100; ++i) off.OnTick(now_ += absl::Seconds(1));
  EXPECT_FALSE(off.enabled());
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
}

// -- Mosquitto 2.0: no table to look into ---------------------------------------------------------

class SelfAudit20Test : public SelfAuditTest {
 protected:
  SelfAudit20Test() : SelfAuditTest(FakeBroker::k20) {}
  mosquitto* Login(const std::string& id) {
    mosquitto* client = broker_.NewClient(id);
    tracker_.OnLogin(0, client, now_);
    tracker_.OnLoopRound([this] { return now_; });
    return client;
  }
};

TEST_F(SelfAudit20Test, TheRegistryIsComparedWithWhatIsFollowed) {
  Login("door");
  mosquitto* gone = Login("gone");
  tracker_.OnEndWithoutReason(gone, now_);
  // Online in the registry, followed by nobody.
  SessionEvent ghost;
  ghost.client_id = "ghost";
  ghost.incarnation = 2;
  ghost.time = now_;
  sink_.registry.Apply(ghost);
  sink_.refuse = "lamp";
  Login("lamp");
  Login("lamp2");
  sink_.refuse.clear();
  Pass(absl::Seconds(3));
  EXPECT_EQ(StateOf("ghost"), SessionState::kOffline);
  EXPECT_EQ(StateOf("door"), SessionState::kOnline);
  EXPECT_EQ(StateOf("lamp2"), SessionState::kOnline);
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
  EXPECT_EQ(repaired(), 2u);
  EXPECT_EQ(audit_.figures().walks.value(), 0u);
}

TEST_F(SelfAudit20Test, WhoConnectsWhileAPassIsUnderWayIsLeftAlone) {
  Login("door");
  for (int tick = 0; tick < 100 && audit_.figures().passes.value() == 0; ++tick) {
    Pass(absl::Milliseconds(100));
  }
  ASSERT_EQ(audit_.figures().passes.value(), 1u) << "the next pass has begun and seen nobody yet";
  for (const char* id : {"first", "second"}) Login(id);
  Pass(absl::Seconds(3));
  for (const char* id : {"door", "first", "second"}) {
    EXPECT_EQ(StateOf(id), SessionState::kOnline) << id;
  }
  EXPECT_EQ(repaired(), 0u);
}

// Whatever made the registry believe that a later connection has come and gone. One over TLS
// WebSockets that was taken over looks the same until its end is told.
TEST_F(SelfAudit20Test, AConnectionThatStaysWhileALaterOneHasEndedIsToldAnew) {
  mosquitto* lamp = Login("lamp");
  mosquitto* later = Login("lamp");
  tracker_.OnEndWithoutReason(later, now_);
  Pass(absl::Seconds(6));
  EXPECT_EQ(StateOf("lamp"), SessionState::kOffline);
  EXPECT_EQ(repaired(), 0u);
  Pass(absl::Seconds(8));
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
  EXPECT_EQ(audit_.figures().repaired_connects.value(), 1u);
  Pass(absl::Seconds(20));
  EXPECT_EQ(StateOf("lamp"), SessionState::kOnline);
  EXPECT_EQ(repaired(), 1u);
  tracker_.OnEndWithoutReason(lamp, now_);
  EXPECT_EQ(StateOf("lamp"), SessionState::kOffline);
}

// It has an incarnation of before the pass, and is told of in its course.
TEST_F(SelfAudit20Test, WhoIsWaitingWhenAPassBeginsIsLeftAlone) {
  Login("door");
  for (int tick = 0; tick < 100 && audit_.figures().passes.value() == 0; ++tick) {
    mosquitto* page = broker_.NewClient(absl::StrCat("page", tick));
    page->protocol = mp_websockets;
    tracker_.OnLogin(0, page, now_);
    Pass(absl::Milliseconds(100));
  }
  ASSERT_EQ(audit_.figures().passes.value(), 1u);
  Pass(absl::Seconds(3));
  EXPECT_EQ(repaired(), 0u);
  EXPECT_EQ(sink_.registry.Counts().ends_by_reason[static_cast<size_t>(EndReason::kUnknown)], 0u);
}

}  // namespace
}  // namespace session_status::broker
