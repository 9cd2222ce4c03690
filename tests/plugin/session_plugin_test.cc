// The whole plugin in a broker that is not there.
#include "plugin/session_plugin.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "plugin/options.h"
#include "tests/store/store_folder.h"
#include "tests/testing/fake_broker.h"

namespace session_status {
namespace {

using testing::FakeBroker;

class SessionPluginTest : public store::StoreFolder {};

TEST_F(SessionPluginTest, AClientThatIsForgottenLeavesTheDatabaseToo) {
  {
    store::BrokerLife life = Live(absl::Now() - absl::Hours(1));
    life.Connect("lamp");
    life.End("lamp", registry::EndReason::kClientDisconnect);
    life.Close();
  }
  ASSERT_EQ(Integer("SELECT count(*) FROM sessions"), 1);
  {
    const std::string socket_path = folder_ / "admin.sock";
    const std::vector<std::pair<absl::string_view, absl::string_view>> given = {
        {"admin_socket", socket_path},
        {"session_database", path_},
        {"ended_sessions_ttl", "1s"},
        {"sessions_max", "1000"}};
    const auto options = ParseOptions(given);
    ASSERT_TRUE(options.ok()) << options.status();
    FakeBroker broker(FakeBroker::k21);
    SessionPlugin plugin(*options);
    const auto hooks = plugin.Attach(broker.NewInstance(), 0);
    ASSERT_TRUE(hooks.ok()) << hooks.status();
    broker.LoopRound();  // the first one is also time for housekeeping
  }
  EXPECT_EQ(Integer("SELECT count(*) FROM sessions"), 0);
}

}  // namespace
}  // namespace session_status
