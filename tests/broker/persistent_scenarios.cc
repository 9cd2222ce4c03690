// Sessions that outlive their connection.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

class PersistentScenario : public ScenarioTest {
 protected:
  void StartWithoutAudit() {
    Start(
        "listener {PORT} 127.0.0.1\nallow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\n"
        "plugin_opt_audit_period 0s\n");
  }
};
INSTANTIATE_TEST_SUITE_P(OnBroker, PersistentScenario, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(PersistentScenario, DisconnectKeepsTheSession) {
  Start();
  for (int version : {3, 4}) {
    const std::string id = absl::StrCat("v", version);
    auto client = Online({.id = id, .version = version, .clean = false});
    client->Disconnect();
    ExpectEnd(id, "OFFLINE_SESSION_KEPT", "CLIENT_DISCONNECT");
  }
}

TEST_P(PersistentScenario, LostConnectionKeepsTheSession) {
  Start();
  auto client = Online({.id = "lamp", .clean = false});
  client->Drop();
  ExpectEnd("lamp", "OFFLINE_SESSION_KEPT", "NETWORK_ERROR");
}

TEST_P(PersistentScenario, Mqtt5SessionWithExpiryInterval) {
  Start();
  auto client = Online({.id = "lamp", .version = 5, .session_expiry_s = 600});
  client->Drop();
  // 2.0 does not show a plugin the expiry interval.
  ExpectEnd("lamp", On21() ? "OFFLINE_SESSION_KEPT" : "OFFLINE", "NETWORK_ERROR");
}

TEST_P(PersistentScenario, DisconnectThatSetsExpiryToZero) {
  Start();
  auto client = Online({.id = "lamp", .version = 5, .session_expiry_s = 600});
  client->Disconnect(0);
  ExpectEnd("lamp", "OFFLINE", "CLIENT_DISCONNECT");
}

TEST_P(PersistentScenario, ReturnWithCleanStartOnAndOff) {
  Start();
  for (bool clean : {false, true}) {
    const std::string id = absl::StrCat("clean-", clean);
    auto client = Online({.id = id, .clean = false});
    client->Disconnect();
    ExpectEnd(id, "OFFLINE_SESSION_KEPT", "CLIENT_DISCONNECT");
    const SessionAnswer before = Query(id);
    auto back = Online({.id = id, .clean = clean});
    const SessionAnswer after = Query(id);
    EXPECT_TRUE(after.online) << after.raw;
    EXPECT_GT(after.incarnation, before.incarnation);
    EXPECT_EQ(after.end_reason, "NONE");
    back->Disconnect();
    ExpectEnd(id, clean ? "OFFLINE" : "OFFLINE_SESSION_KEPT", "CLIENT_DISCONNECT");
  }
}

TEST_P(PersistentScenario, SessionCreatedAtSurvivesTheReconnect) {
  Start();
  // 2.0 does not tell whether it had a session, from before its start, say: after this one it had
  // none.
  Online({.id = "lamp"})->Disconnect();
  admin_->WaitForState("lamp", "OFFLINE");
  auto client = Online({.id = "lamp", .clean = false});
  const SessionAnswer first = Query("lamp");
  EXPECT_EQ(first.session_created_at_ms, first.connected_at_ms);
  client->Disconnect();
  admin_->WaitForState("lamp", "OFFLINE_SESSION_KEPT");
  WaitUntil([&] { return absl::ToUnixMillis(absl::Now()) > first.connected_at_ms + 2; });
  auto back = Online({.id = "lamp", .clean = false});
  const SessionAnswer second = Query("lamp");
  EXPECT_EQ(second.session_created_at_ms, first.session_created_at_ms);
  EXPECT_GT(second.connected_at_ms, first.connected_at_ms);
}

TEST_P(PersistentScenario, SessionCreatedAtIsTheTruthOrNotStated) {
  Start();
  auto client = Online({.id = "lamp", .version = 5, .clean = true, .session_expiry_s = 600});
  const SessionAnswer first = Query("lamp");
  EXPECT_EQ(first.session_created_at_ms, first.connected_at_ms) << "a clean start";
  for (int i = 0; i < 2; ++i) {
    client->Disconnect();
    admin_->WaitForState("lamp", On21() ? "OFFLINE_SESSION_KEPT" : "OFFLINE");
    const int64_t left_ms = Query("lamp").disconnected_at_ms;
    WaitUntil([&] { return absl::ToUnixMillis(absl::Now()) > left_ms + 2; });
    client = Online({.id = "lamp", .version = 5, .clean = false, .session_expiry_s = 600});
    EXPECT_TRUE(absl::StrContains(broker_->Log(), "CONNACK to lamp (1")) << "session present";
    EXPECT_EQ(Query("lamp").session_created_at_ms, On21() ? first.session_created_at_ms : 0);
  }
}

// With MQTT 5 a session may end with its connection although it began without a clean start.
TEST_P(PersistentScenario, SessionCreatedAtOfATakeoverIsTheTruthOrNotStated) {
  Start();
  Online({.id = "lamp"})->Disconnect();
  admin_->WaitForState("lamp", "OFFLINE");
  auto first = Online({.id = "lamp", .version = 5, .clean = false, .session_expiry_s = 0});
  const int64_t connected_ms = Query("lamp").connected_at_ms;
  WaitUntil([&] { return absl::ToUnixMillis(absl::Now()) > connected_ms + 2; });
  auto second = Online({.id = "lamp", .version = 5, .clean = false, .session_expiry_s = 600});
  EXPECT_TRUE(first->WaitClosed());
  EXPECT_FALSE(absl::StrContains(broker_->Log(), "CONNACK to lamp (1")) << "no session present";
  EXPECT_EQ(Query("lamp").connects, 3);
  EXPECT_EQ(Query("lamp").session_created_at_ms, 0);
  // With a clean session before MQTT 5 the session lasts as long as its connection.
  auto door = Online({.id = "door"});
  auto next = Online({.id = "door", .clean = false});
  EXPECT_EQ(Query("door").session_created_at_ms, Query("door").connected_at_ms);
  const SessionAnswer kept = Query("door");
  auto last = Online({.id = "door", .version = 5, .clean = false, .session_expiry_s = 600});
  EXPECT_TRUE(absl::StrContains(broker_->Log(), "CONNACK to door (1")) << "session present";
  EXPECT_EQ(Query("door").session_created_at_ms, kept.session_created_at_ms);
}

// 2.1 tells nobody of an expiry: the audit, which is off here, or the return finds it.
TEST_P(PersistentScenario, AnExpiredSessionIsNotGoneOnWith) {
  StartWithoutAudit();
  auto client = Online({.id = "lamp", .version = 5, .clean = false, .session_expiry_s = 1});
  const SessionAnswer first = Query("lamp");
  client->Drop();
  admin_->WaitForState("lamp", On21() ? "OFFLINE_SESSION_KEPT" : "OFFLINE");
  EXPECT_TRUE(broker_->WaitForLog("Expiring client lamp")) << broker_->Log();
  auto back = Online({.id = "lamp", .version = 5, .clean = false, .session_expiry_s = 600});
  EXPECT_FALSE(absl::StrContains(broker_->Log(), "CONNACK to lamp (1")) << "no session present";
  const SessionAnswer second = Query("lamp");
  EXPECT_TRUE(second.online) << second.raw;
  EXPECT_EQ(second.connects, 2);
  // Where it is not known that there was none, nothing is said.
  EXPECT_EQ(second.session_created_at_ms, On21() ? second.connected_at_ms : 0);
  if (On21()) {
    EXPECT_GT(second.session_created_at_ms, first.session_created_at_ms);
  }
  const auto ends = [this] { return admin_->Call("GetHistory", R"({"clientId":"lamp"})").body; };
  if (On21()) {
    EXPECT_TRUE(WaitUntil([&] { return absl::StrContains(ends(), "CHANGE_KIND_SESSION_GONE"); }))
        << ends();
    EXPECT_TRUE(absl::StrContains(ends(), "END_REASON_SESSION_EXPIRED")) << ends();
  }
  // And one that did not expire is.
  back->Drop();
  admin_->WaitForState("lamp", On21() ? "OFFLINE_SESSION_KEPT" : "OFFLINE");
  auto again = Online({.id = "lamp", .version = 5, .clean = false, .session_expiry_s = 600});
  EXPECT_TRUE(absl::StrContains(broker_->Log(), "CONNACK to lamp (1")) << "session present";
  // 2.0 does not show a plugin that the session was kept.
  if (On21()) {
    EXPECT_EQ(Query("lamp").session_created_at_ms, second.session_created_at_ms);
  }
}

TEST_P(PersistentScenario, WillIsSentAndTheEndIsToldAtOnce) {
  Start();
  auto watcher = Online({.id = "watcher"});
  ASSERT_TRUE(watcher->Subscribe("wills"));
  auto client = Online({.id = "lamp", .will_topic = "wills"});
  client->Drop();
  ExpectEnd("lamp", "OFFLINE", "NETWORK_ERROR");
  EXPECT_TRUE(WaitUntil([&] {
    watcher->Serve();
    return !watcher->received().empty();
  }));
}

TEST_P(PersistentScenario, WillDelayDoesNotDelayTheEnd) {
  Start();
  auto client = Online({.id = "lamp",
                        .version = 5,
                        .session_expiry_s = 600,
                        .will_topic = "wills",
                        .will_delay_s = 600});
  client->Drop();
  ExpectEnd("lamp", On21() ? "OFFLINE_SESSION_KEPT" : "OFFLINE", "NETWORK_ERROR");
  auto back = Online({.id = "lamp", .version = 5, .clean = false, .session_expiry_s = 600});
  ExpectOnline("lamp");
}

TEST_P(PersistentScenario, RestoredSessionComesBackAfterARestart) {
  Start(
      "persistence true\npersistence_location {DIR}/\nlistener {PORT} 127.0.0.1\n"
      "allow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\n");
  {
    auto client = Online({.id = "lamp", .clean = false});
    ASSERT_TRUE(client->Subscribe("t"));
    client->Disconnect();
  }
  admin_->WaitForState("lamp", "OFFLINE_SESSION_KEPT");
  EXPECT_EQ(broker_->Stop(), 0);
  broker_->Restart();
  ASSERT_TRUE(broker_->running());
  EXPECT_FALSE(Query("lamp").online);
  auto client = Online({.id = "lamp", .clean = false});
  ExpectOnline("lamp");
  client->Disconnect();
  ExpectEnd("lamp", "OFFLINE_SESSION_KEPT", "CLIENT_DISCONNECT");
}

}  // namespace
}  // namespace session_status::testing
