// The whole plugin in a broker that is not there.
#include "plugin/session_plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "plugin/options.h"
#include "tests/store/disk_pace.h"
#include "tests/store/store_folder.h"
#include "tests/testing/fake_broker.h"
#include "tests/testing/wait.h"

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

#if !defined(__SANITIZE_ADDRESS__)  // what the thread works on is left to it, on purpose
TEST_F(SessionPluginTest, AStopGoesOnWithoutADiskThatHangs) {
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
  };
  const auto before = threads();
  store::DiskPace disk;
  FakeBroker broker(FakeBroker::k21);
  {
    const std::string socket_path = folder_ / "admin.sock";
    const auto options = ParseOptions(std::vector<std::pair<absl::string_view, absl::string_view>>{
        {"admin_socket", socket_path}, {"session_database", path_}, {"sessions_max", "1000"}});
    ASSERT_TRUE(options.ok()) << options.status();
    auto plugin = std::make_unique<SessionPlugin>(*options);
    auto hooks = plugin->Attach(broker.NewInstance(), 0);
    ASSERT_TRUE(hooks.ok()) << hooks.status();
    disk.Hold();
    broker.Connect(broker.NewClient("lamp"));
    ASSERT_TRUE(testing::WaitUntil([&] { return disk.waiting() == 1; }));
    hooks->reset();
    const absl::Time begun = absl::Now();
    plugin.reset();
    EXPECT_LT(absl::Now() - begun, 3 * store::SessionStoreOptions().close_waits);
  }
  EXPECT_THAT(broker.log, ::testing::Contains(::testing::HasSubstr("disk does not answer")));
  EXPECT_EQ(threads(), before + 1) << "the one that is in the hands of the disk";
  disk.LetGo();
  EXPECT_TRUE(testing::WaitUntil([&] { return threads() == before; }));
}
#endif

}  // namespace
}  // namespace session_status
