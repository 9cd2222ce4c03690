// SIGHUP again and again beside clients that come, go and take over: nobody is counted twice.
//
// SESSION_STATUS_RELOADS: default 50.
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

class ReloadFault : public ScenarioTest {};
INSTANTIATE_TEST_SUITE_P(OnBroker, ReloadFault, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(ReloadFault, AStormOfReloadsUnderLoadCountsNobodyTwice) {
  constexpr int kClients = 40;
  Start(
      "listener {PORT} 127.0.0.1\nallow_anonymous false\npassword_file {DIR}/passwords\n"
      "plugin {PLUGIN}\n{OPTIONS}\n",
      {{"passwords", PasswordFile("anna", "secret")}});
  const auto connect = [&](int i) {
    RawConnection client = RawConnection::Tcp(port());
    EXPECT_EQ(
        client.Connect({.id = absl::StrCat("c", i), .username = "anna", .password = "secret"}), 0);
    return client;
  };
  std::vector<RawConnection> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(connect(i));
  const int reloads = FromEnvironment("SESSION_STATUS_RELOADS", 50);
  for (int round = 0; round < reloads; ++round) {
    broker_->Signal(SIGHUP);
    const int i = round % kClients;
    switch (round % 3) {
      case 0: {
        RawConnection newer = connect(i);  // takeover
        clients[i] = std::move(newer);
        break;
      }
      case 1:
        clients[i].Send(EncodeDisconnect());
        EXPECT_TRUE(clients[i].WaitClosed());
        clients[i] = connect(i);
        break;
      default:
        clients[i].Reset();
        clients[i] = connect(i);
    }
  }
  for (RawConnection& client : clients) ASSERT_TRUE(client.Ping());
  EXPECT_TRUE(WaitUntil([&] { return admin_->Status().online == kClients; }))
      << admin_->Status().raw;
  for (int i = 0; i < kClients; ++i) ExpectOnline(absl::StrCat("c", i));
  for (RawConnection& client : clients) client.Send(EncodeDisconnect());
  EXPECT_TRUE(WaitUntil([&] { return admin_->Status().online == 0; })) << admin_->Status().raw;
}

}  // namespace
}  // namespace session_status::testing
