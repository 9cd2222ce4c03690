// Every ordinary way in which a connection ends.
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

SCENARIOS(DisconnectScenario);

TEST_P(DisconnectScenario, CleanDisconnect) {
  Start();
  for (int version : {3, 4, 5}) {
    SCOPED_TRACE(version);
    const std::string id = absl::StrCat("v", version);
    auto client = Online({.id = id, .version = version});
    ExpectOnline(id);
    client->Disconnect();
    ExpectEnd(id, "OFFLINE", "CLIENT_DISCONNECT");
  }
}

TEST_P(DisconnectScenario, AnOnlineClientIsDescribed) {
  Start();
  const char* const names[] = {"MQTT 3.1", "MQTT 3.1.1", "MQTT 5"};
  for (int version : {3, 4, 5}) {
    SCOPED_TRACE(version);
    const std::string id = absl::StrCat("v", version);
    auto client = Online({.id = id, .version = version, .keepalive_s = 40});
    const SessionAnswer answer = Query(id);
    EXPECT_EQ(answer.address, "127.0.0.1");
    EXPECT_EQ(answer.listener_port, On21() ? port() : 0);
    EXPECT_EQ(answer.protocol_version, names[version - 3]);
    EXPECT_EQ(answer.transport, "MQTT");
    EXPECT_EQ(answer.keepalive_s, 40);
    EXPECT_TRUE(answer.clean_start);
    EXPECT_TRUE(answer.has_detection_bound);
    EXPECT_GE(answer.detection_bound_s, 60);
    EXPECT_FALSE(answer.silent_death_undetected);
    EXPECT_EQ(answer.end_reason, "NONE");
  }
}

TEST_P(DisconnectScenario, KeepaliveZeroIsSaidToBeUndetectable) {
  Start();
  auto client = Online({.id = "lamp", .keepalive_s = 0});
  const SessionAnswer answer = Query("lamp");
  EXPECT_TRUE(answer.online);
  EXPECT_FALSE(answer.has_detection_bound);
  EXPECT_TRUE(answer.silent_death_undetected);
}

TEST_P(DisconnectScenario, ClientKilledBySigkill) {
  Start();
  const auto client = ClientProcess::Start({.id = "lamp", .port = port()});
  ASSERT_NE(client, nullptr);
  ExpectOnline("lamp");
  client->Kill();
  ExpectEnd("lamp", "OFFLINE", "NETWORK_ERROR");
}

TEST_P(DisconnectScenario, ConnectionClosedWithoutDisconnect) {
  Start();
  auto client = Online({.id = "lamp"});
  client->Drop();
  ExpectEnd("lamp", "OFFLINE", "NETWORK_ERROR");
}

TEST_P(DisconnectScenario, ConnectionReset) {
  Start();
  RawConnection client = RawConnection::Tcp(port());
  ASSERT_EQ(client.Connect({.id = "lamp"}), 0);
  ASSERT_TRUE(client.Ping());
  ExpectOnline("lamp");
  client.Reset();
  ExpectEnd("lamp", "OFFLINE", "NETWORK_ERROR");
}

TEST_P(DisconnectScenario, KeepaliveTimeoutOfASilentClient) {
  Start();
  RawConnection client = RawConnection::Tcp(port());
  const absl::Time connected = absl::Now();
  ASSERT_EQ(client.Connect({.id = "lamp", .keepalive_s = 2}), 0);
  ASSERT_TRUE(client.Ping());
  const SessionAnswer online = Query("lamp");
  ASSERT_TRUE(online.has_detection_bound);
  ExpectEnd("lamp", "OFFLINE", "KEEPALIVE_TIMEOUT");
  // The bound that the answer promised held.
  const SessionAnswer offline = Query("lamp");
  EXPECT_LE(offline.disconnected_at_ms - absl::ToUnixMillis(connected),
            (online.detection_bound_s + 1) * 1000);
}

TEST_P(DisconnectScenario, ConnectAndDisconnectInOneSegment) {
  Start();
  RawConnection client = RawConnection::Tcp(port());
  client.Send(absl::StrCat(Encode({.id = "lamp"}), EncodeDisconnect()));
  EXPECT_TRUE(client.WaitClosed());
  Settle();
  if (On21()) {
    ExpectEnd("lamp", "OFFLINE", "CLIENT_DISCONNECT");
  } else {
    // 2.0 cannot tell it from a refused login; the connection is over in either case.
    EXPECT_FALSE(Query("lamp").online);
  }
}

TEST_P(DisconnectScenario, SecondConnectOnALiveConnection) {
  Start();
  RawConnection client = RawConnection::Tcp(port());
  ASSERT_EQ(client.Connect({.id = "lamp"}), 0);
  ASSERT_TRUE(client.Ping());
  client.Send(Encode({.id = "lamp"}));
  EXPECT_TRUE(client.WaitClosed());
  ExpectEnd("lamp", "OFFLINE", "PROTOCOL_ERROR");
}

TEST_P(DisconnectScenario, MalformedPacketOnALiveConnection) {
  Start();
  RawConnection client = RawConnection::Tcp(port());
  ASSERT_EQ(client.Connect({.id = "lamp"}), 0);
  ASSERT_TRUE(client.Ping());
  client.Send(EncodePacket(0x80, ""));  // SUBSCRIBE with wrong flags and no body
  EXPECT_TRUE(client.WaitClosed());
  ExpectEnd("lamp", "OFFLINE", "PROTOCOL_ERROR");
}

TEST_P(DisconnectScenario, ReconnectAfterEveryEndIsANewIncarnation) {
  Start();
  uint64_t last = 0;
  for (int i = 1; i <= 5; ++i) {
    auto client = Online({.id = "lamp"});
    const SessionAnswer answer = Query("lamp");
    EXPECT_GT(answer.incarnation, last);
    EXPECT_EQ(answer.connects, i);
    last = answer.incarnation;
    i % 2 == 0 ? client->Disconnect() : client->Drop();
    EXPECT_EQ(admin_->WaitForState("lamp", "OFFLINE").incarnation, last);
  }
}

// How a connection ends, in every version of the protocol.
TEST_P(DisconnectScenario, EveryVersionEndsInEveryWay) {
  Start();
  struct End {
    const char* name;
    const char* reason;
    void (*make)(RawConnection& client);
  };
  const End ends[] = {
      {"disconnect", "CLIENT_DISCONNECT", [](RawConnection& c) { c.Send(EncodeDisconnect()); }},
      {"close", "NETWORK_ERROR", [](RawConnection& c) { c.Close(); }},
      {"reset", "NETWORK_ERROR", [](RawConnection& c) { c.Reset(); }},
      {"malformed", "PROTOCOL_ERROR", [](RawConnection& c) { c.Send(EncodePacket(0x80, "")); }},
      {"silence", "KEEPALIVE_TIMEOUT", [](RawConnection&) {}},
  };
  std::vector<RawConnection> clients;
  for (const uint8_t version : {uint8_t{3}, uint8_t{4}, uint8_t{5}}) {
    for (const End& end : ends) {
      SCOPED_TRACE(absl::StrCat(end.name, " in ", version));
      const std::string id = absl::StrCat(end.name, version);
      RawConnection client = RawConnection::Tcp(port());
      ASSERT_EQ(client.Connect({.id = id, .version = version, .keepalive_s = 1}), 0);
      ASSERT_TRUE(client.Ping());
      EXPECT_EQ(admin_->WaitForState(id, "ONLINE").state, "ONLINE");
      end.make(client);
      clients.push_back(std::move(client));
    }
  }
  for (int version : {3, 4, 5}) {
    for (const End& end : ends) {
      SCOPED_TRACE(absl::StrCat(end.name, " in ", version));
      ExpectEnd(absl::StrCat(end.name, version), "OFFLINE", end.reason);
    }
  }
}

// MQTT 5, 3.2.2.3.14: the server may dictate a shorter keepalive than the client asked for.
TEST_P(DisconnectScenario, TheBrokersKeepaliveLimitIsWhatCounts) {
  Start(
      "listener {PORT} 127.0.0.1\nallow_anonymous true\nmax_keepalive 30\n"
      "plugin {PLUGIN}\n{OPTIONS}\n");
  auto client = Online({.id = "lamp", .version = 5, .keepalive_s = 600});
  const SessionAnswer answer = Query("lamp");
  EXPECT_EQ(answer.keepalive_s, 30);
  EXPECT_LE(answer.detection_bound_s, 50);
}

TEST_P(DisconnectScenario, NeverSeenClientIsUnknown) {
  Start();
  ExpectState("nobody", "UNKNOWN");
}

}  // namespace
}  // namespace session_status::testing
