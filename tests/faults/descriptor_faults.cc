// No file descriptors left in the broker: MQTT and the admin socket both come back.
#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

constexpr int kDescriptors = 200;

class DescriptorFault : public ScenarioTest {
 protected:
  void StartWithFewDescriptors() {
    broker_ = BrokerProcess::Start(
        {.line = GetParam(),
         .config = kPlainConfig,
         .plugin = SessionStatusPlugin(),
         .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}, {"snapshot_refresh", "20ms"}},
         .descriptors_max = kDescriptors});
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    admin_ = std::make_unique<AdminClient>(broker_->Expand("{DIR}/admin.sock"));
  }

  // Seconds of processor time the broker has used.
  double CpuSeconds() {
    const std::vector<std::string> fields =
        absl::StrSplit(ReadFile(absl::StrCat("/proc/", broker_->pid(), "/stat")), ' ');
    double user = 0, system = 0;
    EXPECT_TRUE(absl::SimpleAtod(fields[13], &user) && absl::SimpleAtod(fields[14], &system));
    return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }

  std::vector<RawConnection> UseUpDescriptors() {
    std::vector<RawConnection> hogs;
    for (int i = 0; i < kDescriptors; ++i) {
      hogs.push_back(RawConnection::Tcp(port()));
      if (hogs.back().open()) hogs.back().Send(Encode({.id = absl::StrCat("hog-", i)}));
    }
    return hogs;
  }
};
INSTANTIATE_TEST_SUITE_P(OnBroker, DescriptorFault, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(DescriptorFault, MqttAndAdminRecoverWhenDescriptorsAreUsedUp) {
  ASSERT_NO_FATAL_FAILURE(StartWithFewDescriptors());
  RawConnection lamp = RawConnection::Tcp(port());
  ASSERT_EQ(lamp.Connect({.id = "lamp"}), 0);
  ASSERT_TRUE(admin_->WaitForState("lamp", "ONLINE").online);
  {
    std::vector<RawConnection> hogs = UseUpDescriptors();
    EXPECT_TRUE(WaitUntil([&] { return admin_->Status().online > kDescriptors / 2; }))
        << "the open admin connection goes on answering";
    // New questions are refused or answered, but nothing hangs and nothing is said wrongly.
    for (int i = 0; i < 5; ++i) {
      AdminClient another(broker_->Expand("{DIR}/admin.sock"));
      const SessionAnswer answer = another.Query("lamp");
      EXPECT_TRUE(!answer.ok || answer.online) << answer.raw;
    }
    broker_->Signal(SIGHUP);  // a reload without descriptors changes nothing
    EXPECT_TRUE(lamp.Ping());
    ExpectOnline("lamp");
  }
  EXPECT_TRUE(WaitUntil([&] { return admin_->Status().online == 1; }));
  AdminClient fresh(broker_->Expand("{DIR}/admin.sock"));
  EXPECT_TRUE(WaitUntil([&] { return fresh.Query("lamp").online; }));
  RawConnection late = RawConnection::Tcp(port());
  EXPECT_EQ(late.Connect({.id = "late"}), 0);
  EXPECT_TRUE(admin_->WaitForState("late", "ONLINE").online);
  EXPECT_TRUE(lamp.Ping());
}

TEST_P(DescriptorFault, TheListenerDoesNotSpinWithoutDescriptors) {
  ASSERT_NO_FATAL_FAILURE(StartWithFewDescriptors());
  // Fills the admin side's own share (a tenth of the limit) and leaves more waiting to be accepted.
  std::vector<RawConnection> waiting;
  for (int i = 0; i < kDescriptors; ++i) {
    waiting.push_back(RawConnection::Unix(broker_->Expand("{DIR}/admin.sock")));
  }
  const double before = CpuSeconds();
  RawConnection lamp = RawConnection::Tcp(port());
  ASSERT_EQ(lamp.Connect({.id = "lamp"}), 0) << "MQTT keeps its share";
  // A second of round trips: processor time, not time of the clock, is what is judged.
  const absl::Time end = absl::Now() + absl::Seconds(1);
  while (absl::Now() < end) {
    ASSERT_TRUE(lamp.Ping());
    absl::SleepFor(absl::Milliseconds(10));  // the pace of the pings, not a wait for anything
  }
  EXPECT_LT(CpuSeconds() - before, 0.5) << "a spinning thread takes the whole second";
}

// Growing it later would hold up the broker: see plugin/os/descriptor_table.h.
TEST_P(DescriptorFault, TheTableOfDescriptorsIsLargeBeforeTheFirstThreadOfOurs) {
  constexpr int kLimit = 5000;
  broker_ = BrokerProcess::Start({.line = GetParam(),
                                  .config = kPlainConfig,
                                  .plugin = SessionStatusPlugin(),
                                  .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}},
                                  .descriptors_max = kLimit});
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  const std::string status = ReadFile(absl::StrCat("/proc/", broker_->pid(), "/status"));
  const size_t at = status.find("FDSize:");
  ASSERT_NE(at, std::string::npos);
  EXPECT_GE(std::stoi(status.substr(at + std::strlen("FDSize:"))), kLimit);
}

}  // namespace
}  // namespace session_status::testing
