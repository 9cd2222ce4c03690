// Starting and stopping the plugin in real brokers: what is wrong stops the start with a message
// that names option, value and remedy; what is right leaves nothing behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/testing/admin_client.h"
#include "tests/testing/broker_process.h"

namespace session_status::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::ValuesIn;

using PluginOptions = std::vector<std::pair<std::string, std::string>>;

BrokerOptions Plain(BrokerLine line, PluginOptions options) {
  BrokerOptions broker;
  broker.line = line;
  broker.config = kPlainConfig;
  broker.plugin = SessionStatusPlugin();
  broker.plugin_options = std::move(options);
  return broker;
}

class StartTest : public ::testing::TestWithParam<BrokerLine> {};
INSTANTIATE_TEST_SUITE_P(OnBroker, StartTest, ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(StartTest, ABadOptionStopsTheStartAndTheLogSaysWhatWouldBeRight) {
  struct Case {
    PluginOptions options;
    const char* want;
  };
  for (const Case& c : {
           Case{{{"snapshot_refresh", "soon"}},
                "option plugin_opt_snapshot_refresh: \"soon\" is not a duration"},
           Case{{{"snapshot_refesh", "1s"}},
                "option plugin_opt_snapshot_refesh: unknown; did you mean "
                "plugin_opt_snapshot_refresh?"},
           Case{{{"snapshot_refresh", "1s"}, {"snapshot_refresh", "1s"}}, "given twice"},
           Case{{{"admin_socket", "{DIR}/no/such/folder/admin.sock"}}, "admin_socket"},
           Case{{{"admin_socket", std::string("{DIR}/") + std::string(200, 'x')}}, "admin_socket"},
           Case{{{"admin_socket", "{DIR}/admin.sock"}, {"admin_socket_group", "no-such-group"}},
                "admin_socket_group"},
       }) {
    SCOPED_TRACE(absl::StrCat(c.options.front().first, "=", c.options.front().second));
    auto broker = BrokerProcess::Start(Plain(GetParam(), c.options));
    EXPECT_NE(broker->WaitExit(), 0);
    EXPECT_THAT(broker->Log(), HasSubstr(c.want));
  }
}

TEST_P(StartTest, WithFewDescriptorsTheStartSucceedsOrNamesTheRemedyAndNoInnocentOption) {
  int refused = 0;
  for (uint64_t descriptors = 10; descriptors <= 24; descriptors += 2) {
    SCOPED_TRACE(descriptors);
    BrokerOptions options = Plain(GetParam(), {{"admin_socket", "{DIR}/admin.sock"}});
    options.descriptors_max = descriptors;
    auto broker = BrokerProcess::Start(options);
    if (broker->running()) continue;
    const std::string log = broker->Log();
    EXPECT_THAT(log, ::testing::Not(HasSubstr("Bad file descriptor")));
    EXPECT_THAT(log, ::testing::Not(HasSubstr("plugin_opt_the")));
    if (log.find("LimitNOFILE") != std::string::npos) ++refused;
  }
  EXPECT_GT(refused, 0);
}

TEST_P(StartTest, ALiveSocketOfAnotherProcessIsRefusedAndLeftAlone) {
  TempDir dir;
  const std::string path = absl::StrCat(dir.path(), "/taken.sock");
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  auto broker = BrokerProcess::Start(Plain(GetParam(), {{"admin_socket", path}}));
  EXPECT_NE(broker->WaitExit(), 0);
  EXPECT_THAT(broker->Log(), HasSubstr("admin_socket"));
  EXPECT_TRUE(std::filesystem::exists(path));
  close(fd);
}

TEST_P(StartTest, AStaleSocketOfABrokerThatWasKilledIsReplaced) {
  auto broker = BrokerProcess::Start(Plain(GetParam(), {{"admin_socket", "{DIR}/admin.sock"}}));
  ASSERT_TRUE(broker->running()) << broker->Log();
  broker->Kill();
  ASSERT_TRUE(std::filesystem::exists(broker->Expand("{DIR}/admin.sock")));
  broker->Restart();
  ASSERT_TRUE(broker->running()) << broker->Log();
  EXPECT_TRUE(AdminClient(broker->Expand("{DIR}/admin.sock")).Status().ok);
}

TEST_P(StartTest, TheSocketHasItsModeAndIsRemovedByAnOrderlyStop) {
  auto broker = BrokerProcess::Start(
      Plain(GetParam(), {{"admin_socket", "{DIR}/admin.sock"}, {"admin_socket_mode", "0620"}}));
  ASSERT_TRUE(broker->running()) << broker->Log();
  const std::string path = broker->Expand("{DIR}/admin.sock");
  struct stat info = {};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0620u);
  AdminClient admin(path);
  EXPECT_TRUE(admin.Status().ok);
  EXPECT_EQ(broker->Stop(), 0) << broker->Log();
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_P(StartTest, ReloadAndManyStartsLeaveTheServiceRunning) {
  auto broker = BrokerProcess::Start(Plain(GetParam(), {{"admin_socket", "{DIR}/admin.sock"}}));
  ASSERT_TRUE(broker->running()) << broker->Log();
  for (int i = 0; i < 20; ++i) broker->Signal(SIGHUP);
  AdminClient admin(broker->Expand("{DIR}/admin.sock"));
  EXPECT_TRUE(admin.Status().ok);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(broker->Stop(), 0) << broker->Log();
    broker->Restart();
    ASSERT_TRUE(broker->running()) << broker->Log();
  }
}

TEST_P(StartTest, TheServerStatusNamesTheBrokerLine) {
  auto broker = BrokerProcess::Start(Plain(GetParam(), {{"admin_socket", "{DIR}/admin.sock"}}));
  ASSERT_TRUE(broker->running()) << broker->Log();
  AdminClient admin(broker->Expand("{DIR}/admin.sock"));
  EXPECT_EQ(admin.Status().broker,
            GetParam() == BrokerLine::k21 ? "mosquitto 2.1" : "mosquitto 2.0");
}

TEST(StartOn20Test, WithoutTheCompatibilityOptionTheStartIsRefusedWithTheRemedy) {
  BrokerOptions options = Plain(BrokerLine::k20, {});
  options.config = absl::StrReplaceAll(  // {OPTIONS} would bring the option
      kPlainConfig, {{"{OPTIONS}", "plugin_opt_admin_socket {DIR}/admin.sock"}});
  auto broker = BrokerProcess::Start(options);
  EXPECT_NE(broker->WaitExit(), 0);
  EXPECT_THAT(broker->Log(), HasSubstr("observe_logins"));
}

TEST(StartOn20Test, InstancesThatCouldNotBeToldApartStopTheStart) {
  auto broker = BrokerProcess::Start(
      Plain(BrokerLine::k20, {{"admin_socket", "{DIR}/admin.sock"},
                              {"instances_by_listener", "1884=post-cn-b,1885=post-cn-c"}}));
  EXPECT_NE(broker->WaitExit(), 0);
  EXPECT_THAT(broker->Log(), HasSubstr("option plugin_opt_instances_by_listener: \"1884=post-cn-b "
                                       "1885=post-cn-c\": Mosquitto 2.0 does not tell"));
}

}  // namespace
}  // namespace session_status::testing
