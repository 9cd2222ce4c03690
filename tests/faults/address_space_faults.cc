// Little address space for the broker (RLIMIT_AS; vm.overcommit_memory=2 acts alike): the plugin
// takes a part of what there is, or refuses the start with a message; the broker never dies of it.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

class AddressSpaceFault : public ScenarioTest {
 protected:
  void StartWithin(uint64_t mebibytes) {
    broker_ = BrokerProcess::Start({.line = GetParam(),
                                    .config = kPlainConfig,
                                    .plugin = SessionStatusPlugin(),
                                    .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}},
                                    .address_space_max = mebibytes * kMiB});
  }
};
INSTANTIATE_TEST_SUITE_P(OnBroker, AddressSpaceFault, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(AddressSpaceFault, FewerClientsAreFollowedAndTheLogSaysHowMany) {
  StartWithin(1000);
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  EXPECT_TRUE(
      broker_->WaitForLog("plugin_opt_sessions_max: the system grants address space for "
                          "1000000 clients instead of 32000000"))
      << broker_->Log();
  admin_ = std::make_unique<AdminClient>(broker_->Expand("{DIR}/admin.sock"));
  std::vector<RawConnection> lamps;
  for (int i = 0; i < 100; ++i) {
    lamps.push_back(RawConnection::Tcp(port()));
    ASSERT_EQ(lamps.back().Connect({.id = absl::StrCat("lamp-", i)}), 0);
  }
  ExpectOnline("lamp-0");
  ExpectOnline("lamp-99");
}

TEST_P(AddressSpaceFault, WhateverTheLimitTheStartSucceedsOrIsRefusedWithAMessage) {
  int refused = 0;
  for (uint64_t mebibytes = 40; mebibytes <= 400; mebibytes += mebibytes < 140 ? 5 : 65) {
    SCOPED_TRACE(absl::StrCat(mebibytes, " MiB"));
    StartWithin(mebibytes);
    if (broker_->running()) {
      EXPECT_EQ(broker_->Stop(), 0) << broker_->Log();
      continue;
    }
    ++refused;
    EXPECT_LT(broker_->WaitExit(), 128) << "died of a signal: " << broker_->Log();
    // With too little for the plugin's libraries it is the broker that says so.
    EXPECT_TRUE(absl::StrContains(broker_->Log(), "session-status: ") ||
                absl::StrContains(broker_->Log(), "Unable to load"))
        << broker_->Log();
  }
  EXPECT_GT(refused, 0) << "no limit was low enough to test anything";
}

}  // namespace
}  // namespace session_status::testing
