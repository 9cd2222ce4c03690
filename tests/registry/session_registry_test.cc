#include "registry/session_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace session_status::registry {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

SessionEvent Connected(absl::string_view id, uint64_t incarnation) {
  SessionEvent e;
  e.kind = SessionEvent::Kind::kConnected;
  e.client_id = id;
  e.incarnation = incarnation;
  e.time = absl::FromUnixSeconds(1000);
  return e;
}

TEST(SessionRegistryTest, AClientThatConnectedIsOnline) {
  SessionRegistry registry;
  EXPECT_FALSE(registry.Find("a").online());
  EXPECT_EQ(registry.Apply(Connected("a", 1)).outcome, ApplyResult::Outcome::kApplied);
  EXPECT_TRUE(registry.Find("a").online());
}

TEST(SessionRegistryTest, AnEndOfAnOlderIncarnationChangesNothing) {
  SessionRegistry registry;
  registry.Apply(Connected("a", 1));
  registry.Apply(Connected("a", 2));
  SessionEvent end;
  end.kind = SessionEvent::Kind::kEnded;
  end.client_id = "a";
  end.incarnation = 1;
  end.reason = EndReason::kTakenOver;
  EXPECT_EQ(registry.Apply(end).outcome, ApplyResult::Outcome::kStale);
  EXPECT_TRUE(registry.Find("a").online());
}

SessionEvent Ended(absl::string_view id, uint64_t incarnation) {
  SessionEvent e;
  e.kind = SessionEvent::Kind::kEnded;
  e.client_id = id;
  e.incarnation = incarnation;
  e.reason = EndReason::kClientDisconnect;
  e.time = absl::FromUnixSeconds(1000);
  return e;
}

// When the session of a client began that was online, or whose session was kept, before it
// connected again a minute later.
struct Return {
  ProtocolVersion protocol;
  bool clean_before, clean_now, kept_between;
  enum { kNow, kThen, kNotKnown } since;
  bool found_no_session = false;
};

TEST(SessionRegistryTest, ASessionBeginsWhereTheClientLeavesNoOther) {
  using R = Return;
  constexpr auto k5 = ProtocolVersion::kMqtt5;
  constexpr auto k3 = ProtocolVersion::kMqtt311;
  constexpr Return kReturns[] = {
      {k3, false, false, false, R::kThen},
      {k3, false, false, true, R::kThen},
      {k3, false, true, false, R::kNow},
      {k3, false, true, true, R::kNow},
      {k3, true, false, false, R::kNow},
      {ProtocolVersion::kMqtt31, true, false, false, R::kNow},
      {k5, true, false, true, R::kThen},
      {k5, false, true, true, R::kNow},
      {k5, true, true, false, R::kNow},
      // Of a connection that is taken over nobody knows whether its session was to outlive it.
      {k5, true, false, false, R::kNotKnown},
      {k5, false, false, false, R::kNotKnown},
      {k5, false, false, false, R::kNotKnown, true},
      // It had expired, which nobody told.
      {k5, false, false, true, R::kNow, true},
      {k3, false, false, true, R::kNow, true},
      // Of who is online a broker may tell the end later.
      {k3, false, false, false, R::kThen, true},
  };
  for (const Return& r : kReturns) {
    SessionRegistry registry;
    SessionEvent e = Connected("a", 1);
    e.connection.protocol_version = r.protocol;
    e.connection.clean_start = r.clean_before;
    registry.Apply(e);
    if (r.kept_between) {
      SessionEvent end = Ended("a", 1);
      end.session_kept = true;
      registry.Apply(end);
    }
    const absl::Time first = e.time;
    e.incarnation = 2;
    e.time += absl::Minutes(1);
    e.connection.clean_start = r.clean_now;
    e.found_no_session = r.found_no_session;
    registry.Apply(e);
    SessionDetails details;
    ASSERT_TRUE(registry.FindDetails("a", &details));
    EXPECT_EQ(details.session_created_at, r.since == R::kNow    ? e.time
                                          : r.since == R::kThen ? first
                                                                : absl::InfinitePast())
        << "row " << &r - kReturns;
  }
}

// On Mosquitto 2.0. `before` of a client that was never seen is kUnknown.
struct UntoldReturn {
  ProtocolVersion protocol;
  bool clean_before, clean_now;
  SessionState before;
  enum { kNow, kThen, kNotKnown } since;
  bool restored = false;
};

TEST(SessionRegistryTest, WhereTheBrokerTellsNoSessionItsBeginningIsStatedOnlyIfItIsKnown) {
  constexpr auto k5 = ProtocolVersion::kMqtt5;
  constexpr auto k3 = ProtocolVersion::kMqtt311;
  constexpr auto kUnknown = SessionState::kUnknown, kOffline = SessionState::kOffline,
                 kKept = SessionState::kOfflineSessionKept, kOnline = SessionState::kOnline;
  using R = UntoldReturn;
  constexpr UntoldReturn kReturns[] = {
      // A clean start is the beginning, whatever was before.
      {k5, false, true, kUnknown, R::kNow},
      {k5, false, true, kOffline, R::kNow},
      {k5, false, true, kOnline, R::kNow},
      {k3, false, true, kKept, R::kNow},
      // Of MQTT 5 the broker may have kept it.
      {k5, true, false, kOffline, R::kNotKnown},
      {k5, false, false, kOffline, R::kNotKnown},
      {k5, true, false, kOnline, R::kNotKnown},
      // It may be from before the broker's start, or forgotten here.
      {k5, false, false, kUnknown, R::kNotKnown},
      {k3, false, false, kUnknown, R::kNotKnown},
      {k3, false, false, kOffline, R::kNotKnown, true},
      {k3, true, false, kOffline, R::kNotKnown, true},
      // Before MQTT 5 the client says what is kept.
      {k3, true, false, kOffline, R::kNow},
      {k3, true, false, kOnline, R::kNow},
      {k3, false, false, kOnline, R::kThen},
      {k3, false, false, kKept, R::kThen},
  };
  for (const UntoldReturn& r : kReturns) {
    SCOPED_TRACE(absl::StrCat("row ", &r - kReturns));
    SessionRegistry registry;
    SessionEvent e = Connected("a", 1);
    const absl::Time first = e.time;
    e.connection.protocol_version = r.protocol;
    e.connection.clean_start = r.clean_before;
    if (r.restored) {
      e.kind = SessionEvent::Kind::kRestored;
      e.state = r.before;
      e.connected_at = e.session_created_at = first;
    }
    if (r.before != SessionState::kUnknown) registry.Apply(e);
    if (!r.restored && r.before != SessionState::kUnknown && r.before != SessionState::kOnline) {
      SessionEvent end = Ended("a", 1);
      end.session_kept = r.before == SessionState::kOfflineSessionKept;
      registry.Apply(end);
    }
    e.kind = SessionEvent::Kind::kConnected;
    e.incarnation = 2;
    e.time += absl::Minutes(1);
    e.connection.clean_start = r.clean_now;
    e.session_not_told = true;
    registry.Apply(e);
    SessionDetails details;
    ASSERT_TRUE(registry.FindDetails("a", &details));
    EXPECT_EQ(details.session_created_at, r.since == R::kNow    ? e.time
                                          : r.since == R::kThen ? first
                                                                : absl::InfinitePast());
  }
}

SessionEvent Gone(absl::string_view id, uint64_t incarnation, absl::Time at) {
  SessionEvent e;
  e.kind = SessionEvent::Kind::kSessionGone;
  e.client_id = id;
  e.incarnation = incarnation;
  e.reason = EndReason::kSessionExpired;
  e.time = at;
  return e;
}

TEST(SessionRegistryTest, TheEndOfAKeptSessionIsNotTheEndOfItsConnection) {
  RegistryOptions options;
  options.ended_ttl = absl::Hours(2);
  SessionRegistry registry(options);
  const absl::Time end = Ended("a", 1).time;
  for (absl::Duration kept :
       {absl::ZeroDuration(), absl::Milliseconds(1), absl::Hours(1), absl::Hours(24 * 365 * 20)}) {
    SCOPED_TRACE(absl::FormatDuration(kept));
    registry.Apply(Connected("a", 1));
    SessionEvent ended = Ended("a", 1);
    ended.session_kept = true;
    registry.Apply(ended);
    ASSERT_EQ(registry.Apply(Gone("a", 1, end + kept)).after, SessionState::kOffline);
    registry.CheckInvariantsForTest();
    SessionDetails details;
    ASSERT_TRUE(registry.FindDetails("a", &details));
    EXPECT_EQ(details.status.reason, EndReason::kSessionExpired);
    EXPECT_EQ(details.disconnected_at, end);
    EXPECT_EQ(details.ended_not_before, absl::InfinitePast());
    // It is remembered from its session's end on, up to what 32 bits hold.
    const absl::Duration remembered = std::min(kept, absl::Hours(24 * 365 * 8));
    EXPECT_EQ(registry.Maintain(end + remembered + absl::Hours(2) - absl::Milliseconds(64), 10),
              0u);
    EXPECT_EQ(registry.Maintain(end + kept + absl::Hours(2), 10), 1u);
  }
}

TEST(SessionRegistryTest, AnEndThatIsKnownAsAnIntervalStaysOneWhenTheSessionEnds) {
  SessionRegistry registry;
  SessionEvent restored = Connected("a", 7);
  restored.kind = SessionEvent::Kind::kRestored;
  restored.state = SessionState::kOfflineSessionKept;
  restored.reason = EndReason::kBrokerRestart;
  restored.ended_not_before = restored.time - absl::Seconds(64);
  registry.Apply(restored);
  registry.Apply(Gone("a", 7, restored.time + absl::Hours(1)));
  SessionDetails details;
  ASSERT_TRUE(registry.FindDetails("a", &details));
  EXPECT_EQ(details.status.state, SessionState::kOffline);
  EXPECT_EQ(details.disconnected_at, restored.time);
  EXPECT_EQ(details.ended_not_before, restored.ended_not_before);
  // Its next connection ends when it ends.
  registry.Apply(Connected("a", 8));
  registry.CheckInvariantsForTest();
  SessionEvent ended = Ended("a", 8);
  ended.time = restored.time + absl::Hours(3);
  registry.Apply(ended);
  ASSERT_TRUE(registry.FindDetails("a", &details));
  EXPECT_EQ(details.disconnected_at, ended.time);
  EXPECT_EQ(details.ended_not_before, absl::InfinitePast());
  EXPECT_EQ(details.connects, 1u);
}

TEST(SessionRegistryTest, WhereNobodyKnowsTheEndOfTheConnectionTheSessionsEndIsNotItsStandIn) {
  RegistryOptions options;
  options.ended_ttl = absl::Hours(2);
  SessionRegistry registry(options);
  SessionEvent restored = Connected("a", 7);
  restored.kind = SessionEvent::Kind::kRestored;
  restored.state = SessionState::kOfflineSessionKept;
  restored.time = restored.connected_at = restored.session_created_at = absl::InfinitePast();
  registry.Apply(restored);
  const absl::Time gone = absl::FromUnixSeconds(1'700'000'000);
  registry.Apply(Gone("a", 7, gone));
  SessionDetails details;
  ASSERT_TRUE(registry.FindDetails("a", &details));
  EXPECT_EQ(details.status.state, SessionState::kOffline);
  EXPECT_EQ(details.disconnected_at, absl::InfinitePast());
  EXPECT_EQ(registry.Maintain(gone + absl::Hours(1), 10), 0u);
  EXPECT_EQ(registry.Maintain(gone + absl::Hours(2), 10), 1u);
}

TEST(SessionRegistryTest, EventsThatNoBrokerSendsChangeNothing) {
  SessionRegistry registry;
  registry.Apply(Connected("a", 5));
  std::vector<SessionEvent> bad;
  bad.push_back(Connected("a", 0));
  bad.push_back(Connected("a", uint64_t{1} << 48));
  const std::string too_long(65536, 'x');
  bad.push_back(Connected(too_long, 6));
  bad.push_back(Connected("a", 6));
  bad.back().connection.username = too_long;
  bad.push_back(Connected("a", 6));
  bad.back().kind = SessionEvent::Kind::kRestored;
  bad.back().state = SessionState::kOnline;
  bad.push_back(Connected("a", 6));
  bad.back().kind = static_cast<SessionEvent::Kind>(17);
  for (const SessionEvent& e : bad) {
    EXPECT_EQ(registry.Apply(e).outcome, ApplyResult::Outcome::kStale);
  }
  EXPECT_EQ(registry.Counts().stale_events, bad.size());
  EXPECT_EQ(registry.sequence(), 1u);
  EXPECT_FALSE(registry.Find(too_long).online());
  SessionStatus answer;
  registry.QuerySnapshot({absl::string_view(too_long)}, absl::MakeSpan(&answer, 1));
  EXPECT_EQ(answer.state, SessionState::kUnknown);
  registry.CheckInvariantsForTest();
}

TEST(SessionRegistryTest, ValuesOutsideTheirEnumsAreTakenForUnknown) {
  SessionRegistry registry;
  SessionEvent e = Connected("a", 1);
  e.connection.protocol_version = static_cast<ProtocolVersion>(200);
  e.connection.transport = static_cast<Transport>(200);
  registry.Apply(e);
  e = Ended("a", 1);
  e.reason = static_cast<EndReason>(250);
  registry.Apply(e);
  SessionDetails details;
  ASSERT_TRUE(registry.FindDetails("a", &details));
  EXPECT_EQ(details.status.reason, EndReason::kUnknown);
  EXPECT_EQ(details.protocol_version, ProtocolVersion::kUnknown);
  EXPECT_EQ(details.transport, Transport::kUnknown);
  registry.CheckInvariantsForTest();
}

TEST(SessionRegistryTest, AFullRegistryRefusesNewClientsAndServesTheOthers) {
  RegistryOptions options;
  options.sessions_max = 100;
  SessionRegistry registry(options);
  uint64_t incarnation = 0;
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(registry.Apply(Connected(absl::StrCat("c", i), ++incarnation)).outcome,
              ApplyResult::Outcome::kApplied);
  }
  const ApplyResult refused = registry.Apply(Connected("one more", ++incarnation));
  EXPECT_EQ(refused.outcome, ApplyResult::Outcome::kOutOfMemory);
  EXPECT_EQ(refused.after, SessionState::kUnknown);
  EXPECT_EQ(registry.Counts().out_of_memory, 1u);
  EXPECT_EQ(registry.Apply(Ended("c0", 1)).outcome, ApplyResult::Outcome::kApplied);
  registry.CheckInvariantsForTest();
  // Room is made by forgetting.
  registry.Maintain(absl::FromUnixSeconds(1'000'000), 10);
  EXPECT_EQ(registry.Apply(Connected("one more", ++incarnation)).outcome,
            ApplyResult::Outcome::kApplied);
}

TEST(SessionRegistryTest, AClientThatIsRefusedForWantOfRoomTakesNone) {
  RegistryOptions options;
  options.sessions_max = 100;
  options.ended_max = 0;
  SessionRegistry registry(options);
  uint64_t incarnation = 0;
  for (int i = 0; i < 100; ++i) registry.Apply(Connected(absl::StrCat("c", i), ++incarnation));
  const auto connect = [&](uint32_t number) {
    const std::string id = absl::StrCat("late-", number);
    const std::string username = absl::StrCat("user-", number);
    const std::string address = absl::StrCat("2001:db8::1:", absl::Hex(number % 0xffff + 1));
    SessionEvent e = Connected(id, ++incarnation);
    e.connection.username = username;
    e.connection.address = address;
    return registry.Apply(e).outcome;
  };
  // More than there is room for user names and addresses.
  for (uint32_t i = 0; i < 100'000; ++i) {
    ASSERT_EQ(connect(i), ApplyResult::Outcome::kOutOfMemory);
  }
  registry.Apply(Ended("c0", 1));
  registry.Maintain(absl::FromUnixSeconds(1000), 10);
  EXPECT_EQ(connect(100'000), ApplyResult::Outcome::kApplied);
  registry.CheckInvariantsForTest();
}

// What the plugin does after each event.
void ForgetWhatMust(SessionRegistry* registry) {
  if (registry->MustForget()) registry->Maintain(absl::FromUnixSeconds(1000), 32);
}

TEST(SessionRegistryTest, NobodyIsRefusedBecauseOfVeryLongIdentifiersThatHaveEnded) {
  RegistryOptions options;
  options.sessions_max = 10'000;
  SessionRegistry registry(options);
  uint64_t incarnation = 0;
  const std::string filler(60'000, 'x');
  for (int i = 0; i < 2000; ++i) {
    const std::string flood = absl::StrCat(i, filler);
    SessionEvent e = Connected(flood, ++incarnation);
    const std::string username = absl::StrCat("user", flood);
    e.connection.username = username;
    ASSERT_EQ(registry.Apply(e).outcome, ApplyResult::Outcome::kApplied) << i;
    ForgetWhatMust(&registry);
    ASSERT_EQ(registry.Apply(Ended(flood, incarnation)).outcome, ApplyResult::Outcome::kApplied);
    ForgetWhatMust(&registry);
    if (i % 20 == 0) registry.PublishSnapshot(absl::FromUnixSeconds(i));
    const std::string id = absl::StrCat("plant-a/line-7/department-12/sensor-", i);
    ASSERT_EQ(registry.Apply(Connected(id, ++incarnation)).outcome, ApplyResult::Outcome::kApplied);
  }
  EXPECT_EQ(registry.Counts().out_of_memory, 0u);
  EXPECT_EQ(registry.Counts().names_left_out, 0u);
  EXPECT_EQ(registry.Counts().by_state[static_cast<int>(SessionState::kOnline)], 2000u);
  registry.CheckInvariantsForTest();
}

TEST(SessionRegistryTest, NobodyIsRefusedBecauseOfThoseThatHaveEnded) {
  RegistryOptions options;
  options.sessions_max = 1000;  // and a million ended ones may be remembered
  SessionRegistry registry(options);
  uint64_t incarnation = 0;
  for (int i = 0; i < 500; ++i) registry.Apply(Connected(absl::StrCat("stays", i), ++incarnation));
  for (int i = 0; i < 20'000; ++i) {
    const std::string id = absl::StrCat("once", i);
    ASSERT_EQ(registry.Apply(Connected(id, ++incarnation)).outcome, ApplyResult::Outcome::kApplied)
        << i;
    registry.Apply(Ended(id, incarnation));
    ForgetWhatMust(&registry);
    // The cut shows what is forgotten after it, so that slots stay in use.
    if (i % 2000 == 0) registry.PublishSnapshot(absl::FromUnixSeconds(i));
  }
  EXPECT_GT(registry.Counts().by_state[static_cast<int>(SessionState::kOffline)], 400u);
  registry.CheckInvariantsForTest();
}

TEST(SessionRegistryTest, AClientIsFollowedWithoutTheUserNameThatThereIsNoRoomFor) {
  RegistryOptions options;
  options.sessions_max = 1000;
  SessionRegistry registry(options);
  uint64_t incarnation = 0;
  const auto connect = [&](absl::string_view id, absl::string_view username,
                           absl::string_view address) {
    SessionEvent e = Connected(id, ++incarnation);
    e.connection.username = username;
    e.connection.address = address;
    return registry.Apply(e).outcome;
  };
  const std::string filler(65'000, 'u');
  for (int i = 0; registry.Counts().names_left_out == 0; ++i) {
    ASSERT_LT(i, 1000);
    ASSERT_EQ(connect(absl::StrCat("fills", i), absl::StrCat(i, filler), "192.0.2.1"),
              ApplyResult::Outcome::kApplied);
  }
  ASSERT_EQ(connect("client", absl::StrCat("me", filler), absl::StrCat("a pipe", filler)),
            ApplyResult::Outcome::kApplied);
  EXPECT_EQ(registry.Counts().names_left_out, 3u);
  EXPECT_EQ(registry.Counts().out_of_memory, 0u);
  SessionDetails details;
  ASSERT_TRUE(registry.FindDetails("client", &details));
  EXPECT_TRUE(details.status.online());
  EXPECT_EQ(details.username, "");
  EXPECT_EQ(details.address, "");
  registry.CheckInvariantsForTest();
}

TEST(SessionRegistryTest, RoomIsForAllSessionsThatWereAskedFor) {
  for (const uint64_t sessions : {1'000, 10'000, 100'000}) {
    SessionRegistry registry({.sessions_max = sessions});
    EXPECT_EQ(registry.sessions_max(), sessions);
    for (uint64_t i = 1; i <= sessions; ++i) {
      ASSERT_EQ(registry.Apply(Connected(absl::StrCat("client-", i), i)).outcome,
                ApplyResult::Outcome::kApplied)
          << i << " of " << sessions;
    }
    registry.CheckInvariantsForTest();
  }
}

TEST(SessionRegistryTest, MemoryStaysBoundedWhenClientsComeAndGoForEver) {
  // Never the same client twice, and no snapshot is published in between: what came and went
  // between two cuts must not pile up, however long the refresh interval.
  RegistryOptions options;
  options.ended_max = 1000;
  SessionRegistry registry(options);
  size_t settled = 0;
  for (uint64_t i = 1; i <= 60'000; ++i) {
    // A long identifier and a user name of its own, so that all stores take part.
    const std::string id = absl::StrCat("a client that is never seen again, number ", i);
    SessionEvent e = Connected(id, i);
    const std::string username = absl::StrCat("a user with a long name, number ", i);
    e.connection.username = username;
    ASSERT_EQ(registry.Apply(e).outcome, ApplyResult::Outcome::kApplied);
    registry.Apply(Ended(id, i));
    registry.Maintain(absl::FromUnixSeconds(1000), 2);
    if (i == 20'000) settled = registry.MemoryBytes();
  }
  EXPECT_EQ(registry.Counts().by_state[static_cast<int>(SessionState::kOffline)], 1000u);
  EXPECT_LE(registry.MemoryBytes(), settled + settled / 10);
  registry.CheckInvariantsForTest();
}

// Whatever the sizes at which it stops: pages, chunks and segments are filled and split in phases.
TEST(SessionRegistryTest, ATableThatGrewTakesLittleMoreThanItsRecords) {
  constexpr double kRecordBytes = 64 + 56;
  RegistryOptions options;
  options.huge_pages = false;  // which MemoryBytes() counts as a whole
  SessionRegistry registry(options);
  for (uint64_t i = 1; i <= 200'000; ++i) {
    ASSERT_EQ(registry.Apply(Connected(absl::StrCat("client-", i), i)).outcome,
              ApplyResult::Outcome::kApplied);
    if (i >= 50'000 && i % 10'000 == 0) {
      const double each = static_cast<double>(registry.MemoryBytes()) / static_cast<double>(i);
      EXPECT_LE(each, kRecordBytes * 1.15) << "with " << i << " sessions";
    }
  }
  registry.CheckInvariantsForTest();
}

TEST(SessionRegistryTest, TheMemoryOfVeryLongTextsIsGivenBackWhenTheirClientIsForgotten) {
  RegistryOptions options;
  options.sessions_max = 1000;  // room for some 2 MiB of such texts
  options.ended_max = 0;
  SessionRegistry registry(options);
  for (uint64_t i = 1; i <= 200; ++i) {
    const std::string id = absl::StrCat(i, std::string(65'000, 'x'));
    const std::string username = absl::StrCat(i, std::string(65'000, 'u'));
    SessionEvent e = Connected(id, i);
    e.connection.username = username;
    ASSERT_EQ(registry.Apply(e).outcome, ApplyResult::Outcome::kApplied) << i;
    registry.Apply(Ended(id, i));
    ASSERT_EQ(registry.Maintain(absl::FromUnixSeconds(1000), 10), 1u);
  }
  EXPECT_EQ(registry.Counts().long_id_bytes, 0u);
  registry.CheckInvariantsForTest();
}

// Whatever is packed must come back letter for letter.
TEST(SessionRegistryTest, AnAddressIsAnsweredInTheLettersThatTheBrokerGave) {
  SessionRegistry registry;
  uint64_t incarnation = 0;
  for (const absl::string_view address :
       {"", "192.0.2.7", "192.0.2.07", "192.0.2.256", "::1", "2001:db8::1", "2001:DB8::1",
        "2001:db8:0:0:0:0:0:1", "2001:db8::0001", "::ffff:192.0.2.7", "::FFFF:192.0.2.7",
        "::ffff:c000:207", "fe80::1%eth0", "a proxy with a name"}) {
    SessionEvent e = Connected("a", ++incarnation);
    e.connection.address = address;
    ASSERT_EQ(registry.Apply(e).outcome, ApplyResult::Outcome::kApplied);
    SessionDetails details;
    ASSERT_TRUE(registry.FindDetails("a", &details));
    EXPECT_EQ(details.address, address);
  }
}

TEST(SessionRegistryTest, AForgottenSessionStaysInTheCutThatShowedIt) {
  SessionRegistry registry;
  registry.Apply(Connected("a", 1));
  registry.Apply(Ended("a", 1));
  registry.PublishSnapshot(absl::FromUnixSeconds(1));
  EXPECT_EQ(registry.Maintain(absl::FromUnixSeconds(1'000'000), 10), 1u);
  registry.Maintain(absl::FromUnixSeconds(1'000'000), 10);
  SessionStatus answer;
  registry.QuerySnapshot({"a"}, absl::MakeSpan(&answer, 1));
  EXPECT_EQ(answer.state, SessionState::kOffline);
  EXPECT_EQ(registry.Find("a").state, SessionState::kUnknown);
  registry.PublishSnapshot(absl::FromUnixSeconds(2));
  registry.QuerySnapshot({"a"}, absl::MakeSpan(&answer, 1));
  EXPECT_EQ(answer.state, SessionState::kUnknown);
}

TEST(SessionRegistryTest, UntilTheFirstRefreshTheSnapshotIsEmptyAndSaysSo) {
  SessionRegistry registry;
  registry.Apply(Connected("a", 1));
  SessionStatus answer;
  const SnapshotInfo info = registry.QuerySnapshot({"a"}, absl::MakeSpan(&answer, 1));
  EXPECT_EQ(answer.state, SessionState::kUnknown);
  EXPECT_EQ(info.sequence, 0u);
  EXPECT_EQ(info.taken_at, absl::InfinitePast());
}

TEST(SessionRegistryTest, ABatchAnswersInRequestOrderAndKeepsDuplicates) {
  SessionRegistry registry;
  uint64_t incarnation = 0;
  std::vector<std::string> ids;
  for (int i = 0; i < 10'000; ++i) {
    ids.push_back(absl::StrCat("client", i % 7'000));
    if (i < 7'000 && i % 3 == 0) registry.Apply(Connected(ids.back(), ++incarnation));
  }
  registry.PublishSnapshot(absl::FromUnixSeconds(1));
  const std::vector<absl::string_view> views(ids.begin(), ids.end());
  std::vector<SessionStatus> answers(ids.size());
  registry.QuerySnapshot(views, absl::MakeSpan(answers));
  for (size_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(answers[i].online(), i % 7'000 % 3 == 0) << i;
  }
}

TEST(SessionRegistryTest, CountsByGroupAndListenerFollowEveryChange) {
  SessionRegistry registry;
  SessionEvent e = Connected("GID_a@@@1", 1);
  e.connection.listener_port = 1883;
  registry.Apply(e);
  e = Connected("GID_a@@@2", 2);
  e.connection.listener_port = 8883;
  registry.Apply(e);
  registry.Apply(Ended("GID_a@@@2", 2));
  const auto groups = registry.CountsByGroup();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[1].group, "GID_a");
  EXPECT_EQ(groups[1].by_state[static_cast<int>(SessionState::kOnline)], 1u);
  EXPECT_EQ(groups[1].by_state[static_cast<int>(SessionState::kOffline)], 1u);
  const auto listeners = registry.OnlineByListener();
  ASSERT_EQ(listeners.size(), 1u);
  EXPECT_EQ(listeners[0].listener_port, 1883);
  EXPECT_EQ(listeners[0].online, 1u);
}

// A status word has room for 4,095 cohorts (cohort_table.h); whoever connects after
// them is looked up in the details.
TEST(SessionRegistryTest, CountsAreExactForMoreListenersThanTheStatusWordCanName) {
  constexpr uint16_t kListeners = 6000;
  SessionRegistry registry;
  const auto id_of = [](uint16_t port) { return absl::StrCat("client", port); };
  for (uint16_t port = 1; port <= kListeners; ++port) {
    const std::string id = id_of(port);
    SessionEvent e = Connected(id, port);
    e.connection.listener_port = port;
    registry.Apply(e);
  }
  for (uint16_t port = 1; port <= kListeners; ++port) {
    if (port % 3 == 0) registry.Apply(Ended(id_of(port), port));
  }
  registry.CheckInvariantsForTest();
  const auto online = registry.OnlineByListener();
  ASSERT_EQ(online.size(), kListeners * 2 / 3);
  for (const ListenerCount& listener : online) {
    ASSERT_NE(listener.listener_port % 3, 0);
    ASSERT_EQ(listener.online, 1u);
  }
}

// Clients online by group; the group without a name is always there.
std::map<std::string, uint64_t> OnlineByGroup(const SessionRegistry& registry) {
  std::map<std::string, uint64_t> online;
  for (const GroupCounts& counts : registry.CountsByGroup()) {
    online[counts.group] = counts.by_state[static_cast<int>(SessionState::kOnline)];
  }
  return online;
}

TEST(SessionRegistryTest, CountsByGroupEndAGroupsNameAtTheFirstSeparator) {
  SessionRegistry registry;
  uint64_t incarnation = 0;
  for (const char* id : {"GID_a@@@lamp", "GID_a@@@lamp@@@2", "GID_b@@@@lamp", "@@@lamp",
                         "@@@GID_c@@@lamp", "lamp"}) {
    registry.Apply(Connected(id, ++incarnation));
  }
  EXPECT_THAT(OnlineByGroup(registry),
              ElementsAre(Pair("", 3u), Pair("GID_a", 2u), Pair("GID_b", 1u)));
}

TEST(SessionRegistryTest, CountsByGroupKnowNamesOfUpTo64Bytes) {
  SessionRegistry registry;
  const std::string longest(64, 'g');
  registry.Apply(Connected(absl::StrCat(longest, "@@@lamp"), 1));
  registry.Apply(Connected(absl::StrCat(longest, "g@@@lamp"), 2));
  EXPECT_THAT(OnlineByGroup(registry), ElementsAre(Pair("", 1u), Pair(longest, 1u)));
}

TEST(SessionRegistryTest, CountsByGroupHaveRoomFor4095GroupsAndForAnotherWhenOneHasGone) {
  RegistryOptions options;
  options.ended_max = 0;
  SessionRegistry registry(options);
  uint64_t incarnation = 0;
  for (int i = 1; i <= 4095; ++i) {
    registry.Apply(Connected(absl::StrCat("group-", i, "@@@lamp"), ++incarnation));
  }
  registry.Apply(Connected("too-late@@@lamp", ++incarnation));
  std::map<std::string, uint64_t> online = OnlineByGroup(registry);
  EXPECT_EQ(online.size(), 4096u);
  EXPECT_EQ(online["group-4095"], 1u);
  EXPECT_EQ(online[""], 1u) << "what finds no room is counted without a group";
  registry.Apply(Ended("group-7@@@lamp", 7));
  registry.Maintain(absl::FromUnixSeconds(1000), 10);
  registry.Apply(Connected("in-time@@@lamp", ++incarnation));
  online = OnlineByGroup(registry);
  EXPECT_EQ(online["in-time"], 1u);
  EXPECT_EQ(online[""], 1u);
}

}  // namespace
}  // namespace session_status::registry
