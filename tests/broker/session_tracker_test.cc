#include "plugin/broker/session_tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugin/broker/end_reason.h"
#include "tests/testing/fake_broker.h"

namespace session_status::broker {
namespace {

using registry::EndReason;
using registry::SessionEvent;
using ::testing::ElementsAre;
using testing::FakeBroker;
using ::testing::IsEmpty;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

// Events as words: "connected lamp 1", "ended lamp 1 reason 4 code 7 kept", "gone lamp 1 reason 8".
class Recorder : public EventSink {
 public:
  void OnSessionEvent(const SessionEvent& event) override {
    if (out_of_memory) throw std::bad_alloc();
    last = event.connection;
    address = std::string(event.connection.address);
    username = std::string(event.connection.username);
    times.push_back(event.time);
    switch (event.kind) {
      case SessionEvent::Kind::kConnected:
        words.push_back(absl::StrCat("connected ", event.client_id, " ", event.incarnation));
        found_no_session = event.found_no_session;
        session_not_told = event.session_not_told;
        break;
      case SessionEvent::Kind::kEnded:
        words.push_back(absl::StrCat("ended ", event.client_id, " ", event.incarnation, " reason ",
                                     static_cast<int>(event.reason), " code ", event.broker_code,
                                     event.session_kept ? " kept" : ""));
        break;
      case SessionEvent::Kind::kSessionGone:
        words.push_back(absl::StrCat("gone ", event.client_id, " ", event.incarnation, " reason ",
                                     static_cast<int>(event.reason)));
        break;
      case SessionEvent::Kind::kRestored:
        words.push_back(absl::StrCat("restored ", event.client_id, " ", event.incarnation));
        break;
    }
  }
  std::vector<std::string> Take() { return std::exchange(words, {}); }

  std::vector<std::string> words;
  std::vector<absl::Time> times;
  registry::Connection last;
  std::string address;
  std::string username;
  bool found_no_session = false;  // of the last connect
  bool session_not_told = false;  // likewise
  bool out_of_memory = false;
};

// -- Mosquitto 2.1 --------------------------------------------------------------------------------

class SessionTracker21Test : public ::testing::Test {
 protected:
  void Connect(mosquitto* client, int instance = 0) {
    tracker_.OnConnect(instance, client, kStart);
  }
  void End(mosquitto* client, int reason) { tracker_.OnEnd(client, reason, false, kStart); }
  void Offline(mosquitto* client, int reason) { tracker_.OnEnd(client, reason, true, kStart); }
  void Round() {
    tracker_.OnLoopRound([] { return kStart; });
  }

  FakeBroker broker_{FakeBroker::k21};
  Recorder events_;
  SessionTracker tracker_{events_, 1};
};

TEST_F(SessionTracker21Test, TellsAConnectWithWhatTheBrokerKnowsAboutIt) {
  mosquitto* client = broker_.NewClient("lamp");
  client->address = "192.0.2.7";
  client->username = "anna";
  client->port = 8883;
  client->keepalive = 30;
  client->version = 5;
  client->protocol = mp_websockets;
  client->clean = false;
  Connect(client);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1"));
  EXPECT_EQ(events_.address, "192.0.2.7");
  EXPECT_EQ(events_.username, "anna");
  EXPECT_EQ(events_.last.listener_port, 8883);
  EXPECT_EQ(events_.last.keepalive_s, 30);
  EXPECT_EQ(events_.last.protocol_version, registry::ProtocolVersion::kMqtt5);
  EXPECT_EQ(events_.last.transport, registry::Transport::kWebSockets);
  EXPECT_FALSE(events_.last.clean_start);
  EXPECT_EQ(events_.times, std::vector<absl::Time>{kStart});
}

TEST_F(SessionTracker21Test, NumbersConnectionsInOneRisingSequenceFromTheGivenStart) {
  SessionTracker tracker(events_, 500);
  for (const char* id : {"a", "b", "c"}) tracker.OnConnect(0, broker_.NewClient(id), kStart);
  EXPECT_THAT(events_.words, ElementsAre("connected a 500", "connected b 501", "connected c 502"));
  EXPECT_EQ(tracker.next_incarnation(), 503u);
}

TEST_F(SessionTracker21Test, AdoptsASessionThatTheBrokerHeldBeforeItsStart) {
  mosquitto* held = broker_.NewClient("lamp");
  tracker_.StartAt(700);
  EXPECT_EQ(tracker_.AdoptHeld(held, "lamp", 42), 42u);
  EXPECT_EQ(tracker_.AdoptHeld(held, "lamp", 42), 0u) << "known already";
  EXPECT_THAT(events_.words, IsEmpty()) << "whoever adopts it tells of it";
  // The client returns: the broker tells the end of the held session, then the connect.
  mosquitto* back = broker_.NewClient("lamp");
  End(held, kReasonTakenOver);
  Connect(back);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 700"));
  EXPECT_EQ(tracker_.counters().unknown_ends.value(), 0u);
}

TEST_F(SessionTracker21Test, AnAdoptedSessionThatAnAdministratorRemovesIsGone) {
  mosquitto* held = broker_.NewClient("lamp");
  tracker_.StartAt(700);
  EXPECT_EQ(tracker_.AdoptHeld(held, "lamp", 0), 700u) << "of nobody knows which connection";
  End(held, 152);
  EXPECT_THAT(events_.Take(), ElementsAre("gone lamp 700 reason 9"));
  EXPECT_EQ(tracker_.next_incarnation(), 701u);
}

TEST_F(SessionTracker21Test, TranslatesTheReasonOfAnEnd) {
  mosquitto* client = broker_.NewClient("lamp");
  Connect(client);
  End(client, 7);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 4 code 7"));
}

TEST_F(SessionTracker21Test, AKeptSessionIsAnEndToo) {
  mosquitto* client = broker_.NewClient("lamp");
  Connect(client);
  Offline(client, 0);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 1 code 0 kept"));
}

TEST_F(SessionTracker21Test, ATakeoverShowsNoMomentOffline) {
  mosquitto* older = broker_.NewClient("lamp");
  Connect(older);
  End(older, 142);  // the broker ends the old one first …
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1"));
  mosquitto* newer = broker_.NewClient("lamp");
  Connect(newer);  // … and tells of the new one in the same call
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 2"));
}

TEST_F(SessionTracker21Test, ATakeoverWhoseNewConnectionIsRefusedEndsTheClientAtTheNextRound) {
  mosquitto* older = broker_.NewClient("lamp");
  Connect(older);
  End(older, 142);
  mosquitto* refused = broker_.NewClient("lamp");
  broker_.SetInTable("lamp", nullptr);
  End(refused, 3);  // global_max_clients: no connect event
  EXPECT_FALSE(tracker_.settled());
  Round();
  EXPECT_TRUE(tracker_.settled());
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 2 code 142"));
}

TEST_F(SessionTracker21Test, AClientThatConnectsMeanwhileDoesNotHideTheEndOfAnother) {
  mosquitto* older = broker_.NewClient("lamp");
  Connect(older);
  End(older, 142);
  mosquitto* refused = broker_.NewClient("lamp");
  broker_.SetInTable("lamp", nullptr);
  End(refused, 3);  // no connect event
  Connect(broker_.NewClient("door"));
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "connected door 2",
                                         "ended lamp 1 reason 2 code 142"));
}

// The broker has entered it in the old one's place, and then cannot write the CONNACK.
TEST_F(SessionTracker21Test, ATakeoverThatFailsBeforeItsConnectIsToldGoesOnWithTheSession) {
  mosquitto* older = broker_.NewClient("lamp");
  older->clean = false;
  Connect(older);
  mosquitto* failed = broker_.NewClient("lamp");
  failed->clean = false;
  for (int i = 0; i < 2; ++i) End(older, 142);  // told by two instances
  for (int i = 0; i < 2; ++i) Offline(failed, 7);
  EXPECT_TRUE(tracker_.settled());
  Round();
  EXPECT_THAT(events_.Take(),
              ElementsAre("connected lamp 1", "ended lamp 1 reason 2 code 142 kept"));
  mosquitto* back = broker_.NewClient("lamp");
  End(failed, 142);
  Connect(back);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 2"));
  EXPECT_FALSE(events_.found_no_session);
  EXPECT_EQ(tracker_.counters().tracked.value(), 1u);
}

TEST_F(SessionTracker21Test, ATakeoverThatFailsWithoutASessionEndsTheOldOne) {
  mosquitto* older = broker_.NewClient("lamp");
  Connect(older);
  mosquitto* failed = broker_.NewClient("lamp");
  End(older, 142);
  End(failed, 3);
  EXPECT_TRUE(tracker_.settled());
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1", "ended lamp 1 reason 2 code 142"));
  Connect(broker_.NewClient("lamp"));
  EXPECT_TRUE(events_.found_no_session) << "what was found was for the one that failed";
}

TEST_F(SessionTracker21Test, AConnectThatFailsWithACleanStartLeavesASessionOfItsOwn) {
  mosquitto* older = broker_.NewClient("lamp");
  older->clean = false;
  Connect(older);
  mosquitto* failed = broker_.NewClient("lamp");
  End(older, 142);
  Offline(failed, 7);
  EXPECT_THAT(events_.words,
              ElementsAre("connected lamp 1", "ended lamp 1 reason 2 code 142", "restored lamp 2"));
}

TEST_F(SessionTracker21Test, TheFirstConnectOfAllThatFailsMayLeaveASession) {
  mosquitto* failed = broker_.NewClient("lamp");
  failed->clean = false;
  Offline(failed, 7);
  Offline(failed, 7);  // told by a second instance
  EXPECT_THAT(events_.Take(), ElementsAre("restored lamp 1"));
  EXPECT_EQ(events_.address, "127.0.0.1");
  End(failed, 142);
  Connect(broker_.NewClient("lamp"));
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 2"));
}

TEST_F(SessionTracker21Test, AnOutgoingBridgeThatLosesItsLinkLeavesNoSession) {
  mosquitto* bridge = broker_.NewClient("bridge");
  bridge->has_address = false;
  Offline(bridge, 7);
  End(bridge, 7);
  EXPECT_THAT(events_.words, IsEmpty());
}

TEST_F(SessionTracker21Test, AStormOfTakeoversInOneRoundLeavesTheLastOneOnline) {
  mosquitto* current = broker_.NewClient("lamp");
  Connect(current);
  for (int i = 2; i <= 50; ++i) {
    End(current, 142);
    current = broker_.NewClient("lamp");
    Connect(current);
  }
  Round();
  EXPECT_EQ(events_.words.size(), 50u);
  EXPECT_EQ(events_.words.back(), "connected lamp 50");
  EXPECT_EQ(tracker_.counters().tracked.value(), 1u);
}

TEST_F(SessionTracker21Test, AnEndThatComesAfterTheNewConnectCarriesTheOlderIncarnation) {
  mosquitto* older = broker_.NewClient("lamp");
  Connect(older);
  mosquitto* newer = broker_.NewClient("lamp");
  Connect(newer);
  End(older, 7);
  EXPECT_THAT(events_.words,
              ElementsAre("connected lamp 1", "connected lamp 2", "ended lamp 1 reason 4 code 7"));
}

TEST_F(SessionTracker21Test, ARefusedLoginWithAnOnlineClientsIdChangesNothing) {
  mosquitto* client = broker_.NewClient("lamp");
  Connect(client);
  mosquitto* refused = broker_.NewClient("lamp");
  broker_.SetInTable("lamp", client);
  End(refused, 11);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1"));
  EXPECT_EQ(tracker_.counters().unknown_ends.value(), 1u);
}

TEST_F(SessionTracker21Test, AnEndWithoutAnIdentifierChangesNothing) {
  mosquitto* nameless = broker_.NewClient("");
  nameless->has_id = false;
  End(nameless, 2);
  Connect(nameless);
  EXPECT_THAT(events_.words, IsEmpty());
}

TEST_F(SessionTracker21Test, TheSameEndTwiceIsToldOnce) {
  mosquitto* client = broker_.NewClient("lamp");
  Connect(client);
  End(client, 0);
  End(client, 0);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 1 code 0"));
}

TEST_F(SessionTracker21Test, ASecondInstanceOfThePluginChangesNothing) {
  mosquitto* client = broker_.NewClient("lamp");
  for (int instance : {0, 1, 2}) Connect(client, instance);
  for (int i = 0; i < 3; ++i) Offline(client, 7);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 4 code 7 kept"));
  EXPECT_EQ(tracker_.counters().duplicate_events.value(), 2u);
}

TEST_F(SessionTracker21Test, ATakeoverToldByTwoInstancesIsOneTakeover) {
  mosquitto* older = broker_.NewClient("lamp");
  for (int instance : {0, 1}) Connect(older, instance);
  for (int i = 0; i < 2; ++i) End(older, 142);
  mosquitto* newer = broker_.NewClient("lamp");
  for (int instance : {0, 1}) Connect(newer, instance);
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "connected lamp 2"));
}

TEST_F(SessionTracker21Test, AClientThatAnotherPluginRenamedEndsUnderItsFirstName) {
  mosquitto* client = broker_.NewClient("lamp");
  Connect(client);
  client->id = "other";
  End(client, 0);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 1 code 0"));
}

TEST_F(SessionTracker21Test, AClientKickedInAnotherPluginsConnectCallbackIsNotBelieved) {
  mosquitto* client = broker_.NewClient("lamp");
  broker_.SetInTable("lamp", nullptr);  // clean session: the broker has already removed it
  End(client, 152);
  Connect(client);
  EXPECT_THAT(events_.words, IsEmpty());
  EXPECT_EQ(tracker_.counters().ghosts_averted.value(), 1u);
}

TEST_F(SessionTracker21Test, APersistentClientKickedInAnotherPluginsConnectCallbackIsNotBelieved) {
  mosquitto* client = broker_.NewClient("lamp");
  Offline(client, 152);  // still in the broker's table, as an offline session
  Connect(client);
  EXPECT_THAT(events_.words, ElementsAre("restored lamp 1"));
}

TEST_F(SessionTracker21Test, AKickedClientAtTheAddressOfAnExpiredSessionIsNotBelieved) {
  mosquitto* expired = broker_.NewClient("lamp");
  Connect(expired);
  Offline(expired, 0);
  Round();
  events_.Take();
  mosquitto* kicked = broker_.Reuse(expired, "door");
  Offline(kicked, 152);  // by another plugin, in its connect callback
  Connect(kicked);
  EXPECT_THAT(events_.words, ElementsAre("gone lamp 1 reason 8", "restored door 2"));
}

// The end of a login that was refused, whoever it says it is, ends no session of whoever had its
// place.
TEST_F(SessionTracker21Test, ARefusedLoginAtTheAddressOfAnExpiredSessionIsNoAdministrator) {
  for (const char* id : {"door", "lamp"}) {
    SCOPED_TRACE(id);
    mosquitto* expired = broker_.NewClient("lamp");
    Connect(expired);
    Offline(expired, 7);
    Round();
    const uint64_t incarnation = tracker_.next_incarnation() - 1;
    events_.Take();
    mosquitto* refused = broker_.Reuse(expired, id);
    broker_.SetInTable(id, nullptr);
    End(refused, 11);
    Round();
    EXPECT_THAT(events_.Take(), ElementsAre(absl::StrCat("gone lamp ", incarnation, " reason 8")));
    EXPECT_EQ(tracker_.counters().tracked.value(), 0u);
  }
}

// It has no address.
TEST_F(SessionTracker21Test, AnAdministratorMayRemoveASessionThatTheBrokerRestored) {
  mosquitto* restored = broker_.NewClient("lamp");
  restored->has_address = false;
  tracker_.AdoptHeld(restored, "lamp", 42);
  End(restored, 0);
  EXPECT_THAT(events_.words,
              ElementsAre(absl::StrCat("gone lamp 42 reason ",
                                       static_cast<int>(EndReason::kAdministrative))));
}

TEST_F(SessionTracker21Test, APointerReusedInALaterRoundIsANewClient) {
  mosquitto* refused = broker_.NewClient("lamp");
  End(refused, 11);
  Round();
  mosquitto* accepted = broker_.Reuse(refused, "lamp");
  ASSERT_EQ(accepted, refused);
  Connect(accepted);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1"));
}

TEST_F(SessionTracker21Test, APointerReusedAfterAnUnseenEndEndsTheFormerClient) {
  mosquitto* client = broker_.NewClient("lamp");
  Connect(client);
  client = broker_.Reuse(client, "door");
  Connect(client);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 13 code 65535",
                                         "connected door 2"));
  EXPECT_EQ(tracker_.counters().unseen_ends.value(), 1u);
}

TEST_F(SessionTracker21Test, TheSameClientOnTheSamePointerAfterAnUnseenEndIsANewIncarnation) {
  mosquitto* client = broker_.NewClient("lamp");
  Connect(client);
  Connect(broker_.Reuse(client, "lamp"));
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "connected lamp 2"));
}

TEST_F(SessionTracker21Test, AReturningClientGoesOnWithItsKeptSession) {
  mosquitto* older = broker_.NewClient("lamp");
  Connect(older);
  Offline(older, 7);
  mosquitto* newer = broker_.NewClient("lamp");
  End(older, 142);  // the old pointer ends once more
  Connect(newer);
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 4 code 7 kept",
                                         "connected lamp 2"));
  EXPECT_EQ(tracker_.counters().tracked.value(), 1u);
}

// 2.1 ends whatever it holds under the identifier before it tells of the connect; what
// has expired, it does not hold.
TEST_F(SessionTracker21Test, AConnectTellsWhetherTheBrokerHadASessionToGoOnWith) {
  mosquitto* older = broker_.NewClient("lamp");
  Connect(older);
  EXPECT_TRUE(events_.found_no_session) << "the first of all";
  Offline(older, 7);
  Round();
  mosquitto* newer = broker_.NewClient("lamp");
  End(older, 142);
  Connect(newer);
  EXPECT_FALSE(events_.found_no_session) << "kept";
  mosquitto* newest = broker_.NewClient("lamp");
  End(newer, 142);
  Connect(newest);
  EXPECT_FALSE(events_.found_no_session) << "taken over";
  Offline(newest, 7);
  Round();
  broker_.Free(newest);
  Connect(broker_.NewClient("lamp"));
  EXPECT_TRUE(events_.found_no_session) << "expired without a word";
  mosquitto* restored = broker_.NewClient("door");
  mosquitto* client = broker_.NewClient("door");
  End(restored, 142);
  End(restored, 142);  // told by a second instance
  Connect(client);
  EXPECT_FALSE(events_.found_no_session) << "at a place that we do not know";
  Connect(client, 1);
  EXPECT_FALSE(events_.found_no_session) << "told by a second instance";
}

TEST_F(SessionTracker21Test, ASessionThatTheBrokerFoundIsTheNextConnectsUnderItsNameInThatRound) {
  mosquitto* older = broker_.NewClient("lamp");
  Connect(older);
  Offline(older, 7);
  End(older, 142);
  Connect(broker_.NewClient("door"));
  EXPECT_TRUE(events_.found_no_session) << "of another client";
  Connect(broker_.NewClient("lamp"));
  EXPECT_TRUE(events_.found_no_session) << "nobody comes between an end and its connect";
  End(broker_.NewClient("bell"), 142);  // and the new connection was refused
  Round();
  Connect(broker_.NewClient("bell"));
  EXPECT_TRUE(events_.found_no_session);
}

TEST_F(SessionTracker21Test, ASessionIsFoundUnderTheNameThatItBearsByThen) {
  mosquitto* older = broker_.NewClient("lamp");
  Connect(older);
  Offline(older, 7);
  older->id = "door";  // another plugin's doing
  mosquitto* newer = broker_.NewClient("door");
  End(older, 142);
  Connect(newer);
  EXPECT_FALSE(events_.found_no_session);
}

TEST_F(SessionTracker21Test, AKeptSessionWhosePointerIsReusedByItsOwnClientHasExpired) {
  mosquitto* client = broker_.NewClient("lamp");
  Connect(client);
  Offline(client, 0);
  Connect(broker_.Reuse(client, "lamp"));
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 1 code 0 kept",
                                         "gone lamp 1 reason 8", "connected lamp 2"));
  EXPECT_TRUE(events_.found_no_session);
  EXPECT_EQ(tracker_.counters().tracked.value(), 1u);
}

TEST_F(SessionTracker21Test, WhatAnAuditTellsSaysNothingOfASessionThatWasFound) {
  mosquitto* client = broker_.NewClient("lamp");
  tracker_.Adopt(client, kStart);
  EXPECT_FALSE(events_.found_no_session);
  Connect(broker_.NewClient("door"));
  EXPECT_TRUE(events_.found_no_session);
  tracker_.TellAgain(client, kStart);
  EXPECT_FALSE(events_.found_no_session);
}

TEST_F(SessionTracker21Test, AKeptSessionThatAnAdministratorRemovesIsGone) {
  mosquitto* client = broker_.NewClient("lamp");
  Connect(client);
  Offline(client, 0);
  End(client, 152);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 1 code 0 kept",
                                         "gone lamp 1 reason 9"));
}

TEST_F(SessionTracker21Test, AKeptSessionWhosePointerIsReusedHasExpired) {
  mosquitto* client = broker_.NewClient("lamp");
  Connect(client);
  Offline(client, 0);
  Connect(broker_.Reuse(client, "door"));
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 1 code 0 kept",
                                         "gone lamp 1 reason 8", "connected door 2"));
}

TEST_F(SessionTracker21Test, ARestoredSessionsEndIsUnknownAndItsReturnAConnect) {
  mosquitto* restored = broker_.NewClient("lamp");
  mosquitto* client = broker_.NewClient("lamp");
  End(restored, 142);
  Connect(client);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1"));
}

TEST_F(SessionTracker21Test, HoldsBackOnlyAFewEndsAndDeliversTheOldestFirst) {
  std::vector<mosquitto*> clients;
  for (size_t i = 0; i <= kHeldEndsMax; ++i) {
    clients.push_back(broker_.NewClient(absl::StrCat("c", i)));
    Connect(clients.back());
  }
  events_.Take();
  for (mosquitto* client : clients) End(client, 142);
  EXPECT_THAT(events_.Take(), ElementsAre("ended c0 1 reason 2 code 142"));
  Round();
  EXPECT_EQ(events_.words.size(), kHeldEndsMax);
}

TEST_F(SessionTracker21Test, WithoutMemoryAnEventIsDroppedAndCounted) {
  events_.out_of_memory = true;
  Connect(broker_.NewClient("lamp"));
  EXPECT_EQ(tracker_.counters().out_of_memory.value(), 1u);
  events_.out_of_memory = false;
  Connect(broker_.NewClient("door"));
  EXPECT_THAT(events_.words, ElementsAre("connected door 2"));
}

TEST_F(SessionTracker21Test, KeepsTheWholeOfTheLongestIdentifier) {
  const std::string id(65535, 'x');
  mosquitto* client = broker_.NewClient(id);
  Connect(client);
  EXPECT_THAT(events_.words, ElementsAre(absl::StrCat("connected ", id, " 1")));
}

// -- Mosquitto 2.0 --------------------------------------------------------------------------------

class SessionTracker20Test : public ::testing::Test {
 protected:
  void Login(mosquitto* client) { tracker_.OnLogin(0, client, kStart); }
  void End(mosquitto* client) { tracker_.OnEndWithoutReason(client, kStart); }
  void Round() {
    tracker_.OnLoopRound([] { return kStart; });
  }
  void Rounds(int n) {
    for (int i = 0; i < n; ++i) Round();
  }
  mosquitto* Connected(const std::string& id) {
    mosquitto* client = broker_.NewClient(id);
    Login(client);
    Round();
    return client;
  }
  mosquitto* LoginOverWebSockets(const std::string& id) {
    mosquitto* client = broker_.NewClient(id);
    client->protocol = mp_websockets;
    Login(client);
    return client;
  }

  FakeBroker broker_{FakeBroker::k20};
  Recorder events_;
  SessionTracker tracker_{events_, 1};
};

TEST_F(SessionTracker20Test, NobodyTellsWhetherASessionWasFound) {
  Login(broker_.NewClient("lamp"));
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1"));
  EXPECT_FALSE(events_.found_no_session);
  EXPECT_TRUE(events_.session_not_told);
}

TEST_F(SessionTracker20Test, ALoginThatOutlivesTheLoopRoundIsAConnection) {
  mosquitto* client = broker_.NewClient("lamp");
  Login(client);
  EXPECT_THAT(events_.words, IsEmpty());
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1"));
  Round();
  EXPECT_EQ(events_.words.size(), 1u);
}

TEST_F(SessionTracker20Test, ALoginThatEndsInTheSameRoundWasRefused) {
  mosquitto* client = broker_.NewClient("lamp");
  Login(client);
  client->has_id = false;  // 2.0.11 frees the identifier first
  End(client);
  Round();
  EXPECT_THAT(events_.words, IsEmpty());
  EXPECT_EQ(tracker_.counters().tracked.value(), 0u);
}

TEST_F(SessionTracker20Test, ARefusedLoginWithAnOnlineClientsIdChangesNothing) {
  mosquitto* client = broker_.NewClient("lamp");
  Login(client);
  Round();
  mosquitto* refused = broker_.NewClient("lamp");
  Login(refused);
  End(refused);
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1"));
}

// As under 2.0.11 with per_listener_settings, which tells plugins of no loop round.
TEST_F(SessionTracker20Test, AConnectIsKnownAsSoonAsAnybodyElseIsHeard) {
  mosquitto* lamp = broker_.NewClient("lamp");
  Login(lamp);
  mosquitto* refused = broker_.NewClient("refused");
  Login(refused);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1"));
  End(refused);
  EXPECT_EQ(events_.words.size(), 1u);
  mosquitto* door = broker_.NewClient("door");
  Login(door);
  End(lamp);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "connected door 3",
                                         "ended lamp 1 reason 13 code 65535"));
}

TEST_F(SessionTracker20Test, InTheRoundOfAReloadWhoIsHeldWithoutAConnectionIsLeftAlone) {
  Round();
  mosquitto* kept = broker_.NewClient("kept");
  kept->clean = false;
  mosquitto* maybe = broker_.NewClient("maybe");
  maybe->version = 5;
  mosquitto* restored = broker_.NewClient("restored");
  restored->has_address = false;
  for (mosquitto* client : {kept, maybe}) {
    Login(client);
    Round();
    End(client);
  }
  events_.words.clear();
  tracker_.OnReload();
  for (mosquitto* client : {kept, maybe, restored}) Login(client);
  mosquitto* fresh = broker_.NewClient("fresh");
  Login(fresh);
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected fresh 3"));
  Login(kept);  // another connection at that place
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected fresh 3", "connected kept 4"));
}

// The end of a session that stays is told once more whenever its client does not pass a reload, and
// when another plugin kicks it.
TEST_F(SessionTracker20Test, ASessionThatEndsOnceMoreAndStaysIsNotBroughtBackByAReload) {
  Round();
  mosquitto* kept = broker_.NewClient("kept");
  kept->clean = false;
  mosquitto* kept_5 = broker_.NewClient("kept-5");
  kept_5->version = 5;
  for (mosquitto* client : {kept, kept_5}) {
    Login(client);
    Round();
    End(client);
    End(client);  // kicked
  }
  events_.words.clear();
  for (bool passes : {true, false, false, true}) {
    tracker_.OnReload();
    for (mosquitto* client : {kept, kept_5}) {
      Login(client);
      if (!passes) End(client);
    }
    Round();
  }
  EXPECT_THAT(events_.words, IsEmpty());
  // Its client does come back, and is thrown out of a session that stays.
  mosquitto* back = broker_.NewClient("kept");
  back->clean = false;
  Login(back);
  kept->clean = true;  // of who is taken over 2.0 says so
  End(kept);
  Round();
  EXPECT_THAT(events_.Take(), ElementsAre("connected kept 3"));
  for (bool passes : {false, false, true}) {
    tracker_.OnReload();
    Login(back);
    if (!passes) End(back);
    Round();
  }
  EXPECT_THAT(events_.Take(), ElementsAre("ended kept 3 reason 10 code 65535 kept"));
}

// With TLS identities, say. Once it has no connection 2.0 asks about it like about all others.
TEST_F(SessionTracker20Test, WhoWasNeverSeenIsNotBroughtBackByAReloadWhenItIsGone) {
  Round();
  mosquitto* unseen = broker_.NewClient("unseen");
  unseen->clean = false;
  End(unseen);
  Round();
  tracker_.OnReload();
  Login(unseen);
  Round();
  EXPECT_THAT(events_.words, IsEmpty());
}

// Nobody can tell its connection from a refused one, but its session is held.
TEST_F(SessionTracker20Test, WhoCameAndWentWithinOneRoundIsNotBroughtBackByAReload) {
  Round();
  mosquitto* hasty = broker_.NewClient("hasty");
  hasty->clean = false;
  Login(hasty);
  End(hasty);
  Round();
  tracker_.OnReload();
  Login(hasty);
  Round();
  EXPECT_THAT(events_.words, IsEmpty());
}

// Kept sessions go without a word; libwebsockets is served after the reload, in the same round.
TEST_F(SessionTracker20Test, InTheRoundOfAReloadANewConnectionMayLieWhereASessionWasHeld) {
  for (const char* id : {"fresh", "kept"}) {
    SCOPED_TRACE(id);
    Rounds(3);
    mosquitto* kept = broker_.NewClient("kept");
    kept->clean = false;
    mosquitto* closed = LoginOverWebSockets("closed");
    closed->clean = false;
    Login(kept);
    Rounds(3);
    closed->protocol = mp_mqtt;  // as soon as its WebSockets connection is gone
    for (mosquitto* client : {kept, closed}) End(client);
    events_.words.clear();
    tracker_.OnReload();
    Login(closed);
    mosquitto* fresh = broker_.Reuse(kept, id);
    ASSERT_EQ(fresh, kept);
    fresh->protocol = mp_websockets;
    Login(fresh);
    Rounds(3);
    ASSERT_EQ(events_.words.size(), 1u);
    EXPECT_TRUE(absl::StartsWith(events_.words[0], absl::StrCat("connected ", id, " ")));
  }
}

TEST_F(SessionTracker20Test, ALoginOverWebSocketsIsAConnectionWhenTwoWholeRoundsAreOver) {
  Round();
  LoginOverWebSockets("page");
  Login(broker_.NewClient("lamp"));
  Round();
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 2"));
  Round();
  EXPECT_THAT(events_.Take(), IsEmpty());
  Round();
  EXPECT_THAT(events_.Take(), ElementsAre("connected page 1"));
  Rounds(3);
  EXPECT_THAT(events_.Take(), IsEmpty());
}

// libwebsockets writes the refusal first: the end comes after others were heard, or a round later.
TEST_F(SessionTracker20Test, ARefusalOverWebSocketsThatIsToldLateChangesNothing) {
  Round();
  Connected("lamp");
  for (const int rounds : {0, 1, 2}) {
    mosquitto* refused = LoginOverWebSockets("lamp");
    Login(broker_.NewClient(absl::StrCat("other", rounds)));
    Rounds(rounds);
    EXPECT_TRUE(tracker_.settled() || rounds == 0);
    End(refused);
    Rounds(4);
  }
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1", "connected other0 3",
                                          "connected other1 5", "connected other2 7"));
}

// 2.0.11 tells who is refused before the end does.
TEST_F(SessionTracker20Test, ALoginOverWebSocketsThatLostItsIdentifierIsNoConnection) {
  Round();
  mosquitto* refused = LoginOverWebSockets("lamp");
  refused->has_id = false;
  Rounds(5);
  End(refused);
  EXPECT_THAT(events_.Take(), IsEmpty());
  EXPECT_EQ(tracker_.counters().tracked.value(), 0u);
}

TEST_F(SessionTracker20Test, ATakeoverOverWebSocketsIsNeverOffline) {
  Round();
  mosquitto* first = Connected("lamp");
  mosquitto* second = LoginOverWebSockets("lamp");
  End(first);
  Rounds(3);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1", "connected lamp 2"));
  LoginOverWebSockets("lamp");
  Round();
  EXPECT_TRUE(tracker_.settled());
  End(second);  // WebSockets are closed a round later
  EXPECT_FALSE(tracker_.settled()) << "the audit must not look now";
  Rounds(2);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 3"));
  EXPECT_TRUE(tracker_.settled());
}

TEST_F(SessionTracker20Test, AnEndBesideARefusalOverWebSocketsIsTold) {
  Round();
  mosquitto* lamp = Connected("lamp");
  mosquitto* refused = LoginOverWebSockets("lamp");
  End(lamp);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1"));
  End(refused);
  EXPECT_THAT(events_.Take(), ElementsAre("ended lamp 1 reason 13 code 65535"));
  EXPECT_TRUE(tracker_.settled());
}

// Each may have taken over from the one before it.
TEST_F(SessionTracker20Test, TakeoversOverWebSocketsInARowAreNeverOffline) {
  Round();
  mosquitto* first = Connected("lamp");
  mosquitto* second = LoginOverWebSockets("lamp");
  End(first);
  LoginOverWebSockets("lamp");
  End(second);
  Rounds(3);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1", "connected lamp 3"));
}

// Else whoever is refused again and again could keep a client online that is long gone.
TEST_F(SessionTracker20Test, RefusalsOverWebSocketsInARowHoldBackNoEndForEver) {
  Round();
  mosquitto* lamp = Connected("lamp");
  mosquitto* refused = LoginOverWebSockets("lamp");
  End(lamp);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1"));
  for (int i = 0; i < 6; ++i) {
    mosquitto* next = LoginOverWebSockets("lamp");
    Round();
    End(refused);
    refused = next;
  }
  EXPECT_THAT(events_.Take(), ElementsAre("ended lamp 1 reason 13 code 65535"));
}

TEST_F(SessionTracker20Test, OfTwoLoginsOverWebSocketsTheRefusedOneLeavesTheEndToTheOther) {
  Round();
  mosquitto* first = LoginOverWebSockets("lamp");
  Rounds(3);
  LoginOverWebSockets("lamp");
  mosquitto* refused = LoginOverWebSockets("lamp");
  End(first);
  End(refused);
  Rounds(3);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1", "connected lamp 2"));
}

// Over TLS the end of a refused login is told when the other side closes, or after five seconds.
TEST_F(SessionTracker20Test, ARefusalOverTlsWebSocketsMayOutliveAnyNumberOfRounds) {
  Round();
  mosquitto* lamp = Connected("lamp");
  mosquitto* refused = LoginOverWebSockets("lamp");
  Rounds(50);
  EXPECT_TRUE(tracker_.settled()) << "the audit may look";
  End(refused);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1"));
  End(lamp);
  EXPECT_THAT(events_.Take(), ElementsAre("ended lamp 1 reason 13 code 65535"));
}

// … and so is the end of the connection that was taken over.
TEST_F(SessionTracker20Test, ATakeoverOverTlsWebSocketsIsToldWhenTheOldConnectionEnds) {
  Round();
  mosquitto* first = LoginOverWebSockets("lamp");
  Rounds(3);
  mosquitto* second = LoginOverWebSockets("lamp");
  Rounds(50);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1"));
  End(first);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 2"));
  End(second);
  EXPECT_THAT(events_.Take(), ElementsAre("ended lamp 2 reason 13 code 65535"));
}

TEST_F(SessionTracker20Test, OfTwoLoginsThatContestAConnectionTheRefusedOneDoesNotEndIt) {
  for (const bool first_is_refused : {true, false}) {
    SCOPED_TRACE(first_is_refused);
    Recorder events;
    SessionTracker tracker(events, 1);
    const auto rounds = [&] {
      for (int i = 0; i < 5; ++i) tracker.OnLoopRound([] { return kStart; });
    };
    std::vector<mosquitto*> logins;
    for (int i = 0; i < 3; ++i) {
      rounds();
      logins.push_back(broker_.NewClient("lamp"));
      logins.back()->protocol = mp_websockets;
      tracker.OnLogin(0, logins.back(), kStart);
    }
    rounds();
    EXPECT_THAT(events.words, ElementsAre("connected lamp 1"));
    tracker.OnEndWithoutReason(logins[0], kStart);
    rounds();
    tracker.OnEndWithoutReason(logins[first_is_refused ? 1 : 2], kStart);
    rounds();
    tracker.OnEndWithoutReason(logins[first_is_refused ? 2 : 1], kStart);
    const std::string last = first_is_refused ? "connected lamp 3" : "connected lamp 2";
    ASSERT_GE(events.words.size(), 3u);
    EXPECT_EQ(events.words[events.words.size() - 2], last);
    EXPECT_THAT(events.words.back(), ::testing::StartsWith("ended lamp"));
  }
}

TEST_F(SessionTracker20Test, WhoContestedAConnectionBeforeItWasTakenOverTakesNothingOver) {
  Round();
  mosquitto* first = Connected("lamp");
  mosquitto* refused = LoginOverWebSockets("lamp");
  Rounds(5);
  mosquitto* second = broker_.NewClient("lamp");
  Login(second);
  End(first);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1", "connected lamp 3"));
  End(second);
  End(refused);
  EXPECT_THAT(events_.Take(), ElementsAre("ended lamp 3 reason 13 code 65535"));
}

// The login over TCP is accepted, or its end would have been the next that is heard.
TEST_F(SessionTracker20Test, ATakeoverOverWebSocketsThatIsTakenOverAtOnceIsNeverOffline) {
  Round();
  mosquitto* first = Connected("lamp");
  mosquitto* second = LoginOverWebSockets("lamp");
  End(first);
  Login(broker_.NewClient("lamp"));
  End(second);
  Rounds(5);
  // The end of an earlier incarnation changes nothing then.
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 1", "connected lamp 3",
                                          "ended lamp 1 reason 13 code 65535"));
}

TEST_F(SessionTracker20Test, AnEndIsNotHeldBackForALoginThatCameBeforeThatConnection) {
  Round();
  LoginOverWebSockets("lamp");
  mosquitto* newer = broker_.NewClient("lamp");
  Login(newer);
  Round();
  End(newer);
  EXPECT_THAT(events_.Take(), ElementsAre("connected lamp 2", "ended lamp 2 reason 13 code 65535"));
}

// Its end is told once more when a new connection goes on with the session.
TEST_F(SessionTracker20Test, APlaceWhereASessionWasHeldIsForgottenWithTheSession) {
  Round();
  mosquitto* kept = broker_.NewClient("kept");
  kept->clean = false;
  Login(kept);
  Round();
  End(kept);
  Login(broker_.NewClient("kept"));
  kept->clean = true;  // of who is taken over 2.0 says so
  End(kept);
  Round();
  events_.words.clear();
  tracker_.OnReload();
  Login(broker_.Reuse(kept, "fresh"));
  Round();
  EXPECT_THAT(events_.Take(), ElementsAre("connected fresh 3"));
}

TEST_F(SessionTracker20Test, AnEndHasNoReason) {
  mosquitto* client = broker_.NewClient("lamp");
  Login(client);
  Round();
  End(client);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 13 code 65535"));
}

TEST_F(SessionTracker20Test, ASessionBeforeMqtt5IsKeptUnlessClean) {
  struct Case {
    int version;
    bool clean;
    const char* want;
  };
  for (const Case& c : {Case{4, false, "ended lamp 1 reason 13 code 65535 kept"},
                        Case{3, false, "ended lamp 1 reason 13 code 65535 kept"},
                        Case{4, true, "ended lamp 1 reason 13 code 65535"},
                        Case{5, false, "ended lamp 1 reason 13 code 65535"}}) {
    SCOPED_TRACE(absl::StrCat("version ", c.version, c.clean ? " clean" : ""));
    Recorder events;
    SessionTracker tracker(events, 1);
    mosquitto* client = broker_.NewClient("lamp");
    client->version = c.version;
    client->clean = c.clean;
    tracker.OnLogin(0, client, kStart);
    tracker.OnLoopRound([] { return kStart; });
    tracker.OnEndWithoutReason(client, kStart);
    EXPECT_EQ(events.words.back(), c.want);
  }
}

TEST_F(SessionTracker20Test, ATakeoverShowsNoMomentOffline) {
  mosquitto* older = broker_.NewClient("lamp");
  Login(older);
  Round();
  mosquitto* newer = broker_.NewClient("lamp");
  Login(newer);
  End(older);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "connected lamp 2"));
  Round();
  EXPECT_EQ(events_.words.size(), 2u);
}

TEST_F(SessionTracker20Test, ABurstOfTakeoversInOneRoundLeavesTheLastOneOnline) {
  mosquitto* current = broker_.NewClient("lamp");
  Login(current);
  for (int i = 2; i <= 5; ++i) {
    mosquitto* newer = broker_.NewClient("lamp");
    Login(newer);
    End(current);
    current = newer;
  }
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "connected lamp 2", "connected lamp 3",
                                         "connected lamp 4", "connected lamp 5"));
}

TEST_F(SessionTracker20Test, ARefusedLoginBesideAPendingOneOfTheSameClientChangesNothing) {
  mosquitto* accepted = broker_.NewClient("lamp");
  Login(accepted);
  mosquitto* refused = broker_.NewClient("lamp");
  Login(refused);
  End(refused);
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1"));
}

TEST_F(SessionTracker20Test, PendingLoginsBecomeConnectionsInOrderOfArrival) {
  for (const char* id : {"a", "b", "c"}) Login(broker_.NewClient(id));
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected a 1", "connected b 2", "connected c 3"));
}

TEST_F(SessionTracker20Test, AReloadThatAsksEverybodyAgainChangesNothing) {
  mosquitto* client = broker_.NewClient("lamp");
  Login(client);
  Round();
  Login(client);
  Round();
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1"));
}

TEST_F(SessionTracker20Test, AClientThatAReloadThrowsOutIsNoLongerAuthorised) {
  mosquitto* client = broker_.NewClient("lamp");
  Login(client);
  Round();
  Login(client);
  End(client);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 10 code 65535"));
}

TEST_F(SessionTracker20Test, AClientThatLeavesAfterTheRoundOfAReloadWasNotThrownOut) {
  mosquitto* client = broker_.NewClient("lamp");
  Login(client);
  Round();
  Login(client);  // the reload
  Round();
  End(client);
  EXPECT_THAT(events_.words, ElementsAre("connected lamp 1", "ended lamp 1 reason 13 code 65535"));
}

TEST_F(SessionTracker20Test, AnEndOfAClientThatWasNeverSeenChangesNothing) {
  End(broker_.NewClient("lamp"));
  EXPECT_THAT(events_.words, IsEmpty());
}

}  // namespace
}  // namespace session_status::broker
