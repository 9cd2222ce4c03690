// The self-audit in real brokers: a plugin that loses events tells the truth one period later, and
// where nothing is lost nothing is repaired.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

class AuditScenarioTest : public ScenarioTest {
 protected:
  // `plugin`: path; the audit's period is two seconds.
  void StartAudited(const std::string& plugin, const std::string& config = kPlainConfig) {
    broker_ = BrokerProcess::Start({.line = GetParam(),
                                    .config = config,
                                    .plugin = plugin,
                                    .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                                                       {"snapshot_refresh", "20ms"},
                                                       {"audit_period", "2s"}}});
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    admin_ = std::make_unique<AdminClient>(broker_->Expand("{DIR}/admin.sock"));
  }
  std::string Audit() { return admin_->Call("GetAudit", "{}").body; }
  // Until the audit has been through everything twice more.
  void WaitForPasses() {
    const auto passes = [this] {
      const std::string body = Audit();
      const size_t at = body.find("\"passes\":\"");
      return at == std::string::npos ? 0 : atoi(body.c_str() + at + 10);
    };
    const int enough = passes() + 2;
    ASSERT_TRUE(WaitUntil([&] { return passes() >= enough; })) << Audit();
  }
};

class AuditScenario : public AuditScenarioTest {};
INSTANTIATE_TEST_SUITE_P(OnBroker, AuditScenario, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(AuditScenario, WhereNothingIsLostNothingIsRepaired) {
  StartAudited(SessionStatusPlugin());
  auto online = Online({.id = "online"});
  auto persistent = Online({.id = "persistent", .version = 5, .session_expiry_s = 600});
  Online({.id = "kept", .clean = false})->Disconnect();
  Online({.id = "gone"})->Disconnect();
  // The broker keeps these in its table after their end, until the will is sent.
  Online({.id = "will", .version = 5, .will_topic = "wills", .will_delay_s = 600})->Drop();
  Online({.id = "kept-will",
          .version = 5,
          .session_expiry_s = 600,
          .will_topic = "wills",
          .will_delay_s = 600})
      ->Drop();
  EXPECT_EQ(admin_->WaitForState("will", "OFFLINE").state, "OFFLINE");
  WaitForPasses();
  const std::string audit = Audit();
  EXPECT_FALSE(absl::StrContains(audit, "repaired")) << audit;
  EXPECT_EQ(absl::StrContains(audit, "\"seesBrokerTable\":true"), On21()) << audit;
  ExpectOnline("online");
  ExpectOnline("persistent");
  ExpectState("kept", "OFFLINE_SESSION_KEPT");
  ExpectState("gone", "OFFLINE");
  ExpectState("will", "OFFLINE");
  ExpectState("kept-will", On21() ? "OFFLINE_SESSION_KEPT" : "OFFLINE");
}

// A CONNACK of more bytes than the client takes cannot be written. The broker had entered
// the client by then, and keeps it in its table until the will is sent: it is no
// connection that nobody told of.
TEST_P(AuditScenario, AConnectThatFailedIsNotBroughtBackByItsDelayedWill) {
  StartAudited(SessionStatusPlugin());
  auto other = Online({.id = "other"});
  RawConnection failed = RawConnection::Tcp(port());
  ASSERT_TRUE(failed.Send(Encode({.id = "ghost",
                                  .version = 5,
                                  .maximum_packet_size = 4,
                                  .will_topic = "wills",
                                  .will_delay_s = 0xFFFFFFFF})));
  ASSERT_TRUE(failed.WaitClosed());
  WaitForPasses();
  ExpectState("ghost", "UNKNOWN");
  EXPECT_EQ(admin_->Status().online, 1u);
  EXPECT_FALSE(absl::StrContains(Audit(), "repaired")) << Audit();
}

class AuditOf21Scenario : public AuditScenarioTest {};
INSTANTIATE_TEST_SUITE_P(OnBroker, AuditOf21Scenario, ::testing::Values(BrokerLine::k21),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(AuditOf21Scenario, ALostEndIsRepaired) {
  StartAudited(SESSION_STATUS_LOSSY_PLUGIN);
  auto other = Online({.id = "other"});
  auto client = Online({.id = "lose-end-1"});
  ExpectOnline("lose-end-1");
  client->Drop();
  ExpectEnd("lose-end-1", "OFFLINE", "UNKNOWN");
  ExpectOnline("other");
  EXPECT_TRUE(absl::StrContains(Audit(), "\"repairedEnds\":\"1\"")) << Audit();
  EXPECT_TRUE(absl::StrContains(Audit(), "\"clientId\":\"lose-end-1\"")) << Audit();
  EXPECT_TRUE(broker_->WaitForLog("self-audit: repaired a session that was online"));
  EXPECT_TRUE(absl::StrContains(admin_->Call("GetHistory", R"({"clientId":"lose-end-1"})").body,
                                "CHANGE_KIND_REPAIRED"));
}

TEST_P(AuditOf21Scenario, ALostConnectIsRepaired) {
  StartAudited(SESSION_STATUS_LOSSY_PLUGIN);
  auto other = Online({.id = "other"});
  auto client = Online({.id = "lose-connect-1", .keepalive_s = 77});
  EXPECT_EQ(admin_->WaitForState("lose-connect-1", "ONLINE").keepalive_s, 77);
  EXPECT_TRUE(absl::StrContains(Audit(), "\"repairedConnects\":\"1\"")) << Audit();
  client->Disconnect();
  ExpectEnd("lose-connect-1", "OFFLINE", "CLIENT_DISCONNECT");
  // Known by now: found by its own slice the next time.
  auto back = Online({.id = "lose-connect-1"});
  EXPECT_EQ(admin_->WaitForState("lose-connect-1", "ONLINE").connects, 2);
}

TEST_P(AuditOf21Scenario, AnExpiredSessionIsFound) {
  StartAudited(SessionStatusPlugin());
  auto client = Online({.id = "lamp", .version = 5, .session_expiry_s = 1});
  client->Disconnect();
  ExpectEnd("lamp", "OFFLINE_SESSION_KEPT", "CLIENT_DISCONNECT");
  const SessionAnswer kept = Query("lamp");
  ExpectEnd("lamp", "OFFLINE", "SESSION_EXPIRED");
  const SessionAnswer gone = Query("lamp");
  EXPECT_EQ(gone.disconnected_at_ms, kept.disconnected_at_ms) << "when the connection ended";
  EXPECT_EQ(gone.last_seen_at_ms, kept.last_seen_at_ms);
  EXPECT_TRUE(absl::StrContains(Audit(), "\"foundExpired\":\"1\"")) << Audit();
}

// Both have port 0.
TEST_P(AuditOf21Scenario, ClientsOfAnUncoveredUnixSocketStayUnknown) {
  StartAudited(SessionStatusPlugin(),
               "per_listener_settings true\nlistener 0 {DIR}/covered.sock\nallow_anonymous true\n"
               "plugin {PLUGIN}\n{OPTIONS}\nlistener 0 {DIR}/other.sock\nallow_anonymous true\n");
  auto covered = Online({.id = "covered", .unix_path = broker_->Expand("{DIR}/covered.sock")});
  auto uncovered = Online({.id = "uncovered", .unix_path = broker_->Expand("{DIR}/other.sock")});
  WaitForPasses();
  ExpectOnline("covered");
  ExpectState("uncovered", "UNKNOWN");
  EXPECT_FALSE(absl::StrContains(Audit(), "repaired")) << Audit();
}

TEST_P(AuditOf21Scenario, ClientsOfUncoveredListenersAndBridgesStayUnknown) {
  StartAudited(SessionStatusPlugin(),
               "per_listener_settings true\nlistener {PORT} 127.0.0.1\nallow_anonymous true\n"
               "plugin {PLUGIN}\n{OPTIONS}\nlistener {PORT2} 127.0.0.1\nallow_anonymous true\n"
               "connection out\naddress 127.0.0.1:{PORT2}\nlocal_clientid bridge-here\n"
               "remote_clientid bridge-there\ntopic # both 0\n");
  auto covered = Online({.id = "covered", .port = port(1)});
  auto uncovered = Online({.id = "uncovered", .port = port(2)});
  WaitForPasses();
  ExpectOnline("covered");
  ExpectState("uncovered", "UNKNOWN");
  ExpectState("bridge-here", "UNKNOWN");
  ExpectState("bridge-there", "UNKNOWN");
  EXPECT_FALSE(absl::StrContains(Audit(), "repaired")) << Audit();
}

}  // namespace
}  // namespace session_status::testing
