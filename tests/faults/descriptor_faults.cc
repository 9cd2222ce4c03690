// No file descriptors left in the broker: MQTT and the admin socket both come back.
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/broker/scenario.h"
#include "tests/faults/signed_calls.h"
#include "tests/transport/test_certificates.h"
#include "tests/transport/test_client.h"
#include "tests/webhook/receiver.h"

namespace session_status::testing {
namespace {

constexpr int kDescriptors = 200;

// From now on the process gets no descriptor, until this goes: clients alone do not take the last
// one from a 2.0, which closes them for want of another.
class NoDescriptors {
 public:
  explicit NoDescriptors(pid_t process) : process_(process) {
    rlim_t lowest_free = 0;
    while (std::filesystem::is_symlink(absl::StrCat("/proc/", process_, "/fd/", lowest_free))) {
      ++lowest_free;
    }
    rlimit none = {lowest_free, 0};
    EXPECT_EQ(prlimit(process_, RLIMIT_NOFILE, nullptr, &before_), 0);
    none.rlim_max = before_.rlim_max;
    EXPECT_EQ(prlimit(process_, RLIMIT_NOFILE, &none, nullptr), 0);
  }
  ~NoDescriptors() { EXPECT_EQ(prlimit(process_, RLIMIT_NOFILE, &before_, nullptr), 0); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  const pid_t process_;
  rlimit before_ = {};
};

class DescriptorFault : public ScenarioTest {
 protected:
  void StartWithFewDescriptors(const Files& more_options = {}, const Files& files = {}) {
    Files options = {{"admin_socket", "{DIR}/admin.sock"}, {"snapshot_refresh", "20ms"}};
    options.insert(options.end(), more_options.begin(), more_options.end());
    broker_ = BrokerProcess::Start({.line = GetParam(),
                                    .config = kPlainConfig,
                                    .plugin = SessionStatusPlugin(),
                                    .plugin_options = options,
                                    .files = files,
                                    .descriptors_max = kDescriptors});
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    admin_ = std::make_unique<AdminClient>(broker_->Expand("{DIR}/admin.sock"));
  }

  // Processor time that the listener's thread has used, to the nanosecond.
  absl::Duration ListenersCpuTime() {
    for (const auto& task :
         std::filesystem::directory_iterator(absl::StrCat("/proc/", broker_->pid(), "/task"))) {
      if (ReadFile(task.path() / "comm") != "session-http\n") continue;
      const std::vector<std::string> fields =
          absl::StrSplit(ReadFile(task.path() / "schedstat"), ' ');
      int64_t nanoseconds = 0;
      EXPECT_TRUE(absl::SimpleAtoi(fields[0], &nanoseconds));
      return absl::Nanoseconds(nanoseconds);
    }
    ADD_FAILURE() << "no such thread";
    return absl::ZeroDuration();
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
  RawConnection lamp = RawConnection::Tcp(port());
  ASSERT_EQ(lamp.Connect({.id = "lamp"}), 0) << "MQTT keeps its share";
  // Those that came first are told why they are refused, and closed.
  const absl::Duration before = ListenersCpuTime();
  // A second of round trips: processor time, not time of the clock, is what is judged.
  const absl::Time end = absl::Now() + absl::Seconds(1);
  while (absl::Now() < end) {
    ASSERT_TRUE(lamp.Ping());
    absl::SleepFor(absl::Milliseconds(10));  // the pace of the pings, not a wait for anything
  }
  EXPECT_LT(ListenersCpuTime() - before, absl::Milliseconds(50))
      << "5 %; a spinning thread takes all";
}

// What has been read stays in force as a whole, and the next reload finds everything again.
TEST_P(DescriptorFault, AReloadWithoutDescriptorsLeavesTheOldFilesInForce) {
  const TempDir dir;
  transport::TestCertificates certificates(dir.path());
  certificates.Make("server");
  const std::string old_secret = "the first secret of thirty bytes";
  const std::string new_secret = "the second secret, as many bytes";
  const Receiver receiver;
  ASSERT_NO_FATAL_FAILURE(StartWithFewDescriptors(
      {{"admin_listen_tls", "127.0.0.1:{PORT2}"},
       {"tls_certificate_file", certificates.certificate_file("server")},
       {"tls_private_key_file", certificates.key_file("server")},
       {"access_file", "{DIR}/access.json"},
       {"webhook_url", receiver.url()},
       {"webhook_secret_file", "{DIR}/webhook.secret"}},
      {{"access.json", OwnersAccessFile("old-secret")}, {"webhook.secret", old_secret}}));
  transport::TestClient asks(broker_->Expand("{DIR}/admin.sock"));  // from now to the end
  int nonce = 0;
  const auto status = [&](absl::string_view secret) {
    return asks.Ask(OwnersCall(secret, absl::Now(), absl::StrCat("nonce-", ++nonce))).status;
  };
  const auto certificate = [&] {
    transport::TestClient client(absl::StrCat("127.0.0.1:", port(2)),
                                 certificates.ClientContext().get());
    if (client.ssl() == nullptr) return std::string("no connection");
    const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(client.ssl()),
                                                            &X509_free);
    std::array<unsigned char, 32> digest = {};
    unsigned size = 0;
    if (shown == nullptr || X509_digest(shown.get(), EVP_sha256(), digest.data(), &size) != 1) {
      return std::string("none");
    }
    return absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), size});
  };
  // Whether what is posted of a new client is signed with `secret`.
  const auto posted_with = [&](const std::string& id, const std::string& secret) {
    const auto client = Online({.id = id});
    return WaitUntil([&] {
      for (const Receiver::Post& post : receiver.posts()) {
        if (!absl::StrContains(post.body, absl::StrCat("\"subject\":\"", id, "\""))) continue;
        return post.headers.at("webhook-signature") == SignatureOf(post, secret);
      }
      return false;
    });
  };
  const std::string old_certificate = certificate();
  ASSERT_EQ(old_certificate.size(), 64u) << old_certificate;
  ASSERT_EQ(status("old-secret"), 200);
  ASSERT_EQ(status("new-secret"), 400);
  ASSERT_TRUE(posted_with("before", old_secret));
  // What was closed on our side is closed in the broker too: nothing comes free later on.
  RawConnection lamp = RawConnection::Tcp(port());
  ASSERT_EQ(lamp.Connect({.id = "lamp"}), 0);
  ASSERT_TRUE(WaitUntil([&] { return admin_->Status().online == 1; }));
  ASSERT_TRUE(lamp.Ping() && lamp.Ping());
  ASSERT_EQ(status("old-secret"), 200);

  broker_->dir().Write("access.json", OwnersAccessFile("new-secret"));
  broker_->dir().Write("webhook.secret", new_secret);
  certificates.Make("server");
  {
    const NoDescriptors none(broker_->pid());
    broker_->Signal(SIGHUP);
    for (const char* what : {"access file", "certificates", "webhook secret"}) {
      EXPECT_TRUE(
          broker_->WaitForLog(absl::StrCat(what, " not reloaded, the old one stays in force: ")))
          << broker_->Log();
    }
    EXPECT_EQ(status("old-secret"), 200);
    EXPECT_EQ(status("new-secret"), 400);
  }
  EXPECT_TRUE(WaitUntil([&] { return certificate() == old_certificate; })) << certificate();
  EXPECT_EQ(status("old-secret"), 200);
  EXPECT_EQ(status("new-secret"), 400);
  EXPECT_TRUE(posted_with("meanwhile", old_secret));

  broker_->Signal(SIGHUP);
  for (const char* what : {"access file", "certificates", "webhook secret"}) {
    EXPECT_TRUE(broker_->WaitForLog(absl::StrCat("reloaded: ", what))) << broker_->Log();
  }
  EXPECT_EQ(status("old-secret"), 400);
  EXPECT_EQ(status("new-secret"), 200);
  const std::string new_certificate = certificate();
  EXPECT_EQ(new_certificate.size(), 64u) << new_certificate;
  EXPECT_NE(new_certificate, old_certificate);
  EXPECT_TRUE(posted_with("after", new_secret));
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
