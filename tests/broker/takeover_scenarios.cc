// The same identifier again, while a connection is up.
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

SCENARIOS(TakeoverScenario);

TEST_P(TakeoverScenario, EveryMixOfVersionsAndCleanStart) {
  Start();
  int round = 0;
  std::vector<std::unique_ptr<MqttClient>> clients;  // stay connected until the counts are checked
  for (int old_version : {3, 4, 5}) {
    for (int new_version : {3, 4, 5}) {
      for (bool old_clean : {true, false}) {
        for (bool new_clean : {true, false}) {
          const std::string id = absl::StrCat("c", ++round);
          SCOPED_TRACE(absl::StrCat("v", old_version, old_clean ? " clean" : "", " → v",
                                    new_version, new_clean ? " clean" : ""));
          auto older = Online({.id = id, .version = old_version, .clean = old_clean});
          const uint64_t first = Query(id).incarnation;
          auto newer = Online({.id = id, .version = new_version, .clean = new_clean});
          EXPECT_TRUE(older->WaitClosed());
          const SessionAnswer answer = Query(id);
          EXPECT_TRUE(answer.online) << answer.raw;
          EXPECT_GT(answer.incarnation, first);
          EXPECT_EQ(answer.connects, 2);
          clients.push_back(std::move(newer));
        }
      }
    }
  }
  EXPECT_EQ(admin_->Status().takeovers, static_cast<uint64_t>(round));
  EXPECT_EQ(admin_->Status().online, static_cast<uint64_t>(round));
}

TEST_P(TakeoverScenario, BurstOfTakeovers) {
  Start();
  std::vector<RawConnection> connections;
  for (int i = 0; i < 20; ++i) {
    connections.push_back(RawConnection::Tcp(port()));
    connections.back().Send(Encode({.id = "lamp"}));
  }
  // The broker takes sockets in its own order: one of them has survived.
  int survivors = 0;
  for (RawConnection& connection : connections) survivors += connection.Ping() ? 1 : 0;
  EXPECT_GE(survivors, 1);
  Settle();
  const SessionAnswer answer = Query("lamp");
  EXPECT_TRUE(answer.online) << answer.raw;
  EXPECT_EQ(answer.connects, 20);
  EXPECT_EQ(admin_->Status().online, 1u);
}

TEST_P(TakeoverScenario, TheOldConnectionsOwnEndChangesNothing) {
  Start();
  auto older = Online({.id = "lamp"});
  auto newer = Online({.id = "lamp"});
  older->Drop();
  Settle();
  ExpectOnline("lamp");
  newer->Disconnect();
  ExpectEnd("lamp", "OFFLINE", "CLIENT_DISCONNECT");
}

TEST_P(TakeoverScenario, AcrossListeners) {
  Start(
      "listener {PORT} 127.0.0.1\nlistener {PORT2} 127.0.0.1\nprotocol websockets\n"
      "allow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\n");
  auto tcp = Online({.id = "lamp"});
  RawConnection websocket = RawConnection::Tcp(port(2), true);
  ASSERT_EQ(websocket.Connect({.id = "lamp"}), 0);
  ASSERT_TRUE(websocket.Ping());
  EXPECT_TRUE(tcp->WaitClosed());
  // 2.0 is not believed before two more rounds of its loop.
  EXPECT_TRUE(WaitUntil([&] {
    const SessionAnswer lamp = Query("lamp");
    EXPECT_TRUE(lamp.online) << lamp.raw;
    return lamp.transport == "WEBSOCKETS";
  }));
  auto back = Online({.id = "lamp"});
  Settle();
  const SessionAnswer answer = Query("lamp");
  EXPECT_TRUE(answer.online) << answer.raw;
  EXPECT_EQ(answer.transport, "MQTT");
}

TEST_P(TakeoverScenario, RefusedTakeoverLeavesTheOldConnection) {
  Start(
      "listener {PORT} 127.0.0.1\nallow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\n"
      "password_file {DIR}/passwords\n",
      {{"passwords", PasswordFile("anna", "secret")}});
  auto client = Online({.id = "lamp"});
  MqttClient refused({.id = "lamp", .port = port(), .username = "anna", .password = "wrong"});
  EXPECT_GT(refused.Connect(), 0);
  EXPECT_TRUE(client->RoundTrip());
  ExpectOnline("lamp");
  EXPECT_EQ(admin_->Status().takeovers, 0u);
}

// Takeovers that fail when the old connection has ended: a CONNACK of more bytes than the client
// takes cannot be written. The broker keeps the session, or not, as the new connection has it.
TEST_P(TakeoverScenario, ATakeoverThatFailsLeavesTheSessionAsTheBrokerHasIt) {
  Start();
  const ConnectPacket resuming = {
      .id = "lamp", .version = 5, .clean = false, .session_expiry_s = 600};
  const auto fail = [this](ConnectPacket packet) {
    packet.maximum_packet_size = 4;
    RawConnection failed = RawConnection::Tcp(port());
    ASSERT_TRUE(failed.Send(Encode(packet)));
    ASSERT_TRUE(failed.WaitClosed());
    Settle();
  };
  // 2.0 does not show a plugin the expiry interval: a session of MQTT 5 is never shown as kept.
  const auto back = [&](bool session_present) {
    RawConnection client = RawConnection::Tcp(port());
    EXPECT_TRUE(client.Send(Encode(resuming)));
    const std::string connack = client.Receive();
    EXPECT_EQ(connack.size() > 3 && (connack[2] & 1) != 0, session_present);
    EXPECT_TRUE(client.Ping());
    return client;
  };

  RawConnection client = back(false);
  const SessionAnswer first = Query("lamp");
  fail(resuming);
  EXPECT_TRUE(client.WaitClosed());
  ExpectEnd("lamp", On21() ? "OFFLINE_SESSION_KEPT" : "OFFLINE", "TAKEN_OVER");
  client = back(true);
  EXPECT_EQ(Query("lamp").connects, On21() ? 2 : 3);
  if (On21()) {
    EXPECT_EQ(Query("lamp").session_created_at_ms, first.session_created_at_ms);
  }
  client.Close();
  ExpectEnd("lamp", On21() ? "OFFLINE_SESSION_KEPT" : "OFFLINE", "NETWORK_ERROR");
  fail(resuming);
  ExpectEnd("lamp", On21() ? "OFFLINE_SESSION_KEPT" : "OFFLINE", "NETWORK_ERROR");
  // A clean start discards what was kept.
  ConnectPacket clean = resuming;
  clean.clean = true;
  clean.session_expiry_s = 0;
  fail(clean);
  ExpectEnd("lamp", "OFFLINE", "TAKEN_OVER");
  client = back(false);
  ExpectOnline("lamp");
}

}  // namespace
}  // namespace session_status::testing
