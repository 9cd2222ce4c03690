// Every kind of listener, and every way to load the plugin on them.
#include <signal.h>

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

SCENARIOS(ListenerScenario);

// 2.0.11 does not start with WebSockets listeners alone.
constexpr char kTcpAndWebSockets[] =
    "listener {PORT} 127.0.0.1\nlistener {PORT2} 127.0.0.1\nprotocol websockets\n"
    "allow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\n";

TEST_P(ListenerScenario, WebSockets) {
  Start(kTcpAndWebSockets);
  RawConnection client = RawConnection::Tcp(port(2), /*websocket=*/true);
  ASSERT_TRUE(client.open());
  ASSERT_EQ(client.Connect({.id = "page"}), 0);
  ASSERT_TRUE(client.Ping());
  ASSERT_EQ(admin_->WaitForState("page", "ONLINE").state, "ONLINE");
  EXPECT_EQ(Query("page").transport, "WEBSOCKETS");
  client.Send(EncodeDisconnect());
  ExpectEnd("page", "OFFLINE", "CLIENT_DISCONNECT");
}

// Two packets in one frame are read in one round of the loop: 2.0 tells of the end before anybody
// could know that the connect was accepted. The session is kept, and 2.0 asks for it on SIGHUP.
TEST_P(ListenerScenario, WhoCameAndWentInOneWebSocketsFrameIsNotBroughtBackByAReload) {
  Start(kTcpAndWebSockets);
  Settle();
  RawConnection hasty = RawConnection::Tcp(port(2), /*websocket=*/true);
  ASSERT_TRUE(hasty.Send(Encode({.id = "hasty", .clean = false}) + EncodeDisconnect()));
  EXPECT_TRUE(hasty.WaitClosed());
  for (int i = 0; i < 3; ++i) {
    broker_->Signal(SIGHUP);
    Settle();
    EXPECT_FALSE(Query("hasty").online);
  }
}

TEST_P(ListenerScenario, WebSocketsConnectionReset) {
  Start(kTcpAndWebSockets);
  RawConnection client = RawConnection::Tcp(port(2), /*websocket=*/true);
  ASSERT_EQ(client.Connect({.id = "page"}), 0);
  ASSERT_TRUE(client.Ping());
  ASSERT_EQ(admin_->WaitForState("page", "ONLINE").state, "ONLINE");
  client.Reset();
  ExpectEnd("page", "OFFLINE", "NETWORK_ERROR");
}

std::string Tls(absl::string_view more) {
  const TestCertificates& c = Certificates();
  return absl::StrCat("listener {PORT} 127.0.0.1\ncafile ", c.ca, "\ncertfile ", c.server_cert,
                      "\nkeyfile ", c.server_key, "\n", more,
                      "allow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\n");
}

TEST_P(ListenerScenario, Tls) {
  Start(Tls(""));
  auto client = Online({.id = "lamp", .ca_file = Certificates().ca});
  ExpectOnline("lamp");
  client->Disconnect();
  ExpectEnd("lamp", "OFFLINE", "CLIENT_DISCONNECT");
  RawConnection garbage = RawConnection::Tcp(port());
  garbage.Send(Encode({.id = "plain"}));
  EXPECT_TRUE(garbage.WaitClosed());
  ExpectState("plain", "UNKNOWN");
}

TEST_P(ListenerScenario, TlsWithCertificateIdentity) {
  // After ours a plugin that accepts everybody.
  Start(absl::StrCat(Tls("require_certificate true\nuse_identity_as_username true\n"), "plugin ",
                     OtherPlugin(), "\nplugin_opt_login accept\n"));
  const TestCertificates& c = Certificates();
  const auto connect = [&](const std::string& id, bool clean) {
    return Online({.id = id,
                   .clean = clean,
                   .ca_file = c.ca,
                   .cert_file = c.client_cert,
                   .key_file = c.client_key});
  };
  auto client = connect("lamp", true);
  if (On21()) {
    ExpectOnline("lamp");
    EXPECT_EQ(Query("lamp").username, "anna");
    client->Disconnect();
    ExpectEnd("lamp", "OFFLINE", "CLIENT_DISCONNECT");
  } else {
    ExpectState("lamp", "UNKNOWN");  // 2.0 asks no plugin about such a login
  }
  // About a session that its client has left 2.0 does ask, at the next SIGHUP.
  connect("kept", false)->Disconnect();
  if (On21()) {
    admin_->WaitForState("kept", "OFFLINE_SESSION_KEPT");
  } else {
    EXPECT_TRUE(broker_->WaitForLog("Client kept disconnected")) << broker_->Log();
  }
  broker_->Signal(SIGHUP);
  EXPECT_TRUE(broker_->WaitForLog("Reloading config"));
  connect("other", true)->Disconnect();
  ExpectState("kept", On21() ? "OFFLINE_SESSION_KEPT" : "UNKNOWN");
}

TEST_P(ListenerScenario, PreSharedKey) {
  Start(
      "listener {PORT} 127.0.0.1\npsk_hint test\npsk_file {DIR}/psk\n"
      "use_identity_as_username true\nallow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\n",
      {{"psk", "anna:deadbeef\n"}});
  auto client = Online({.id = "lamp", .psk_identity = "anna", .psk_hex = "deadbeef"});
  if (On21()) {
    ExpectOnline("lamp");
    EXPECT_EQ(Query("lamp").username, "anna");
    client->Drop();
    ExpectEnd("lamp", "OFFLINE", "NETWORK_ERROR");
  } else {
    ExpectState("lamp", "UNKNOWN");
  }
}

TEST_P(ListenerScenario, UnixSocket) {
  Start("listener 0 {DIR}/mqtt.sock\nallow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\n");
  auto client = Online({.id = "lamp", .unix_path = broker_->Expand("{DIR}/mqtt.sock")});
  const SessionAnswer answer = Query("lamp");
  EXPECT_TRUE(answer.online) << answer.raw;
  EXPECT_EQ(answer.listener_port, 0);
  client->Disconnect();
  ExpectEnd("lamp", "OFFLINE", "CLIENT_DISCONNECT");
}

TEST_P(ListenerScenario, OnePluginLineServesAllListeners) {
  Start(
      "listener {PORT} 127.0.0.1\nplugin {PLUGIN}\n{OPTIONS}\nlistener {PORT2} 127.0.0.1\n"
      "allow_anonymous true\n");
  auto a = Online({.id = "a", .port = port(1)});
  auto b = Online({.id = "b", .port = port(2)});
  ExpectOnline("a");
  ExpectOnline("b");
}

TEST_P(ListenerScenario, TwoPluginLinesAreOneRegistry) {
  Start(
      "listener {PORT} 127.0.0.1\nallow_anonymous true\n"
      "plugin {PLUGIN}\n{OPTIONS}\nplugin {PLUGIN}\n{OPTIONS}\n");
  auto older = Online({.id = "lamp"});
  auto newer = Online({.id = "lamp"});
  const SessionAnswer answer = Query("lamp");
  EXPECT_TRUE(answer.online);
  EXPECT_EQ(answer.connects, 2) << "each connect is counted once";
  EXPECT_EQ(admin_->Status().online, 1u);
  newer->Disconnect();
  ExpectEnd("lamp", "OFFLINE", "CLIENT_DISCONNECT");
}

// 2.1, or 2.0 from 2.0.15 on: others give a plugin under per_listener_settings no tick.
// docs/broker-support.md says what that means.
bool TicksUnderPerListenerSettings(const std::string& log) {
  constexpr absl::string_view kLine20 = "mosquitto version 2.0.";
  const size_t at = log.find(std::string(kLine20));
  return at == std::string::npos || std::atoi(log.c_str() + at + kLine20.size()) >= 15;
}

TEST_P(ListenerScenario, ABrokerThatTellsNothingOfItsLoopIsSaidInTheLog) {
  Start(
      "per_listener_settings true\nlistener {PORT} 127.0.0.1\nallow_anonymous true\n"
      "plugin {PLUGIN}\n{OPTIONS}\n");
  constexpr char kWarning[] = "set per_listener_settings false";
  const bool ticks = TicksUnderPerListenerSettings(broker_->Log());
  const bool said = WaitUntil(
      [&] {
        Online({.id = "lamp"})->Disconnect();
        return absl::StrContains(broker_->Log(), kWarning);
      },
      absl::Seconds(ticks ? 3 : 30), absl::Milliseconds(50));
  EXPECT_EQ(said, !ticks) << broker_->Log();
}

SCENARIOS_OF_21(ListenerOf21Scenario);

// 2.0.11 gives a plugin under per_listener_settings no tick at all; such a configuration is not
// supported there (docs/broker-support.md).
TEST_P(ListenerOf21Scenario, PerListenerSettingsPluginOnOneOfTwo) {
  Start(
      "per_listener_settings true\nlistener {PORT} 127.0.0.1\nallow_anonymous true\n"
      "plugin {PLUGIN}\n{OPTIONS}\nlistener {PORT2} 127.0.0.1\nallow_anonymous true\n");
  auto covered = Online({.id = "covered", .port = port(1)});
  auto uncovered = Online({.id = "uncovered", .port = port(2)});
  ExpectOnline("covered");
  ExpectState("uncovered", "UNKNOWN");
}

TEST_P(ListenerOf21Scenario, PerListenerSettingsPluginOnBoth) {
  Start(
      "per_listener_settings true\nlistener {PORT} 127.0.0.1\nallow_anonymous true\n"
      "plugin {PLUGIN}\n{OPTIONS}\nlistener {PORT2} 127.0.0.1\nallow_anonymous true\n"
      "plugin {PLUGIN}\n{OPTIONS}\n");
  auto a = Online({.id = "lamp", .port = port(1)});
  ExpectOnline("lamp");
  auto b = Online({.id = "lamp", .port = port(2)});
  const SessionAnswer answer = Query("lamp");
  EXPECT_TRUE(answer.online);
  EXPECT_EQ(answer.listener_port, port(2));
  EXPECT_EQ(answer.connects, 2);
}

TEST_P(ListenerOf21Scenario, GlobalPlugin) {
  for (const char* per_listener : {"true", "false"}) {
    Start(absl::StrCat("per_listener_settings ", per_listener,
                       "\nglobal_plugin {PLUGIN}\n{OPTIONS}\nlistener {PORT} 127.0.0.1\n"
                       "allow_anonymous true\nlistener {PORT2} 127.0.0.1\nallow_anonymous true\n"));
    auto a = Online({.id = "a", .port = port(1)});
    auto b = Online({.id = "b", .port = port(2)});
    ExpectOnline("a");
    ExpectOnline("b");
  }
}

TEST_P(ListenerOf21Scenario, PluginLoadedOnceAndUsedOnTwoListeners) {
  Start(
      "per_listener_settings true\nplugin_load status {PLUGIN}\n{OPTIONS}\n"
      "listener {PORT} 127.0.0.1\nallow_anonymous true\nplugin_use status\n"
      "listener {PORT2} 127.0.0.1\nallow_anonymous true\nplugin_use status\n");
  auto a = Online({.id = "a", .port = port(1)});
  auto b = Online({.id = "b", .port = port(2)});
  ExpectOnline("a");
  ExpectOnline("b");
  a->Drop();
  ExpectEnd("a", "OFFLINE", "NETWORK_ERROR");
}

}  // namespace
}  // namespace session_status::testing
