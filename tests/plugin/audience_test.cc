// Who may ask what, inside real brokers: users of the Unix socket, by what the kernel
// says of them, and certificates.
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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

constexpr char kMetricsOnly[] = "may read only /metrics, /healthz and /readyz";
// Unsigned: for programs of this machine, where there is no access file.
constexpr char kUnsignedCall[] =
    "/?Action=QuerySessionByClientId&Version=2020-04-20&InstanceId=mosquitto&ClientId=lamp";

class AudienceTest : public ::testing::TestWithParam<BrokerLine> {
 protected:
  using Given = std::vector<std::pair<std::string, std::string>>;

  // With a client who is online.
  void Start(Given more) {
    BrokerOptions options;
    options.line = GetParam();
    options.config = kPlainConfig;
    options.plugin = SessionStatusPlugin();
    options.plugin_options = {{"admin_socket", "{DIR}/admin.sock"}, {"admin_socket_mode", "0666"}};
    for (auto& option : more) options.plugin_options.push_back(std::move(option));
    lamp_.reset();
    broker_ = BrokerProcess::Start(options);
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    lamp_.emplace(ClientOptions{.id = "lamp", .port = broker_->port()});
    ASSERT_EQ(lamp_->Connect(), 0);
    socket_ = broker_->Expand("{DIR}/admin.sock");
  }

  std::unique_ptr<BrokerProcess> broker_;
  std::optional<MqttClient> lamp_;
  std::string socket_;
};
INSTANTIATE_TEST_SUITE_P(OnBroker, AudienceTest, ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

// While it lives the calling thread, and no other, connects as somebody else; the C library's
// functions would change all threads. It still finds files as root.
class AsUser {
 public:
  explicit AsUser(uid_t uid, gid_t gid = 3000) {
    groups_.resize(static_cast<size_t>(::getgroups(0, nullptr)));
    ::getgroups(static_cast<int>(groups_.size()), groups_.data());
    worked_ = ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
              ::syscall(SYS_setresgid, -1, gid, -1) == 0 &&
              ::syscall(SYS_setresuid, -1, uid, -1) == 0;
    ::setfsuid(0);
  }
  ~AsUser() {
    EXPECT_EQ(::syscall(SYS_setresuid, -1, 0, -1), 0);
    EXPECT_EQ(::syscall(SYS_setresgid, -1, 0, -1), 0);
    EXPECT_EQ(::syscall(SYS_setgroups, groups_.size(), groups_.data()), 0);
  }
  AsUser(const AsUser&) = delete;
  AsUser& operator=(const AsUser&) = delete;
  bool worked() const { return worked_; }

 private:
  std::vector<gid_t> groups_;
  bool worked_ = false;
};

enum class May { kAskNothing, kReadMetrics, kAskEverything };

void ExpectThatUser(uid_t uid, May may, const std::string& socket, gid_t gid = 3000) {
  SCOPED_TRACE(absl::StrCat("user ", uid, " of group ", gid));
  const AsUser user(uid, gid);
  ASSERT_TRUE(user.worked()) << "this root may not become another user";
  AdminClient client(socket);
  const int metrics = may == May::kAskNothing ? 403 : 200;
  for (const char* path : {"/metrics", "/healthz", "/readyz"}) {
    EXPECT_EQ(client.Get(path).status, metrics) << path;
  }
  const bool everything = may == May::kAskEverything;
  const HttpAnswer listing = client.Get("/v1/sessions");
  const HttpAnswer status = client.Call("GetServerStatus", "{}");
  const HttpAnswer query = client.Call("QuerySessionByClientId", R"({"clientId":"lamp"})");
  for (const HttpAnswer* answer : {&listing, &status, &query}) {
    EXPECT_EQ(answer->status, everything ? 200 : 403) << answer->body;
    if (may != May::kReadMetrics) continue;
    EXPECT_THAT(answer->body, HasSubstr("\"permission_denied\""));
    EXPECT_THAT(answer->body, HasSubstr(kMetricsOnly));
    EXPECT_THAT(answer->body, Not(HasSubstr("lamp")));
  }
  EXPECT_EQ(client.Get(kUnsignedCall).status == 200, everything);
  if (everything) return;  // these answers end at once only where they are refused
  for (const HttpAnswer& stream : {client.Get("/v1/changes"), client.Call("WatchSessions", "{}")}) {
    EXPECT_THAT(stream.body, Not(HasSubstr("lamp")));
    EXPECT_EQ(absl::StrContains(stream.body, kMetricsOnly), may == May::kReadMetrics)
        << stream.body;
  }
}

TEST_P(AudienceTest, AUserForTheMetricsReadsThemOnTheSocketAndNothingElse) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can ask as another user";
  Start({{"metrics_socket_uids", "1005"}, {"metrics_socket_gids", "2006"}});
  ExpectThatUser(1005, May::kReadMetrics, socket_);
  ExpectThatUser(1003, May::kReadMetrics, socket_, /*gid=*/2006);
  ExpectThatUser(1003, May::kAskEverything, socket_);
  ExpectThatUser(0, May::kAskEverything, socket_);
}

TEST_P(AudienceTest, UsersForTheMetricsAreLetInBesideThoseWhoMayAskEverything) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can ask as another user";
  Start({{"admin_socket_uids", "1001, 1002"}, {"metrics_socket_uids", "1005 1002"}});
  ExpectThatUser(1005, May::kReadMetrics, socket_);
  ExpectThatUser(1001, May::kAskEverything, socket_);
  ExpectThatUser(1002, May::kAskEverything, socket_);
  ExpectThatUser(1003, May::kAskNothing, socket_);
}

TEST_P(AudienceTest, ACertificateForTheMetricsReadsThemAndNothingElse) {
  const TempDir dir;
  transport::TestCertificates certificates(dir.path());
  for (const char* name : {"server", "ops", "scraper"}) certificates.Make(name);
  Start({{"admin_listen_tls", "127.0.0.1:{PORT2}"},
         {"tls_certificate_file", certificates.certificate_file("server")},
         {"tls_private_key_file", certificates.key_file("server")},
         {"tls_client_ca_file", certificates.ca_file()},
         {"tls_client_names", "ops"},
         {"metrics_client_names", "scraper.example.com"}});
  for (const bool everything : {true, false}) {
    const std::string name = everything ? "ops" : "scraper";
    SCOPED_TRACE(name);
    ApiClient client(broker_->port(2), certificates.ca_file(), certificates.certificate_file(name));
    const auto get = [&client](const char* target) {
      OwnedRequest request;
      request.method = "GET";
      request.target = target;
      request.headers.emplace_back("Host", "localhost");
      return client.Send(request);
    };
    for (const char* path : {"/metrics", "/healthz", "/readyz"}) EXPECT_EQ(get(path).status, 200);
    EXPECT_EQ(get(kUnsignedCall).status == 200, everything);
    const ApiAnswer listing = get("/v1/sessions");
    EXPECT_EQ(listing.status, everything ? 200 : 403);
    EXPECT_THAT(listing.body, HasSubstr(everything ? "lamp" : kMetricsOnly));
  }
}

}  // namespace
}  // namespace session_status::testing
