// The documented API inside real brokers: what the plugin's options wire together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "plugin/store/usage_report.h"
#include "tests/plugin/api_client.h"
#include "tests/testing/admin_client.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/mqtt_client.h"
#include "tests/testing/small_disk.h"
#include "tests/transport/test_certificates.h"

namespace session_status::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Values;
using ::testing::ValuesIn;

constexpr char kInstance[] = "post-cn-local0001";
constexpr char kBatch[] = "BatchQuerySessionByClientIds";
constexpr char kQuery[] = "QuerySessionByClientId";

constexpr char kAccessFile[] = R"({"version": 1, "accounts": [{
  "id": "1001", "instances": ["post-cn-local0001", "post-cn-other0001"], "users": [
    {"name": "reader", "policies": [{"Version": "1", "Statement": [
       {"Effect": "Allow", "Action": "mq:*", "Resource": "*"}]}],
     "access_keys": [{"id": "key-reader", "secret": "secret-reader"}]},
    {"name": "batcher", "policies": [{"Version": "1", "Statement": [
       {"Effect": "Allow", "Action": "mq:BatchQuerySessionByClientIds", "Resource": "*"}]}],
     "access_keys": [{"id": "key-batcher", "secret": "secret-batcher"}]}]}]})";

// {PORT} and {PORT3}: MQTT; {PORT2}: the documented API, {PORT4}: the same with TLS.
constexpr char kTwoListeners[] = R"(
per_listener_settings false
listener {PORT} 127.0.0.1
listener {PORT3} 127.0.0.1
allow_anonymous true
password_file {DIR}/passwords
plugin {PLUGIN}
{OPTIONS}
)";

constexpr char kUserOfOther[] = "Signature|key|post-cn-other0001";

// 2.0 with the compatibility mode lets nobody in who has a user name that nobody checks.
std::string PasswordFileOf(const std::string& user) {
  TempDir dir;
  const std::string command =
      absl::StrCat(BrokerTool(BrokerLine::k20, "mosquitto_passwd"), " -b -c ", dir.File("p"), " '",
                   user, "' secret >/dev/null 2>&1");
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
  return ReadFile(dir.File("p"));
}

Credentials Key(absl::string_view user) {
  return {absl::StrCat("key-", user), absl::StrCat("secret-", user), ""};
}

class DocumentedApiTest : public ::testing::TestWithParam<BrokerLine> {
 protected:
  std::unique_ptr<BrokerProcess> Start(
      const std::vector<std::pair<std::string, std::string>>& more = {}) {
    BrokerOptions options;
    options.line = GetParam();
    options.config = kTwoListeners;
    options.plugin = SessionStatusPlugin();
    options.files = {{"access.json", kAccessFile}, {"passwords", PasswordFileOf(kUserOfOther)}};
    options.plugin_options = {
        {"admin_socket", "{DIR}/admin.sock"}, {"admin_listen", "127.0.0.1:{PORT2}"},
        {"instance_id", kInstance},           {"access_file", "{DIR}/access.json"},
        {"usage_database", "{DIR}/usage.db"}, {"snapshot_refresh", "100ms"},
        {"api_batch_calls_per_second", "0"},  {"api_query_calls_per_second", "0"},
        {"api_address_calls_per_second", "0"}};
    for (const auto& option : more) options.plugin_options.push_back(option);
    return BrokerProcess::Start(options);
  }

  std::string NextNonce() { return absl::StrCat("nonce-", ++nonce_); }

  OwnedRequest Query(const Credentials& key, const std::string& client_id,
                     const std::string& instance = kInstance) {
    return SignedRpc(key, {{"Action", kQuery}, {"InstanceId", instance}, {"ClientId", client_id}},
                     absl::Now(), NextNonce());
  }

  OwnedRequest Batch(const Credentials& key, const std::string& instance = kInstance,
                     const std::string& format = "JSON", bool in_body = false) {
    ParameterMap parameters = BatchParameters(instance, {"GID_a@@@1", "GID_a@@@2"});
    parameters["Action"] = kBatch;
    parameters["Format"] = format;
    return SignedRpc(key, parameters, absl::Now(), NextNonce(), in_body ? "POST" : "GET", in_body);
  }

  void ExpectEachInItsInstance(ApiClient* api) {
    const auto online = [&](const std::string& id, const std::string& instance) {
      const ApiAnswer answer = api->Send(Query(Key("reader"), id, instance));
      EXPECT_EQ(answer.status, 200) << answer.body;
      return absl::StrContains(answer.body, "\"OnlineStatus\":true");
    };
    EXPECT_TRUE(online("GID_a@@@1", kInstance));
    EXPECT_FALSE(online("GID_a@@@2", kInstance));
    EXPECT_FALSE(online("GID_a@@@1", "post-cn-other0001"));
    EXPECT_TRUE(online("GID_a@@@2", "post-cn-other0001"));
  }

  OwnedRequest BatchV3(const Credentials& key) {
    return SignedAcs3(key, kBatch, BatchParameters(kInstance, {"GID_a@@@1"}), absl::Now(),
                      NextNonce());
  }

 private:
  int nonce_ = 0;
};
INSTANTIATE_TEST_SUITE_P(OnBroker, DocumentedApiTest, ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(DocumentedApiTest, ACertificateForTheMetricsNeitherHelpsNorHindersACall) {
  const TempDir dir;
  transport::TestCertificates certificates(dir.path());
  for (const char* name : {"server", "scraper"}) certificates.Make(name);
  auto broker = Start({{"admin_listen_tls", "127.0.0.1:{PORT4}"},
                       {"tls_certificate_file", certificates.certificate_file("server")},
                       {"tls_private_key_file", certificates.key_file("server")},
                       {"tls_client_ca_file", certificates.ca_file()},
                       {"metrics_client_names", "scraper"}});
  ASSERT_TRUE(broker->running()) << broker->Log();
  ApiClient scraper(broker->port(4), certificates.ca_file(),
                    certificates.certificate_file("scraper"));
  EXPECT_EQ(scraper.Send(Query(Key("reader"), "GID_a@@@1")).status, 200);
  ApiClient other(broker->port(4), certificates.ca_file());
  for (const char* user : {"batcher", "nobody"}) {
    const ApiAnswer refused = scraper.Send(Query(Key(user), "GID_a@@@1"));
    EXPECT_NE(refused.status, 200) << refused.body;
    EXPECT_EQ(refused.status, other.Send(Query(Key(user), "GID_a@@@1")).status);
  }
}

// "GID_a@@@1" is connected in the default instance, "GID_a@@@2" in the other one.
TEST_P(DocumentedApiTest, SeesTheClientsOfTheInstanceThatIsNamedAndNoOthers) {
  auto broker = Start({{"instances_by_username", "true"}});
  ASSERT_TRUE(broker->running()) << broker->Log();
  MqttClient here({.id = "GID_a@@@1", .port = broker->port()});
  MqttClient there(
      {.id = "GID_a@@@2", .port = broker->port(), .username = kUserOfOther, .password = "secret"});
  ASSERT_EQ(here.Connect(), 0);
  ASSERT_EQ(there.Connect(), 0);
  ApiClient api(broker->port(2));
  ExpectEachInItsInstance(&api);
  // The batch answers from a snapshot, which follows.
  EXPECT_TRUE(WaitUntil([&] {
    return absl::StrContains(api.Send(Batch(Key("reader"))).body,
                             R"([{"OnlineStatus":true,"ClientId":"GID_a@@@1"},)"
                             R"({"OnlineStatus":false,"ClientId":"GID_a@@@2"}])");
  }));
  EXPECT_THAT(api.Send(Query(Key("reader"), "x", "post-cn-nobody-s")).body,
              HasSubstr("InstancePermissionCheckFailed"));
}

TEST_P(DocumentedApiTest, AClientThatWasLostIsOfflineInQueriesAndForTheGraceOnlineInBatches) {
  auto broker = Start({{"offline_grace", "10m"}});
  ASSERT_TRUE(broker->running()) << broker->Log();
  MqttClient lost({.id = "GID_a@@@1", .port = broker->port()});
  ASSERT_EQ(lost.Connect(), 0);
  lost.Drop();
  ApiClient api(broker->port(2));
  EXPECT_TRUE(WaitUntil([&] {
    return absl::StrContains(api.Send(Query(Key("reader"), "GID_a@@@1")).body,
                             "\"OnlineStatus\":false");
  }));
  // A batch that shows who came after the loss is of a snapshot that has the loss too.
  MqttClient later({.id = "GID_a@@@2", .port = broker->port()});
  ASSERT_EQ(later.Connect(), 0);
  std::string batch;
  EXPECT_TRUE(WaitUntil([&] {
    batch = api.Send(Batch(Key("reader"))).body;
    return absl::StrContains(batch, R"({"OnlineStatus":true,"ClientId":"GID_a@@@2"})");
  })) << batch;
  EXPECT_THAT(batch, HasSubstr(R"({"OnlineStatus":true,"ClientId":"GID_a@@@1"})"));
}

// Mosquitto 2.0 does not tell plugins which listener a client uses: it does not start
// with the option (StartOn20Test).
class DocumentedApiOf21Test : public DocumentedApiTest {};
INSTANTIATE_TEST_SUITE_P(OnBroker, DocumentedApiOf21Test, Values(BrokerLine::k21),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(DocumentedApiOf21Test, AListenerCanBeAnInstance) {
  auto broker = Start({{"instances_by_listener", "{PORT3}=post-cn-other0001"}});
  ASSERT_TRUE(broker->running()) << broker->Log();
  MqttClient here({.id = "GID_a@@@1", .port = broker->port(1)});
  MqttClient there({.id = "GID_a@@@2", .port = broker->port(3)});
  ASSERT_EQ(here.Connect(), 0);
  ASSERT_EQ(there.Connect(), 0);
  ApiClient api(broker->port(2));
  ExpectEachInItsInstance(&api);
}

// SESSION_STATUS_USAGE_CALLS sets the number of calls; 10,000 is the promise.
TEST_P(DocumentedApiTest, UsageIsWhatCallersCountedAcrossRestarts) {
  const char* const wish = std::getenv("SESSION_STATUS_USAGE_CALLS");
  const int calls = wish == nullptr ? 400 : std::atoi(wish);
  auto broker = Start({{"api_log", "none"}});
  ASSERT_TRUE(broker->running()) << broker->Log();
  auto api = std::make_unique<ApiClient>(broker->port(2));
  std::map<std::string, int64_t> own;
  std::mt19937_64 rng(42);
  OwnedRequest last;
  for (int i = 0; i < calls; ++i) {
    if (i % (calls / 4) == calls / 4 - 1) {
      ASSERT_EQ(broker->Stop(), 0) << broker->Log();
      broker->Restart();
      ASSERT_TRUE(broker->running()) << broker->Log();
      api = std::make_unique<ApiClient>(broker->port(2));
      last = OwnedRequest();  // a restart forgets nonces
    }
    const std::string user = rng() % 2 == 0 ? "reader" : "batcher";
    OwnedRequest request;
    std::string operation = kBatch;
    bool succeeds = true;
    switch (rng() % 10) {
      case 0:
      case 1:
        request = Batch(Key(user));
        break;
      case 2:
        request = Batch(Key(user), kInstance, "XML");
        break;
      case 3:
        request = Batch(Key(user), kInstance, "JSON", /*in_body=*/true);
        break;
      case 4:
      case 5:
        request = BatchV3(Key(user));
        break;
      case 6:
      case 7:
        request = Query(Key(user), "GID_a@@@1");
        operation = kQuery;
        succeeds = user == "reader";  // the other may not
        break;
      case 8:
        request = rng() % 2 == 0 ? Batch({"key-reader", "secret-wrong", ""})
                                 : Batch(Key(user), "post-cn-nobody-s");
        succeeds = false;
        break;
      default:
        request = last;  // a replay, or nothing signed at all
        succeeds = false;
    }
    const ApiAnswer answer = api->Send(request);
    ASSERT_NE(answer.status, 0);
    ASSERT_EQ(answer.status == 200, succeeds) << request.target << " " << answer.body;
    if (!succeeds) continue;
    ++own[absl::StrCat(user, ",", operation)];
    last = request;
  }
  ASSERT_EQ(broker->Stop(), 0) << broker->Log();

  store::UsageQuery query;
  query.by = {store::UsageColumn::kUser, store::UsageColumn::kOperation};
  const auto report = store::ReadUsage(broker->Expand("{DIR}/usage.db"), query);
  ASSERT_TRUE(report.ok()) << report.status();
  std::map<std::string, int64_t> counted;
  for (const store::UsageRow& row : *report) {
    counted[absl::StrJoin(row.group, ",")] += row.calls;
  }
  EXPECT_EQ(counted, own);
}

// Whatever the disk does, the broker starts; the calls wait, and a stop that loses them says so.
TEST_P(DocumentedApiTest, AFullDiskForTheUsageDoesNotStopTheStart) {
  const TempDir dir;
  const SmallDisk disk(dir.path());
  if (!disk.is_there()) GTEST_SKIP() << "only root can mount a disk to try this on";
  ASSERT_EQ(chmod(dir.path().c_str(), 0777), 0);
  const std::string filler = disk.Fill();
  BrokerOptions options;
  options.line = GetParam();
  options.config = kPlainConfig;
  options.plugin = SessionStatusPlugin();
  options.plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                            {"admin_listen", "127.0.0.1:{PORT2}"},
                            {"usage_database", dir.File("usage.db")}};
  auto broker = BrokerProcess::Start(options);
  ASSERT_TRUE(broker->running()) << broker->Log();
  OwnedRequest query;
  query.target =
      "/?Action=QuerySessionByClientId&Version=2020-04-20&InstanceId=mosquitto&ClientId=x";
  query.headers.emplace_back("Host", "localhost");
  EXPECT_EQ(ApiClient(broker->port(2)).Send(query).status, 200);
  EXPECT_TRUE(broker->WaitForLog("usage cannot be written and is kept in memory")) << broker->Log();
  EXPECT_EQ(broker->Stop(), 0) << broker->Log();
  EXPECT_THAT(broker->Log(), HasSubstr("up to 1 calls that were answered are not counted"));

  broker->Restart();
  ASSERT_TRUE(broker->running()) << broker->Log();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ApiClient(broker->port(2)).Send(query).status, 200);
  std::filesystem::remove(filler);
  EXPECT_TRUE(broker->WaitForLog("usage is written again")) << broker->Log();
  EXPECT_EQ(broker->Stop(), 0) << broker->Log();
  const auto report =
      store::ReadUsage(dir.File("usage.db"), {absl::InfinitePast(), absl::InfiniteFuture(), {}});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->front().calls, 3);
}

// The vendor's oldest SDK takes an error that is not in this shape for an answer: "offline".
TEST_P(DocumentedApiTest, ACallThatWasSentToAnotherPathIsToldSoInItsShape) {
  auto broker = Start();
  ASSERT_TRUE(broker->running()) << broker->Log();
  ApiClient api(broker->port(2));
  // SDKs put the endpoint's path first: "/mqtt" + "/" + "?Action=…". The others are paths that
  // exist, but not for such a call.
  for (const char* path :
       {"/mqtt/", "/mqtt", "/ui/", "/mosquitto_session_status.v1.SessionStatusService/x"}) {
    const auto elsewhere = [path](OwnedRequest request) {
      request.target = absl::StrCat(path, request.target.substr(1));
      return request;
    };
    for (const OwnedRequest& request :
         {Query(Key("reader"), "x"), Batch(Key("reader"), kInstance, "JSON", true),
          BatchV3(Key("reader"))}) {
      const ApiAnswer answer = api.Send(elsewhere(request));
      EXPECT_EQ(answer.status, 404) << path;
      EXPECT_THAT(answer.body, HasSubstr(R"("Code":"InvalidApi.NotFound")")) << path;
    }
  }
  // What is there stays there, whatever else a request says.
  OwnedRequest metrics;
  metrics.target = "/metrics?Action=x";
  EXPECT_THAT(api.Send(metrics).body, HasSubstr("session_status_"));
  metrics.method = "POST";
  EXPECT_THAT(api.Send(metrics).body, HasSubstr(R"("Code":"InvalidApi.NotFound")"));
  metrics.target = "/nowhere";
  metrics.method = "GET";
  EXPECT_THAT(api.Send(metrics).body, HasSubstr(R"("code":"not_found")"));
}

TEST_P(DocumentedApiTest, ABrokenAccessFileLeavesTheOldOneInForceAndSaysSo) {
  auto broker = Start();
  ASSERT_TRUE(broker->running()) << broker->Log();
  ApiClient api(broker->port(2));
  ASSERT_EQ(api.Send(Batch(Key("reader"))).status, 200);
  broker->dir().Write("access.json", "{\"version\": 1, \"accounts\": [");
  broker->Signal(SIGHUP);
  EXPECT_TRUE(broker->WaitForLog("access.json: line 1")) << broker->Log();
  EXPECT_EQ(api.Send(Batch(Key("reader"))).status, 200);

  broker->dir().Write("access.json",
                      absl::StrReplaceAll(kAccessFile, {{"key-reader", "key-new"},
                                                        {"secret-reader", "secret-new"}}));
  broker->Signal(SIGHUP);
  EXPECT_TRUE(WaitUntil([&] { return api.Send(Batch(Key("new"))).status == 200; }));
  EXPECT_THAT(api.Send(Batch(Key("reader"))).body, HasSubstr("InvalidAccessKeyId.NotFound"));
  EXPECT_THAT(broker->Log(), Not(HasSubstr("secret-")));
}

// A key that was revoked in a file that could not be read is still let in: somebody has to be told.
TEST_P(DocumentedApiTest, StatusAndMetricsTellOfAReloadThatFailed) {
  auto broker = Start();
  ASSERT_TRUE(broker->running()) << broker->Log();
  ApiClient api(broker->port(2));
  const auto metrics = [&api] {
    OwnedRequest request;
    request.target = "/metrics";
    return api.Send(request).body;
  };
  const auto status = [&broker] {
    return AdminClient(broker->dir().File("admin.sock")).Call("GetServerStatus", "{}").body;
  };
  const auto gauge = [](int value) {
    return absl::StrCat("session_status_reload_failed{what=\"access_file\"} ", value, "\n");
  };
  EXPECT_THAT(metrics(), HasSubstr(gauge(0)));
  EXPECT_THAT(status(), HasSubstr(R"("reloads":[{"name":"access_file","atMs":)"));
  const std::string path = broker->dir().File("access.json");
  const mode_t open_to_others = 0644;
  ASSERT_EQ(chmod(path.c_str(), open_to_others), 0);
  broker->Signal(SIGHUP);
  EXPECT_TRUE(WaitUntil([&] { return absl::StrContains(metrics(), gauge(1)); }));
  EXPECT_THAT(status(), HasSubstr(R"({"name":"access_file","failed":true,"atMs":)"));
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  // The broker forgets a signal that comes before it is done with the one before.
  EXPECT_TRUE(WaitUntil([&] {
    broker->Signal(SIGHUP);
    return absl::StrContains(metrics(), gauge(0));
  }));
}

TEST_P(DocumentedApiTest, TheLogNamesInstancesOfTheAccessFileThatAreNotServed) {
  auto broker = Start();
  ASSERT_TRUE(broker->running()) << broker->Log();
  EXPECT_THAT(broker->Log(),
              HasSubstr("access file: account 1001 owns post-cn-other0001, which this "
                        "server does not serve (instance_id is post-cn-local0001)"));
  broker->dir().Write("access.json",
                      absl::StrReplaceAll(kAccessFile, {{"post-cn-other0001", "post-cn-*"}}));
  broker->Signal(SIGHUP);
  EXPECT_TRUE(broker->WaitForLog("account 1001 owns post-cn-*, which this server does not serve"))
      << broker->Log();
  auto all = Start({{"instances_by_username", "true"}});
  ASSERT_TRUE(all->running()) << all->Log();
  EXPECT_THAT(all->Log(), Not(HasSubstr("does not serve")));
}

TEST_P(DocumentedApiTest, AnAccessFileThatOthersCanReadStopsTheStart) {
  TempDir dir;
  const std::string path = dir.Write("open.json", kAccessFile);
  ASSERT_EQ(chmod(path.c_str(), 0644), 0);
  BrokerOptions options;
  options.line = GetParam();
  options.config = kPlainConfig;
  options.plugin = SessionStatusPlugin();
  options.plugin_options = {{"admin_socket", "{DIR}/admin.sock"}, {"access_file", path}};
  auto broker = BrokerProcess::Start(options);
  EXPECT_NE(broker->WaitExit(), 0);
  EXPECT_THAT(broker->Log(), HasSubstr("plugin_opt_access_file"));
  EXPECT_THAT(broker->Log(), HasSubstr("chmod 600"));
}

TEST_P(DocumentedApiTest, TheLogNamesFailedCallsByRequestIdAndShowsNoSecret) {
  auto broker = Start();
  ASSERT_TRUE(broker->running()) << broker->Log();
  ApiClient api(broker->port(2));
  const ApiAnswer answer = api.Send(Batch({"key-reader", "secret-wrong", ""}));
  const size_t begin = answer.body.find("\"RequestId\":\"") + 13;
  ASSERT_EQ(answer.status, 400);
  EXPECT_TRUE(broker->WaitForLog(
      absl::StrCat("call ", answer.body.substr(begin, 36), ": 400 SignatureDoesNotMatch")))
      << broker->Log();
  EXPECT_THAT(broker->Log(), Not(HasSubstr("secret-")));
  // A stranger's name for himself: 8-bit controls steer a terminal.
  EXPECT_EQ(api.Send(Batch({"\u009b[2J", "whatever", ""})).status, 404);
  EXPECT_TRUE(broker->WaitForLog(R"(key \xc2... (unknown, 5 bytes), from)")) << broker->Log();
}

TEST_P(DocumentedApiTest, ACertificateIsReadAgainOnSighup) {
  TempDir dir;
  transport::TestCertificates first(dir.path());
  first.Make("server");
  auto broker = Start({{"admin_listen_tls", "127.0.0.1:{PORT4}"},
                       {"tls_certificate_file", first.certificate_file("server")},
                       {"tls_private_key_file", first.key_file("server")}});
  ASSERT_TRUE(broker->running()) << broker->Log();
  EXPECT_EQ(ApiClient(broker->port(4), first.ca_file()).Send(BatchV3(Key("reader"))).status, 200);

  transport::TestCertificates second(dir.path());  // another CA in the same files
  second.Make("server");
  EXPECT_EQ(ApiClient(broker->port(4), second.ca_file()).Send(BatchV3(Key("reader"))).status, 0);
  broker->Signal(SIGHUP);
  EXPECT_TRUE(WaitUntil([&] {
    return ApiClient(broker->port(4), second.ca_file()).Send(BatchV3(Key("reader"))).status == 200;
  })) << broker->Log();
}

}  // namespace
}  // namespace session_status::testing
