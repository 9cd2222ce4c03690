// The whole plugin in a broker that is not there.
#include "plugin/session_plugin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/options.h"
#include "tests/plugin/system_clocks.h"
#include "tests/store/disk_pace.h"
#include "tests/store/store_folder.h"
#include "tests/testing/fake_broker.h"
#include "tests/testing/wait.h"
#include "tests/transport/test_certificates.h"

namespace session_status {
namespace {

using ::testing::Contains;
using testing::FakeBroker;
using ::testing::HasSubstr;

class SessionPluginTest : public store::StoreFolder {
 protected:
  // In a life of the broker before this one.
  void LampLeftAnHourAgo() {
    store::BrokerLife life = Live(absl::Now() - absl::Hours(1));
    life.Connect("lamp");
    life.End("lamp", registry::EndReason::kClientDisconnect);
    life.Close();
  }

  using Given = std::vector<std::pair<absl::string_view, absl::string_view>>;

  // With these options and an admin socket.
  void Start(Given given) {
    given.emplace_back("admin_socket", socket_path_);
    const auto options = ParseOptions(given);
    ASSERT_TRUE(options.ok()) << options.status();
    plugin_ = std::make_unique<SessionPlugin>(*options);
    auto hooks = plugin_->Attach(broker_.NewInstance(), 0);
    ASSERT_TRUE(hooks.ok()) << hooks.status();
    hooks_ = *std::move(hooks);
  }
  void Stop() {
    hooks_.reset();
    plugin_.reset();
  }

  // The broker takes a session from its own persistence.
  void Hold(const std::string& id) {
    mosquitto* client = broker_.NewClient(id);
    client->has_address = false;
    client->version = 0;
  }

  // One transaction; whether it was answered well.
  bool CallDocumentedApi() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_path_.copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    constexpr absl::string_view kCall =
        "GET /?Action=QuerySessionByClientId&ClientId=lamp&InstanceId=mosquitto&Version=2020-04-20 "
        "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    std::string answer(4096, '\0');
    ssize_t got = -1;
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        write(fd, kCall.data(), kCall.size()) == ssize_t{kCall.size()}) {
      got = read(fd, answer.data(), answer.size());
    }
    close(fd);
    answer.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    EXPECT_THAT(answer, ::testing::StartsWith("HTTP/1.1 200"));
    return !::testing::Test::HasFailure();
  }

  const std::string socket_path_ = folder_ / "admin.sock";
  FakeBroker broker_{FakeBroker::k21};
  std::unique_ptr<SessionPlugin> plugin_;
  std::unique_ptr<broker::Hooks> hooks_;
};

TEST_F(SessionPluginTest, TheDescriptionOfTheApiTellsTheLimitThatIsSet) {
  Start({{"api_batch_ids_max", "37"}});
  http::Peer stranger;
  http::Request request;
  request.method = "GET";
  request.target = request.path = "/openapi.json";
  request.peer = &stranger;
  http::Reply reply;
  plugin_->RouterForTest().Handle(request, &reply);
  EXPECT_THAT(reply.body, HasSubstr(R"("minItems":1,"maxItems":37,)"));
  EXPECT_THAT(reply.body, HasSubstr(R"("minItems":1,"maxItems":10000,)"));
  EXPECT_THAT(reply.body, HasSubstr(R"("x-api-versions":["2020-04-20","2019-12-11"])"));
}

// The real routing table, path by path: a new one is a new row here.
TEST_F(SessionPluginTest, EachPathAnswersItsAudienceAndNobodyElse) {
  using http::Audience;
  Start({});
  http::Router& router = plugin_->RouterForTest();
  std::map<std::string, Audience> table;
  for (const auto& route : router.routes()) table[route.path] = route.audience;
  constexpr char kService[] = "/mosquitto_session_status.v1.SessionStatusService/";
  EXPECT_EQ(table, (std::map<std::string, Audience>{
                       {"/metrics", Audience::kObservers},
                       {"/healthz", Audience::kObservers},
                       {"/readyz", Audience::kObservers},
                       {"/v1/sessions", Audience::kTrusted},
                       {"/v1/changes", Audience::kTrusted},
                       {kService, Audience::kTrusted},
                       {absl::StrCat(kService, "WatchSessions"), Audience::kTrusted},
                       {"/", Audience::kAnyone},
                       {"/ui/", Audience::kAnyone},
                       {"/openapi.json", Audience::kAnyone},
                   }));

  http::Peer stranger, observer, trusted;
  observer.kind = trusted.kind = http::Peer::Kind::kUnixSocket;
  observer.metrics_only = true;
  for (const auto& route : router.routes()) {
    for (const auto& [peer, rank] : {std::pair(stranger, Audience::kAnyone),
                                     {observer, Audience::kObservers},
                                     {trusted, Audience::kTrusted}}) {
      for (const char* method : {"GET", "POST"}) {
        SCOPED_TRACE(absl::StrCat(method, " ", route.path, " by ", static_cast<int>(rank)));
        http::Request request;
        request.method = method;
        request.target = request.path = route.path;
        request.peer = &peer;
        request.now = absl::Now();
        http::Reply reply;
        router.Handle(request, &reply);
        const bool refused = reply.status == 403;
        EXPECT_EQ(refused, rank < route.audience) << reply.body;
        EXPECT_TRUE(!refused || reply.stream == nullptr);
        if (!refused || rank == Audience::kAnyone) continue;
        EXPECT_THAT(reply.body, HasSubstr("may read only /metrics, /healthz and /readyz"));
      }
    }
  }
}

TEST_F(SessionPluginTest, AnObserverIsAStrangerToTheDocumentedApi) {
  Start({});
  for (const bool metrics_only : {false, true}) {
    http::Peer peer;
    peer.kind = http::Peer::Kind::kUnixSocket;
    peer.metrics_only = metrics_only;
    http::Request request;
    request.method = "GET";
    request.path = "/";
    request.query =
        "Action=QuerySessionByClientId&ClientId=x&InstanceId=mosquitto&Version=2020-04-20";
    request.peer = &peer;
    request.now = absl::Now();
    http::Reply reply;
    plugin_->RouterForTest().Handle(request, &reply);
    EXPECT_EQ(reply.status == 200, !metrics_only) << reply.body;
    EXPECT_THAT(reply.body,
                HasSubstr(metrics_only ? "\"Code\":\"MissingAccessKeyId" : "OnlineStatus"));
  }
}

TEST_F(SessionPluginTest, AnOptionWithoutEffectIsALineOfTheLog) {
  Start({{"audit_slice_max", "500"}, {"audit_period", "0s"}});
  EXPECT_THAT(
      broker_.log,
      Contains("session-status: option plugin_opt_audit_slice_max: \"500\" has no effect with "
               "plugin_opt_audit_period 0s; raise that, or remove this line"));
}

TEST_F(SessionPluginTest, ACertificateAndAListThatEndMeanwhileAreALineOfTheLogEach) {
  transport::TestCertificates certificates(folder_);
  certificates.Make("server", 3600);
  certificates.WriteRevocations({}, 2 * 3600);
  const std::string certificate = certificates.certificate_file("server");
  const std::string key = certificates.key_file("server");
  const std::string ca = certificates.ca_file(), revocations = certificates.crl_file();
  testing::SystemClocks clocks;
  Start({{"admin_listen_tls", "127.0.0.1:0"},
         {"tls_certificate_file", certificate},
         {"tls_private_key_file", key},
         {"tls_client_ca_file", ca},
         {"tls_client_crl_file", revocations}});
  const auto lines = [&](absl::string_view text) {
    return std::count_if(broker_.log.begin(), broker_.log.end(),
                         [&](const std::string& line) { return absl::StrContains(line, text); });
  };
  constexpr absl::string_view kCertificate = "option plugin_opt_tls_certificate_file: ",
                              kList = "option plugin_opt_tls_client_crl_file: ";
  broker_.LoopRound();
  EXPECT_EQ(lines(kCertificate) + lines(kList), 0);
  clocks.Pass(absl::Minutes(90));
  broker_.LoopRound();
  EXPECT_EQ(lines(kCertificate), 1);
  EXPECT_EQ(lines(kList), 0);
  for (int hours = 0; hours < 3; ++hours) {
    clocks.Pass(absl::Hours(1));
    broker_.LoopRound();
  }
  EXPECT_EQ(lines(kCertificate), 1);
  EXPECT_EQ(lines(kList), 1);
}

TEST_F(SessionPluginTest, AClientThatIsForgottenLeavesTheDatabaseToo) {
  {
    store::BrokerLife life = Live(absl::Now() - absl::Hours(1));
    life.Connect("lamp");
    life.End("lamp", registry::EndReason::kClientDisconnect);
    life.Advance(absl::Minutes(1));
    life.Close();
  }
  ASSERT_EQ(Integer("SELECT count(*) FROM sessions"), 1);
  Start({{"session_database", path_}, {"ended_sessions_ttl", "1s"}, {"sessions_max", "1000"}});
  broker_.LoopRound();  // the first one is also time for housekeeping
  Stop();
  EXPECT_EQ(Integer("SELECT count(*) FROM sessions"), 0);
}

TEST_F(SessionPluginTest, AClockThatWasAheadForAMinuteForgetsNobody) {
  LampLeftAnHourAgo();
  {
    testing::SystemClocks clocks;
    Start({{"session_database", path_}, {"ended_sessions_ttl", "24h"}, {"sessions_max", "1000"}});
    broker_.LoopRound();
    clocks.Set(absl::Hours(30 * 24));
    broker_.LoopRound();
    clocks.Pass(absl::Minutes(1));
    broker_.LoopRound();
    clocks.Set(-absl::Hours(30 * 24));
    for (int minutes = 0; minutes < 200; minutes += 10) {
      clocks.Pass(absl::Minutes(10));
      broker_.LoopRound();
    }
    Stop();
  }
  EXPECT_EQ(Integer("SELECT count(*) FROM sessions"), 1);
  EXPECT_EQ(Integer("SELECT count(*) FROM history"), 2);
}

TEST_F(SessionPluginTest, AStartWithAClockThatIsAheadForgetsNobody) {
  LampLeftAnHourAgo();
  testing::SystemClocks clocks;
  clocks.Set(absl::Hours(30 * 24));
  Start({{"session_database", path_}, {"ended_sessions_ttl", "24h"}, {"sessions_max", "1000"}});
  const auto pass = [&](absl::Duration time) {
    clocks.Pass(time);
    broker_.LoopRound();
  };
  pass(absl::Minutes(1));
  clocks.Set(-absl::Hours(30 * 24));
  for (int hours = 0; hours < 5; ++hours) pass(absl::Hours(1));
  Stop();
  EXPECT_EQ(Integer("SELECT count(*) FROM sessions"), 1);
}

// The same clock, but a month has gone by.
TEST_F(SessionPluginTest, WhatGrewOldWhileTheBrokerWasDownIsForgottenTwoHoursLater) {
  {
    store::BrokerLife life = Live(absl::Now() - absl::Hours(30 * 24));
    life.Connect("lamp");
    life.End("lamp", registry::EndReason::kClientDisconnect);
    life.Close();
  }
  testing::SystemClocks clocks;
  Start({{"session_database", path_}, {"ended_sessions_ttl", "24h"}, {"sessions_max", "1000"}});
  broker_.LoopRound();
  for (int minutes = 0; minutes < 130; minutes += 10) {
    clocks.Pass(absl::Minutes(10));
    broker_.LoopRound();
  }
  Stop();
  EXPECT_EQ(Integer("SELECT count(*) FROM sessions"), 0);
}

// With a persistence plugin the broker has its sessions only after the plugins' start.
TEST_F(SessionPluginTest, ASessionThatTheBrokerHoldsIsNotForgottenHoweverLongItsClientIsGone) {
  const absl::Time now = absl::Now();
  {
    store::BrokerLife life = Live(now - absl::Hours(48));
    life.Connect("lamp");
    life.End("lamp", registry::EndReason::kNetworkError, /*kept=*/true);
    life.Connect("bell");
    life.End("bell", registry::EndReason::kNetworkError);
    life.Advance(absl::Hours(47));
    life.Close();
  }
  const std::string lamp =
      "SELECT incarnation || ' ' || address || ' ' || connects || ' ' || reason || ' ' || ended_ms "
      "FROM sessions WHERE client_id = 'lamp'";
  const std::string before = Ask(lamp);
  Start({{"session_database", path_}, {"ended_sessions_ttl", "24h"}, {"sessions_max", "1000"}});
  Hold("lamp");
  broker_.LoopRound();
  Stop();
  EXPECT_EQ(Ask(lamp), before);
  EXPECT_EQ(Integer("SELECT count(*) FROM sessions WHERE client_id = 'bell'"), 0);
}

TEST_F(SessionPluginTest, SessionsThatTheBrokerHoldsAreNotForgottenForRoomBeforeTheyAreFound) {
  constexpr int kSessions = 100;
  {
    store::BrokerLife life = Live(absl::Now() - absl::Hours(1));
    for (int i = 0; i < kSessions; ++i) {
      const std::string id = absl::StrCat("lamp-", i);
      life.Connect(id);
      life.End(id, registry::EndReason::kNetworkError, /*kept=*/true);
    }
    life.Close();
  }
  Start({{"session_database", path_}, {"ended_sessions_max", "10"}, {"sessions_max", "1000"}});
  for (int i = 0; i < kSessions; ++i) Hold(absl::StrCat("lamp-", i));
  broker_.LoopRound();
  Stop();
  EXPECT_EQ(Integer("SELECT count(*) FROM sessions WHERE connects = 1 AND state = 2"), kSessions);
}

// Forgetting them all at once would leave most of the messages behind, for ever.
TEST_F(SessionPluginTest, EveryRetainedMessageGoesWhenManyClientsAreForgottenTogether) {
  constexpr int kClients = 100'000;
  testing::SystemClocks clocks;
  Start({{"topics_prefix", "s"},
         {"topics_retain", "true"},
         {"ended_sessions_ttl", "1s"},
         {"sessions_max", "200000"}});
  mosquitto* client = broker_.NewClient("device-0");
  for (int i = 1; i <= kClients; ++i) {
    broker_.Connect(client);
    broker_.Disconnect(client, 0);
    client = broker_.Reuse(client, absl::StrCat("device-", i));
  }
  std::unordered_set<std::string> removed;
  clocks.Pass(absl::Hours(1));
  for (int ticks = 0; ticks < 1000 && removed.size() < kClients; ++ticks) {
    clocks.Pass(absl::Milliseconds(100));
    broker_.LoopRound();
    for (const FakeBroker::Published& message : broker_.published) {
      if (message.retain && message.payload.empty()) removed.insert(message.topic);
    }
    broker_.published.clear();
  }
  EXPECT_EQ(removed.size(), size_t{kClients});
}

// Threads and what they work on are left behind, on purpose, which both sanitizers call a leak.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_F(SessionPluginTest, AStopGoesOnWithoutADiskThatHangs) {
  const auto threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
  };
  const auto before = threads();
  store::DiskPace disk;
  const std::string usage_path = folder_ / "usage.db";
  Start({{"session_database", path_}, {"usage_database", usage_path}, {"sessions_max", "1000"}});
  disk.Hold();
  broker_.Connect(broker_.NewClient("lamp"));
  ASSERT_TRUE(CallDocumentedApi());
  ASSERT_TRUE(testing::WaitUntil([&] { return disk.waiting() == 2; }));
  const absl::Time begun = absl::Now();
  Stop();
  EXPECT_LT(absl::Now() - begun, 2 * os::kDiskWaitMax) << "once for both";
  EXPECT_THAT(broker_.log, Contains(HasSubstr("session database's disk does not answer")));
  EXPECT_THAT(broker_.log,
              Contains(HasSubstr("; up to 1 calls that were answered are not counted")));
  EXPECT_EQ(threads(), before + 2) << "those that are in the hands of the disk";
  disk.LetGo();
  EXPECT_TRUE(testing::WaitUntil([&] { return threads() == before; }));
}
#endif

}  // namespace
}  // namespace session_status
