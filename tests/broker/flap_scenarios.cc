// Clients whose connections break: grace in batch answers, the list of flappers, the history.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

class FlapScenario : public ScenarioTest {
 protected:
  void StartWithGrace(const std::string& grace) {
    broker_ = BrokerProcess::Start({.line = GetParam(),
                                    .config = kPlainConfig,
                                    .plugin = SessionStatusPlugin(),
                                    .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                                                       {"snapshot_refresh", "10ms"},
                                                       {"offline_grace", grace}}});
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    admin_ = std::make_unique<AdminClient>(broker_->Expand("{DIR}/admin.sock"));
  }
  // A batch answer from a cut that contains everything that has happened.
  BatchAnswer FreshBatch(const std::vector<std::string>& ids) {
    const uint64_t sequence = admin_->Status().sequence;
    BatchAnswer answer;
    EXPECT_TRUE(WaitUntil([&] { return (answer = admin_->Batch(ids)).sequence >= sequence; }));
    return answer;
  }
};
INSTANTIATE_TEST_SUITE_P(OnBroker, FlapScenario, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(FlapScenario, WithGraceAClientThatComesBackNeverShowsOfflineInABatch) {
  StartWithGrace("10m");
  auto client = Online({.id = "lamp"});
  ASSERT_TRUE(FreshBatch({"lamp"}).online[0]);
  for (int i = 0; i < 5; ++i) {
    client->Drop();
    ExpectEnd("lamp", "OFFLINE", "NETWORK_ERROR");  // exactly: it is gone
    EXPECT_TRUE(FreshBatch({"lamp"}).online[0]) << i;
    client = Online({.id = "lamp"});
    EXPECT_TRUE(FreshBatch({"lamp"}).online[0]) << i;
  }
  client->Disconnect();
  ExpectEnd("lamp", "OFFLINE", "CLIENT_DISCONNECT");
  // 2.0 does not tell a disconnect from a loss.
  EXPECT_EQ(FreshBatch({"lamp"}).online[0], !On21());
  EXPECT_TRUE(absl::StrContains(admin_->Status().raw, "\"offlineGraceMs\":\"600000\""));
}

TEST_P(FlapScenario, AfterTheGraceALostClientIsOfflineInBatchesToo) {
  StartWithGrace("300ms");
  auto client = Online({.id = "lamp"});
  ASSERT_TRUE(FreshBatch({"lamp"}).online[0]);
  client->Drop();
  const SessionAnswer end = admin_->WaitForState("lamp", "OFFLINE");
  EXPECT_TRUE(WaitUntil([&] { return !admin_->Batch({"lamp"}).online[0]; }));
  EXPECT_GE(absl::ToUnixMillis(absl::Now()), end.disconnected_at_ms + 300);
}

TEST_P(FlapScenario, TheWorstFlapperIsListedFirstAndItsHistoryTellsWhy) {
  Start();
  for (int i = 0; i < 4; ++i) {
    auto client = Online({.id = "flapper"});
    client->Drop();
    ExpectEnd("flapper", "OFFLINE", "NETWORK_ERROR");
  }
  Online({.id = "once"})->Drop();
  ExpectEnd("once", "OFFLINE", "NETWORK_ERROR");
  // Two devices with one identifier.
  auto one = Online({.id = "duel"});
  auto two = Online({.id = "duel"});
  auto three = Online({.id = "duel"});
  const std::string flappers = admin_->Call("ListFlappers", "{}").body;
  const size_t first = flappers.find("\"clientId\":\"flapper\"");
  const size_t second = flappers.find("\"clientId\":\"duel\"");
  const size_t third = flappers.find("\"clientId\":\"once\"");
  EXPECT_LT(first, second) << flappers;
  EXPECT_LT(second, third) << flappers;
  EXPECT_NE(third, std::string::npos) << flappers;
  EXPECT_TRUE(absl::StrContains(flappers, "\"flapsTotal\":\"7\"")) << flappers;

  const std::string history = admin_->Call("GetHistory", R"({"clientId":"flapper"})").body;
  EXPECT_TRUE(absl::StrContains(history, "\"flaps\":\"4\"")) << history;
  EXPECT_TRUE(
      absl::StrContains(history, On21() ? "END_REASON_NETWORK_ERROR" : "END_REASON_UNKNOWN"))
      << history;
  EXPECT_TRUE(absl::StrContains(history, "\"address\":\"127.0.0.1\"")) << history;
  const std::string duel = admin_->Call("GetHistory", R"({"clientId":"duel","limit":1})").body;
  EXPECT_TRUE(absl::StrContains(duel, "\"takenOver\":true")) << duel;
  EXPECT_TRUE(
      absl::StrContains(duel, absl::StrCat("\"incarnation\":\"", Query("duel").incarnation, "\"")))
      << duel;
}

TEST_P(FlapScenario, GraceLongerThanTheMemoryOfEndedClientsIsRefused) {
  broker_ = BrokerProcess::Start({.line = GetParam(),
                                  .config = kPlainConfig,
                                  .plugin = SessionStatusPlugin(),
                                  .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                                                     {"ended_sessions_ttl", "5s"},
                                                     {"offline_grace", "6s"}}});
  EXPECT_NE(broker_->WaitExit(), 0);
  EXPECT_TRUE(broker_->WaitForLog("option plugin_opt_offline_grace: 6s is longer"));
}

}  // namespace
}  // namespace session_status::testing
