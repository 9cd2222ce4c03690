// The listener inside real brokers: sockets from systemd, priority, descriptors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/plugin/api_client.h"
#include "tests/testing/admin_client.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/mqtt_client.h"
#include "tests/transport/test_certificates.h"

namespace session_status::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::ValuesIn;

BrokerOptions Plain(BrokerLine line, std::vector<std::pair<std::string, std::string>> options) {
  BrokerOptions broker;
  broker.line = line;
  broker.config = kPlainConfig;
  broker.plugin = SessionStatusPlugin();
  broker.plugin_options = std::move(options);
  return broker;
}

// Without an access file programs of this machine need no signature.
OwnedRequest UnsignedQuery() {
  OwnedRequest request;
  request.target =
      "/?Action=QuerySessionByClientId&Version=2020-04-20&InstanceId=mosquitto&ClientId=x";
  request.headers.emplace_back("Host", "localhost");
  return request;
}

class ListeningTest : public ::testing::TestWithParam<BrokerLine> {};
INSTANTIATE_TEST_SUITE_P(OnBroker, ListeningTest, ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

class ListeningSocketOfOurs {
 public:
  explicit ListeningSocketOfOurs(const std::string& path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(chmod(path.c_str(), 0660), 0);
    EXPECT_EQ(listen(fd_, 16), 0);
  }
  explicit ListeningSocketOfOurs(uint16_t port)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(fd_, 16), 0);
  }
  ~ListeningSocketOfOurs() { close(fd_); }
  ListeningSocketOfOurs(const ListeningSocketOfOurs&) = delete;
  ListeningSocketOfOurs& operator=(const ListeningSocketOfOurs&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

TEST_P(ListeningTest, SocketsOfSystemdAreServedAndSurviveTheBroker) {
  TempDir dir;
  const std::string path = dir.File("activated.sock");
  const uint16_t port = FreePort();
  const ListeningSocketOfOurs unix_socket(path);
  const ListeningSocketOfOurs tcp_socket(port);
  struct stat before = {};
  ASSERT_EQ(stat(path.c_str(), &before), 0);
  BrokerOptions options = Plain(
      GetParam(), {{"admin_socket", path}, {"admin_listen", absl::StrCat("127.0.0.1:", port)}});
  options.passed_sockets = {tcp_socket.fd(), unix_socket.fd()};
  auto broker = BrokerProcess::Start(options);
  for (int start = 0; start < 2; ++start) {
    ASSERT_TRUE(broker->running()) << broker->Log();
    EXPECT_TRUE(AdminClient(path).Status().ok);
    EXPECT_EQ(ApiClient(port).Send(UnsignedQuery()).status, 200);
    EXPECT_EQ(broker->Stop(), 0) << broker->Log();
    // Still the same file: whoever connects now is answered by the next broker.
    struct stat after = {};
    ASSERT_EQ(stat(path.c_str(), &after), 0);
    EXPECT_EQ(after.st_ino, before.st_ino);
    broker->Restart();
  }
}

// Nice level by thread name, from /proc/PID/task/*/stat.
std::map<std::string, int> NiceLevels(pid_t pid) {
  std::map<std::string, int> levels;
  for (const auto& task :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", pid, "/task"))) {
    const std::string stat = ReadFile(task.path().string() + "/stat");
    const size_t open = stat.find('(');
    const size_t close = stat.rfind(')');
    if (open == std::string::npos || close == std::string::npos) continue;
    const std::vector<std::string> fields = absl::StrSplit(stat.substr(close + 2), ' ');
    int nice = -100;
    EXPECT_TRUE(absl::SimpleAtoi(fields.at(16), &nice));
    levels[stat.substr(open + 1, close - open - 1)] = nice;
  }
  return levels;
}

TEST_P(ListeningTest, ACertificateThatHasExpiredIsServedAndTheLogSaysSo) {
  const TempDir dir;
  transport::TestCertificates certificates(dir.path());
  certificates.Make("server");
  certificates.WriteRevocations({});
  auto broker = BrokerProcess::Start(
      Plain(GetParam(), {{"admin_socket", "{DIR}/admin.sock"},
                         {"admin_listen_tls", "127.0.0.1:{PORT2}"},
                         {"tls_certificate_file", certificates.certificate_file("server")},
                         {"tls_private_key_file", certificates.key_file("server")},
                         {"tls_client_ca_file", certificates.ca_file()},
                         {"tls_client_crl_file", certificates.crl_file()}}));
  ASSERT_TRUE(broker->running()) << broker->Log();
  broker->Signal(SIGHUP);
  ASSERT_TRUE(broker->WaitForLog("reloaded: certificates")) << broker->Log();
  EXPECT_THAT(broker->Log(), Not(HasSubstr("plugin_opt_tls_")));
  certificates.Make("server", -60);
  certificates.RenewCa(-60);
  certificates.WriteRevocations({}, -60);
  broker->Signal(SIGHUP);
  EXPECT_TRUE(broker->WaitForLog("server.pem: a certificate in it has expired on "))
      << broker->Log();
  EXPECT_TRUE(broker->WaitForLog("option plugin_opt_tls_client_ca_file: ")) << broker->Log();
  EXPECT_TRUE(broker->WaitForLog("ca.pem: a CA certificate in it has expired on "))
      << broker->Log();
  EXPECT_TRUE(broker->WaitForLog("crl.pem: the list of revoked certificates has been out of date"))
      << broker->Log();
}

TEST_P(ListeningTest, ThreadsOfOursGiveWayToTheBroker) {
  for (const int nice : {10, 19}) {
    auto broker = BrokerProcess::Start(Plain(
        GetParam(), {{"admin_socket", "{DIR}/admin.sock"}, {"listener_nice", absl::StrCat(nice)}}));
    ASSERT_TRUE(broker->running()) << broker->Log();
    ASSERT_TRUE(AdminClient(broker->Expand("{DIR}/admin.sock")).Status().ok);
    std::map<std::string, int> levels = NiceLevels(broker->pid());
    const int own = levels.at("mosquitto");
    ASSERT_EQ(levels.count("session-http"), 1u);
    const int want = std::min(std::max(nice, own), 19);
    levels.erase("mosquitto");
    for (const auto& [thread, level] : levels) EXPECT_EQ(level, want) << thread;
  }
}

TEST_P(ListeningTest, MqttClientsFindDescriptorsHoweverManyAsk) {
  BrokerOptions options = Plain(GetParam(), {{"admin_socket", "{DIR}/admin.sock"},
                                             {"admin_listen", "127.0.0.1:{PORT2}"},
                                             {"listener_connections_per_peer_max", "1000"}});
  options.descriptors_max = 150;  // the listener's share is a tenth
  auto broker = BrokerProcess::Start(options);
  ASSERT_TRUE(broker->running()) << broker->Log();
  std::vector<int> crowd;
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(broker->port(2));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < 300; ++i) {
    crowd.push_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(connect(crowd.back(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  std::vector<std::unique_ptr<MqttClient>> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(std::make_unique<MqttClient>(
        ClientOptions{.id = absl::StrCat("c", i), .port = broker->port()}));
    ASSERT_EQ(clients.back()->Connect(), 0) << "client " << i;
  }
  EXPECT_TRUE(WaitUntil([&] {  // silent connections make room for one that asks
    return AdminClient(broker->Expand("{DIR}/admin.sock")).Status().online == 60;
  }));
  for (const int fd : crowd) close(fd);
}

#ifndef SESSION_STATUS_SANITIZED  // whose shadow memory says nothing about ours
int64_t ResidentBytes(pid_t pid) {
  const std::string status = ReadFile(absl::StrCat("/proc/", pid, "/status"));
  const size_t at = status.find("VmRSS:");
  int64_t kib = 0;
  EXPECT_TRUE(absl::SimpleAtoi(
      absl::string_view(status).substr(at + 6, status.find("kB", at) - at - 6), &kib));
  return kib * 1024;
}

// The promise is 10 MB (docs/performance.md).
TEST_P(ListeningTest, ThePluginAtRestAddsLittleToABareBroker) {
  BrokerOptions bare = Plain(GetParam(), {});
  bare.config = "listener {PORT} 127.0.0.1\nallow_anonymous true\n";
  auto without = BrokerProcess::Start(bare);
  auto with = BrokerProcess::Start(Plain(GetParam(), {{"admin_socket", "{DIR}/admin.sock"}}));
  ASSERT_TRUE(without->running()) << without->Log();
  ASSERT_TRUE(with->running()) << with->Log();
  ASSERT_TRUE(AdminClient(with->Expand("{DIR}/admin.sock")).Status().ok);
  EXPECT_LT(ResidentBytes(with->pid()) - ResidentBytes(without->pid()), 10'000'000);
}
#endif

}  // namespace
}  // namespace session_status::testing
