// The harness itself, against real brokers without our plugin.
#include "tests/testing/broker_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testing/mqtt_client.h"
#include "tests/testing/raw_mqtt.h"

namespace session_status::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::ValuesIn;

class BrokerProcessTest : public ::testing::TestWithParam<BrokerLine> {
 protected:
  std::unique_ptr<BrokerProcess> Start() {
    return BrokerProcess::Start({.line = GetParam(), .config = R"(
      listener {PORT} 127.0.0.1
      listener {PORT2} 127.0.0.1
      protocol websockets
      listener 0 {DIR}/mqtt.sock
      allow_anonymous true
    )"});
  }
};
INSTANTIATE_TEST_SUITE_P(OnBroker, BrokerProcessTest, ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(BrokerProcessTest, StartsTheBrokerLineThatWasAskedForAndStopsIt) {
  const auto broker = Start();
  ASSERT_TRUE(broker->running()) << broker->Log();
  EXPECT_THAT(broker->Log(),
              HasSubstr(GetParam() == BrokerLine::k20 ? "version 2.0." : "version 2.1."));
  EXPECT_EQ(broker->Stop(), 0);
  EXPECT_FALSE(broker->running());
  broker->Restart();
  EXPECT_TRUE(broker->running());
}

TEST_P(BrokerProcessTest, LibraryClientsOfEveryVersionConnectTalkAndDisconnect) {
  const auto broker = Start();
  for (int version : {3, 4, 5}) {
    SCOPED_TRACE(version);
    MqttClient client({.id = "lamp", .port = broker->port(), .version = version});
    ASSERT_EQ(client.Connect(), 0);
    EXPECT_TRUE(client.Subscribe("t"));
    EXPECT_TRUE(client.Publish("t", "hello"));
    EXPECT_TRUE(client.RoundTrip());
    EXPECT_THAT(client.received(), ::testing::ElementsAre("hello"));
    client.Disconnect();
    EXPECT_FALSE(client.connected());
  }
  MqttClient local({.id = "lamp", .unix_path = broker->Expand("{DIR}/mqtt.sock")});
  EXPECT_EQ(local.Connect(), 0);
}

TEST_P(BrokerProcessTest, RawClientsSpeakOverTcpUnixAndWebSockets) {
  const auto broker = Start();
  RawConnection connections[] = {RawConnection::Tcp(broker->port()),
                                 RawConnection::Tcp(broker->port(2), /*websocket=*/true),
                                 RawConnection::Unix(broker->Expand("{DIR}/mqtt.sock"))};
  for (RawConnection& connection : connections) {
    ASSERT_TRUE(connection.open());
    for (uint8_t version : {uint8_t{4}}) {
      EXPECT_EQ(connection.Connect({.id = "lamp", .version = version}), 0);
      EXPECT_TRUE(connection.Ping());
    }
  }
  EXPECT_TRUE(connections[0].WaitClosed());  // taken over
}

TEST_P(BrokerProcessTest, AClientInAProcessOfItsOwnCanBeKilled) {
  const auto broker = Start();
  const auto client = ClientProcess::Start({.id = "victim", .port = broker->port()});
  ASSERT_NE(client, nullptr);
  client->Kill();
  EXPECT_TRUE(broker->WaitForLog("victim"));
}

TEST_P(BrokerProcessTest, ABrokerThatRefusesToStartSaysWhy) {
  const auto broker = BrokerProcess::Start({.line = GetParam(), .config = "nonsense true\n"});
  EXPECT_FALSE(broker->running());
  EXPECT_NE(broker->WaitExit(), 0);
  EXPECT_THAT(broker->Log(), HasSubstr("nonsense"));
}

}  // namespace
}  // namespace session_status::testing
