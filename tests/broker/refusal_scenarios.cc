// Logins and connections that are refused: they must change nothing, for nobody.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

SCENARIOS(RefusalScenario);

std::string WithOther(absl::string_view before, absl::string_view after) {
  return absl::StrCat("listener {PORT} 127.0.0.1\nallow_anonymous true\n", before,
                      "plugin {PLUGIN}\n{OPTIONS}\n", after);
}

std::string Other(absl::string_view login) {
  return absl::StrCat("plugin ", OtherPlugin(), "\nplugin_opt_login ", login, "\n");
}

TEST_P(RefusalScenario, RefusedByPasswordFile) {
  Start(
      "listener {PORT} 127.0.0.1\nallow_anonymous false\npassword_file {DIR}/passwords\n"
      "plugin {PLUGIN}\n{OPTIONS}\n",
      {{"passwords", PasswordFile("anna", "secret")}});
  auto right = Online({.id = "right", .username = "anna", .password = "secret"});
  ExpectOnline("right");
  MqttClient wrong({.id = "lamp", .port = port(), .username = "anna", .password = "wrong"});
  EXPECT_GT(wrong.Connect(), 0);
  MqttClient nobody({.id = "lamp", .port = port()});
  EXPECT_GT(nobody.Connect(), 0);
  ExpectState("lamp", "UNKNOWN");
  EXPECT_EQ(admin_->Status().connects, 1u);
}

TEST_P(RefusalScenario, RefusedByAllowAnonymousFalse) {
  Start("listener {PORT} 127.0.0.1\nallow_anonymous false\nplugin {PLUGIN}\n{OPTIONS}\n");
  for (int version : {3, 4, 5}) {
    MqttClient client({.id = "lamp", .port = port(), .version = version});
    EXPECT_GT(client.Connect(), 0);
  }
  ExpectState("lamp", "UNKNOWN");
}

TEST_P(RefusalScenario, RefusedByAPluginLoadedBeforeOurs) {
  Start(WithOther(Other("refuse"), ""));
  MqttClient client({.id = "lamp", .port = port()});
  EXPECT_GT(client.Connect(), 0);
  ExpectState("lamp", "UNKNOWN");
}

TEST_P(RefusalScenario, RefusedByAPluginLoadedAfterOurs) {
  Start(WithOther("", Other("refuse")));
  MqttClient client({.id = "lamp", .port = port()});
  EXPECT_GT(client.Connect(), 0);
  ExpectState("lamp", "UNKNOWN");
}

TEST_P(RefusalScenario, AcceptedByAPluginLoadedAfterOurs) {
  Start(WithOther("", Other("accept")));
  auto client = Online({.id = "lamp", .username = "anna", .password = "any"});
  ExpectOnline("lamp");
  EXPECT_EQ(Query("lamp").username, "anna");
}

TEST_P(RefusalScenario, AcceptedByAPluginLoadedBeforeOurs) {
  Start(WithOther(Other("accept"), ""));
  auto client = Online({.id = "lamp", .username = "anna", .password = "any"});
  // 2.0 asks no plugin after one that accepted: such a client is not seen, and we say so.
  ExpectState("lamp", On21() ? "ONLINE" : "UNKNOWN");
}

TEST_P(RefusalScenario, RefusedLoginWithAnOnlineClientsId) {
  Start(
      "listener {PORT} 127.0.0.1\nlistener {PORT2} 127.0.0.1\nallow_anonymous true\n"
      "password_file {DIR}/passwords\nplugin {PLUGIN}\n{OPTIONS}\n",
      {{"passwords", PasswordFile("anna", "secret")}});
  auto client = Online({.id = "lamp"});
  const uint64_t incarnation = Query("lamp").incarnation;
  for (int i = 0; i < 20; ++i) {
    MqttClient refused({.id = "lamp", .port = port(2), .username = "anna", .password = "wrong"});
    EXPECT_GT(refused.Connect(), 0);
    ExpectOnline("lamp");
  }
  EXPECT_TRUE(client->RoundTrip());
  EXPECT_EQ(Query("lamp").incarnation, incarnation);
}

// 2.0 tells of a refusal over WebSockets only after others have been heard. `lamp` is asked for all
// the while: neither is it ever offline, nor is another connection taken for it.
TEST_P(RefusalScenario, RefusedOverWebSocketsWithAnOnlineClientsId) {
  Start(
      "listener {PORT} 127.0.0.1\nlistener {PORT2} 127.0.0.1\nprotocol websockets\n"
      "allow_anonymous true\npassword_file {DIR}/passwords\nplugin {PLUGIN}\n{OPTIONS}\n",
      {{"passwords", PasswordFile("anna", "secret")}});
  auto client = Online({.id = "lamp"});
  Settle();
  const uint64_t incarnation = Query("lamp").incarnation;
  const std::string wrong =
      Encode({.id = "lamp", .username = "anna", .password = "not the right one"});
  for (int i = 0; i < 20; ++i) {
    SCOPED_TRACE(i);
    RawConnection refused = RawConnection::Tcp(port(2), /*websocket=*/true);
    ASSERT_TRUE(refused.open());
    std::vector<RawConnection> others;
    for (int other = 0; other < 4; ++other) others.push_back(RawConnection::Tcp(port()));
    ASSERT_TRUE(refused.Send(wrong));
    for (RawConnection& other : others) {
      other.Send(Encode({.id = absl::StrCat("other", &other - others.data())}));
    }
    EXPECT_TRUE(refused.WaitClosed());
    for (int look = 0; look < 5; ++look) {
      const SessionAnswer lamp = Query("lamp");
      ASSERT_EQ(lamp.state, "ONLINE");
      ASSERT_EQ(lamp.incarnation, incarnation);
    }
    for (RawConnection& other : others) ASSERT_TRUE(other.Ping());
  }
  EXPECT_TRUE(client->RoundTrip());
  Settle();
  EXPECT_EQ(Query("lamp").incarnation, incarnation);
}

// Over TLS libwebsockets ends a refused login only when the other side closes, or after five
// seconds: it outlives any number of rounds of 2.0's loop.
TEST_P(RefusalScenario, RefusedOverTlsWebSocketsWithAnOnlineClientsId) {
  const TestCertificates& c = Certificates();
  Start(absl::StrCat("listener {PORT} 127.0.0.1\nlistener {PORT2} 127.0.0.1\nprotocol websockets\n",
                     "cafile ", c.ca, "\ncertfile ", c.server_cert, "\nkeyfile ", c.server_key,
                     "\nallow_anonymous true\npassword_file {DIR}/passwords\n",
                     "plugin {PLUGIN}\n{OPTIONS}\n"),
        {{"passwords", PasswordFile("anna", "secret")}});
  const auto tls = [&] { return RawConnection::Tls(port(2), /*websocket=*/true); };
  const auto refuse = [&] {
    RawConnection refused = tls();
    EXPECT_GT(refused.Connect({.id = "lamp", .username = "anna", .password = "wrong"}), 0);
    return refused;
  };
  RawConnection lamp = tls();
  ASSERT_EQ(lamp.Connect({.id = "lamp"}), 0);
  ASSERT_EQ(admin_->WaitForState("lamp", "ONLINE").state, "ONLINE");
  const uint64_t incarnation = Query("lamp").incarnation;
  RawConnection refused = refuse();
  for (int i = 0; i < 5; ++i) {
    Settle();
    ExpectOnline("lamp");
    EXPECT_EQ(Query("lamp").incarnation, incarnation);
  }
  refused.Close();
  for (int i = 0; i < 5; ++i) {
    Settle();
    ExpectOnline("lamp");
    EXPECT_EQ(Query("lamp").incarnation, incarnation);
  }
  // A takeover is believed when the old connection's end is told: beside a refusal, too.
  refused = refuse();
  RawConnection newer = tls();
  ASSERT_EQ(newer.Connect({.id = "lamp"}), 0);
  EXPECT_TRUE(lamp.WaitClosed());
  refused.Close();
  EXPECT_TRUE(WaitUntil([&] {
    const SessionAnswer answer = Query("lamp");
    EXPECT_TRUE(answer.online) << answer.raw;
    return answer.incarnation > incarnation;
  }));
  ASSERT_TRUE(newer.Ping());
  newer.Close();
  ExpectEnd("lamp", "OFFLINE", "NETWORK_ERROR");
}

TEST_P(RefusalScenario, MalformedConnect) {
  Start();
  const std::string good = Encode({.id = "lamp"});
  std::string bad_name = good;
  bad_name[4] = 'X';
  std::string bad_version = good;
  bad_version[8] = 77;
  std::string reserved_flag = good;
  reserved_flag[9] = static_cast<char>(reserved_flag[9] | 0x01);
  const std::string cases[] = {bad_name,
                               bad_version,
                               reserved_flag,
                               EncodePacket(0x10, good.substr(2, 12)),  // truncated inside the id
                               Encode({.id = absl::string_view("la\0mp", 5)}),  // NUL in the id
                               Encode({.id = "la\xffmp"}),                      // bad UTF-8
                               std::string("\x10\xff\xff\xff\xff\x7f", 6),  // length of five bytes
                               "GET / HTTP/1.1\r\n\r\n"};
  for (const std::string& packet : cases) {
    RawConnection client = RawConnection::Tcp(port());
    client.Send(packet);
    EXPECT_TRUE(client.WaitClosed(absl::Seconds(10)));
  }
  RawConnection silent = RawConnection::Tcp(port());
  silent.Close();
  Settle();
  ExpectState("lamp", "UNKNOWN");
  EXPECT_EQ(admin_->Status().online, 0u);
}

TEST_P(RefusalScenario, ConnectionLimitMaxConnections) {
  Start(
      "listener {PORT} 127.0.0.1\nmax_connections 2\nallow_anonymous true\n"
      "plugin {PLUGIN}\n{OPTIONS}\n");
  auto a = Online({.id = "a"});
  auto b = Online({.id = "b"});
  MqttClient refused({.id = "c", .port = port()});
  EXPECT_NE(refused.Connect(), 0);
  ExpectState("c", "UNKNOWN");
  ExpectOnline("a");
  a->Disconnect();
  ExpectEnd("a", "OFFLINE", "CLIENT_DISCONNECT");
  auto c = Online({.id = "c"});
  ExpectOnline("c");
}

TEST_P(RefusalScenario, ServerAssignedId) {
  Start();
  MqttClient client({.port = port(), .version = 5});
  ASSERT_EQ(client.Connect(), 0);
  ASSERT_FALSE(client.assigned_id().empty());
  ExpectOnline(client.assigned_id());
  client.Disconnect();
  ExpectEnd(client.assigned_id(), "OFFLINE", "CLIENT_DISCONNECT");
}

TEST_P(RefusalScenario, UsernameAsClientId) {
  Start(
      "listener {PORT} 127.0.0.1\nuse_username_as_clientid true\nallow_anonymous true\n"
      "plugin {PLUGIN}\n{OPTIONS}\nplugin " +
      OtherPlugin() + "\nplugin_opt_login accept\n");
  auto client = Online({.id = "lamp", .username = "anna", .password = "any"});
  ExpectOnline("anna");
  ExpectState("lamp", "UNKNOWN");
  MqttClient refused({.id = "door", .port = port()});
  EXPECT_NE(refused.Connect(), 0);
  ExpectState("door", "UNKNOWN");
}

TEST_P(RefusalScenario, LongestClientId) {
  Start();
  const std::string id(65535, 'x');
  RawConnection client = RawConnection::Tcp(port());
  ASSERT_EQ(client.Connect({.id = id}), 0);
  ASSERT_TRUE(client.Ping());
  ExpectOnline(id);
  ExpectState(id.substr(1), "UNKNOWN");
  client.Close();
  ExpectEnd(id, "OFFLINE", "NETWORK_ERROR");
}

SCENARIOS_OF_21(RefusalOf21Scenario);

TEST_P(RefusalOf21Scenario, ConnectionLimitGlobalMaxClients) {
  Start(
      "global_max_clients 2\nlistener {PORT} 127.0.0.1\nallow_anonymous true\n"
      "plugin {PLUGIN}\n{OPTIONS}\n");
  auto a = Online({.id = "a"});
  auto b = Online({.id = "b"});
  MqttClient refused({.id = "c", .port = port(), .version = 5});
  EXPECT_NE(refused.Connect(), 0);
  ExpectState("c", "UNKNOWN");
  // The limit is checked after the takeover has removed the old connection.
  auto successor = Online({.id = "a"});
  ExpectOnline("a");
}

// The broker tells nobody of an expiry, and gives the memory to whoever connects next.
TEST_P(RefusalOf21Scenario, ARefusedLoginEndsNoSessionThatHadItsPlace) {
  Start(
      "listener {PORT} 127.0.0.1\nallow_anonymous true\npassword_file {DIR}/passwords\n"
      "plugin {PLUGIN}\n{OPTIONS}\nplugin_opt_audit_period 0s\n",
      {{"passwords", PasswordFile("anna", "secret")}});
  Online({.id = "lamp", .version = 5, .clean = false, .session_expiry_s = 1})->Disconnect();
  ExpectEnd("lamp", "OFFLINE_SESSION_KEPT", "CLIENT_DISCONNECT");
  EXPECT_TRUE(broker_->WaitForLog("Expiring client lamp")) << broker_->Log();
  const auto refuse = [](RawConnection& connection) {
    EXPECT_GT(connection.Connect({.id = "door", .username = "anna", .password = "wrong"}), 0);
  };
  RawConnection first = RawConnection::Tcp(port());
  refuse(first);  // the round is over: what has expired is freed
  // One of so many that are there at once lies where it was.
  std::vector<RawConnection> others;
  for (int i = 0; i < 50; ++i) others.push_back(RawConnection::Tcp(port()));
  for (RawConnection& other : others) refuse(other);
  ExpectEnd("lamp", "OFFLINE", "SESSION_EXPIRED");
}

TEST_P(RefusalOf21Scenario, MaxKeepaliveRefusesOlderProtocols) {
  Start(
      "max_keepalive 60\nlistener {PORT} 127.0.0.1\nallow_anonymous true\n"
      "plugin {PLUGIN}\n{OPTIONS}\n");
  MqttClient refused({.id = "lamp", .port = port(), .keepalive_s = 600});
  EXPECT_NE(refused.Connect(), 0);
  ExpectState("lamp", "UNKNOWN");
  auto v5 = Online({.id = "lamp", .version = 5, .keepalive_s = 600});
  EXPECT_EQ(Query("lamp").keepalive_s, 60);  // what the broker granted
}

// The broker refuses the keepalive when it has already ended the old connection, and keeps the
// session for the client to come back to.
TEST_P(RefusalOf21Scenario, MaxKeepaliveRefusesATakeoverAndKeepsTheSession) {
  Start(
      "max_keepalive 60\nlistener {PORT} 127.0.0.1\nallow_anonymous true\n"
      "plugin {PLUGIN}\n{OPTIONS}\n");
  const auto refuse = [this](const std::string& id) {
    MqttClient refused({.id = id, .port = port(), .clean = false, .keepalive_s = 600});
    EXPECT_NE(refused.Connect(), 0);
    Settle();
  };
  auto client = Online({.id = "lamp", .clean = false});
  const SessionAnswer before = Query("lamp");
  refuse("lamp");
  EXPECT_TRUE(client->WaitClosed());
  ExpectEnd("lamp", "OFFLINE_SESSION_KEPT", "TAKEN_OVER");
  auto back = Online({.id = "lamp", .clean = false});
  EXPECT_TRUE(absl::StrContains(broker_->Log(), "CONNACK to lamp (1, 0)")) << "session present";
  EXPECT_EQ(Query("lamp").session_created_at_ms, before.session_created_at_ms);
  // The first connect of all: no connection, and yet a session.
  refuse("door");
  ExpectState("door", "OFFLINE_SESSION_KEPT");
  EXPECT_EQ(Query("door").connects, 0);
  auto door = Online({.id = "door", .clean = false});
  EXPECT_TRUE(absl::StrContains(broker_->Log(), "CONNACK to door (1, 0)")) << "session present";
}

TEST_P(RefusalOf21Scenario, KickedInsideAnotherPluginsConnectCallback) {
  Start(WithOther("plugin " + OtherPlugin() + "\nplugin_opt_kick_in_connect lamp\n", ""));
  for (bool clean : {true, false}) {
    MqttClient client({.id = "lamp", .port = port(), .clean = clean});
    client.Connect();
    Settle();
    // The broker kicks who is connected, and keeps the session.
    ExpectState("lamp", clean ? "UNKNOWN" : "OFFLINE_SESSION_KEPT");
  }
}

}  // namespace
}  // namespace session_status::testing
