// Bridges: coming in they are clients; going out they are the broker's own connections.
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

SCENARIOS(BridgeScenario);

// A broker without our plugin that bridges to `remote`.
std::unique_ptr<BrokerProcess> Bridging(BrokerLine line, uint16_t remote,
                                        absl::string_view version) {
  return BrokerProcess::Start(
      {.line = line,
       .config = absl::StrCat("listener {PORT} 127.0.0.1\nallow_anonymous true\nconnection far\n"
                              "address 127.0.0.1:",
                              remote, "\nbridge_protocol_version ", version,
                              "\nremote_clientid bridge-in\nlocal_clientid bridge-out\n"
                              "restart_timeout 1\nnotifications false\ncleansession true\n"
                              "topic # out\n")});
}

TEST_P(BridgeScenario, IncomingBridgeIsAClient) {
  for (const char* version : {"mqttv311", "mqttv50"}) {
    SCOPED_TRACE(version);
    Start();
    auto neighbour = Bridging(GetParam(), port(), version);
    ASSERT_TRUE(neighbour->running());
    EXPECT_TRUE(admin_->WaitForState("bridge-in", "ONLINE").online);
    neighbour->Kill();
    ExpectEnd("bridge-in", "OFFLINE", "NETWORK_ERROR");
  }
}

TEST_P(BridgeScenario, OutgoingBridgeIsNotAClient) {
  const auto remote = BrokerProcess::Start(
      {.line = GetParam(), .config = "listener {PORT} 127.0.0.1\nallow_anonymous true\n"});
  ASSERT_TRUE(remote->running());
  for (const char* clean : {"true", "false"}) {
    SCOPED_TRACE(clean);
    Start(
        absl::StrCat("listener {PORT} 127.0.0.1\nallow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\n"
                     "connection far\naddress 127.0.0.1:",
                     remote->port(), "\nremote_clientid in-", clean,
                     "\nlocal_clientid bridge-out\n"
                     "restart_timeout 1\ncleansession ",
                     clean, "\ntopic # both\n"));
    EXPECT_TRUE(remote->WaitForLog(absl::StrCat("as in-", clean)));
    ExpectState("bridge-out", "UNKNOWN");
    EXPECT_EQ(admin_->Status().online, 0u);
  }
  // The link breaks: the broker tells of an end nobody has seen begin.
  remote->Kill();
  Settle();
  ExpectState("bridge-out", "UNKNOWN");
}

}  // namespace
}  // namespace session_status::testing
