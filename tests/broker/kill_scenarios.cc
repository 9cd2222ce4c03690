// kill -9 of the broker under load, again and again.
//
// SESSION_STATUS_KILL_ROUNDS: default 3; the promise is held at 100.
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

SCENARIOS(KillScenario);

TEST_P(KillScenario, AfterTheRestartNobodyIsWronglyOnline) {
  const int rounds = FromEnvironment("SESSION_STATUS_KILL_ROUNDS", 3);
  constexpr int kClients = 100;
  Start();
  for (int round = 0; round < rounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    std::vector<RawConnection> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(RawConnection::Tcp(port()));
      clients.back().Send(Encode({.id = absl::StrCat("c", i)}));
      if (i % 3 == 0) clients.back().Send(EncodeDisconnect());
    }
    ASSERT_TRUE(clients[1].Ping());  // the others are at any stage
    broker_->Kill();
    broker_->Restart();
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    for (int i = 0; i < kClients; ++i) {
      ASSERT_FALSE(Query(absl::StrCat("c", i)).online) << i;
    }
    EXPECT_EQ(admin_->Status().online, 0u);
    auto back = Online({.id = "c1"});
    ExpectOnline("c1");
  }
}

}  // namespace
}  // namespace session_status::testing
