// Engines that are given by name, beside name servers that do not answer: real brokers whose
// resolver hangs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/fleet/redis_process.h"
#include "tests/testing/admin_client.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/raw_mqtt.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

constexpr char kNoAnswer[] = "the name server does not answer";
// What a resolver that hangs would take is the test's patience.
constexpr absl::Duration kStopTakes = absl::Seconds(5);

class NameServerTest : public ::testing::TestWithParam<BrokerLine> {
 protected:
  void TakeNameServersAway() { dir_.Write("away", ""); }
  void BringNameServersBack() { std::filesystem::remove(dir_.File("away")); }

  std::unique_ptr<BrokerProcess> Start(const std::string& url) {
    auto broker =
        BrokerProcess::Start({.line = GetParam(),
                              .config = kPlainConfig,
                              .plugin = SessionStatusPlugin(),
                              .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                                                 {"snapshot_refresh", "20ms"},
                                                 {"fleet_url", url},
                                                 {"fleet_name", "names"},
                                                 {"node_id", "one"}},
                              .environment = {{"LD_PRELOAD", SESSION_STATUS_HANGING_NAMES_LIBRARY},
                                              {"SESSION_STATUS_NAMES_AWAY", dir_.File("away")}}});
    EXPECT_TRUE(broker->running()) << broker->Log();
    return broker;
  }
  static void ExpectPromptStop(BrokerProcess* broker) {
    const absl::Time begun = absl::Now();
    EXPECT_EQ(broker->Stop(), 0);
    EXPECT_LT(absl::Now() - begun, kStopTakes);
  }

  TempDir dir_;
};
INSTANTIATE_TEST_SUITE_P(OnBroker, NameServerTest, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(NameServerTest, AStopWaitsForNoNameServer) {
  TakeNameServersAway();
  for (const char* url : {"redis://engine.test", "sentinel://a.test,b.test,c.test/main",
                          "cluster://a.test,b.test", "redis://a.test redis://b.test"}) {
    SCOPED_TRACE(url);
    const auto broker = Start(url);
    EXPECT_TRUE(broker->WaitForLog(kNoAnswer)) << broker->Log();
    ExpectPromptStop(broker.get());
  }
}

TEST_P(NameServerTest, TheFleetIsJoinedWhenTheNameServersAreBackAndKeptWhenTheyGoAgain) {
  RedisProcess engine;
  TakeNameServersAway();
  const auto broker = Start(absl::StrCat("redis://engine.test:", engine.port()));
  EXPECT_TRUE(broker->WaitForLog(kNoAnswer)) << broker->Log();
  BringNameServersBack();
  EXPECT_TRUE(WaitUntil([&] { return engine.Command("EXISTS ms:{names}:meta") == "1"; }));

  TakeNameServersAway();
  engine.Kill();
  engine.Start();  // empty: who finds it says so by filling it
  EXPECT_TRUE(WaitUntil([&] { return engine.Command("EXISTS ms:{names}:meta") == "1"; }))
      << "by the address that the name had: " << broker->Log();
  AdminClient admin(broker->Expand("{DIR}/admin.sock"));
  RawConnection lamp = RawConnection::Tcp(broker->port());
  ASSERT_EQ(lamp.Connect({.id = "lamp"}), 0);
  EXPECT_TRUE(admin.WaitForState("lamp", "ONLINE").online);
  EXPECT_FALSE(admin.Query("nobody").online);

  engine.Kill();
  const absl::Time asked = absl::Now();
  EXPECT_FALSE(admin.Query("nobody").online);
  EXPECT_LT(absl::Now() - asked, kStopTakes) << "queries do not wait for a name server either";
  ExpectPromptStop(broker.get());
}

}  // namespace
}  // namespace session_status::testing
