// `$CONTROL/session-status/v1` on real brokers of both lines: mosquitto_rr (MQTT 5), an MQTT 3.1.1
// client, and what the broker's ACLs allow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <sys/wait.h>

#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/admin_client.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/mqtt_client.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kTopic[] = "$CONTROL/session-status/v1";
constexpr char kQuery[] = R"({"commands":[{"command":"query","clientId":"lamp"}]})";

// What the documents tell an operator to write.
constexpr char kAclFile[] = R"(topic readwrite #

user operator
topic readwrite #
topic write $CONTROL/session-status/v1

user reader
topic readwrite #
topic read $CONTROL/#
)";

class ControlTest : public ::testing::TestWithParam<BrokerLine> {
 protected:
  void Start(absl::string_view users, bool with_acl) {
    std::string config = absl::StrCat(kPlainConfig, "plugin_opt_control_users ", users, "\n");
    // 2.0 refuses user names when nothing checks passwords.
    absl::StrAppend(&config, "password_file {DIR}/passwords\n");
    if (with_acl) absl::StrAppend(&config, "acl_file {DIR}/acl\n");
    broker_ = BrokerProcess::Start(
        {.line = GetParam(),
         .config = config,
         .plugin = SessionStatusPlugin(),
         .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}, {"snapshot_refresh", "20ms"}},
         .files = {{"acl", kAclFile}, {"passwords", Passwords()}}});
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    admin_ = std::make_unique<AdminClient>(broker_->Expand("{DIR}/admin.sock"));
  }
  // Hashes of 2.0, which both lines read; every password is "secret".
  static std::string Passwords() {
    TempDir dir;
    dir.Write("p", "operator:secret\nreader:secret\nother:secret\n");
    const std::string command = absl::StrCat(BrokerTool(BrokerLine::k20, "mosquitto_passwd"),
                                             " -U ", dir.File("p"), " 2>/dev/null");
    EXPECT_EQ(system(command.c_str()), 0);
    return ReadFile(dir.File("p"));
  }
  std::unique_ptr<MqttClient> Client(const std::string& id, const std::string& user,
                                     int version = 4) {
    ClientOptions options;
    options.id = id;
    options.port = broker_->port();
    options.version = version;
    options.username = user;
    if (!user.empty()) options.password = "secret";
    auto client = std::make_unique<MqttClient>(options);
    EXPECT_EQ(client->Connect(), 0) << id;
    return client;
  }
  // The next message that `client` receives; empty: none came.
  static std::string Receive(MqttClient* client, size_t after) {
    WaitUntil([&] {
      client->Serve();
      return client->received().size() > after || !client->connected();
    });
    return client->received().size() > after ? client->received()[after] : "";
  }
  static std::string Ask(MqttClient* client, absl::string_view payload) {
    const size_t before = client->received().size();
    EXPECT_TRUE(client->Publish(kTopic, payload));
    return Receive(client, before);
  }
  // mosquitto_rr's output: response topic, correlation data, payload.
  std::string RequestResponse(const std::string& user, const std::string& arguments) {
    const std::string command =
        absl::StrCat(BrokerTool(BrokerLine::k20, "mosquitto_rr"), " -h 127.0.0.1 -p ",
                     broker_->port(), " -u ", user, " -P secret -V 5 -W 30 -F '%t|%D|%p' -t '",
                     kTopic, "' -m '", kQuery, "' ", arguments, " 2>&1");
    std::string output;
    FILE* pipe = popen(command.c_str(), "r");
    char buffer[4096];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, n);
    pclose(pipe);
    return output;
  }
  std::string AdminAnswer() {
    const HttpAnswer answer = admin_->Call("QuerySessionByClientId", R"({"clientId":"lamp"})");
    EXPECT_EQ(answer.status, 200);
    return answer.body;
  }
  // A client that came and went: what is said of it does not change from call to call.
  void LampWasHere() {
    Client("lamp", "")->Disconnect();
    EXPECT_EQ(admin_->WaitForState("lamp", "OFFLINE").state, "OFFLINE");
  }

  std::unique_ptr<BrokerProcess> broker_;
  std::unique_ptr<AdminClient> admin_;
};
INSTANTIATE_TEST_SUITE_P(OnBroker, ControlTest, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(ControlTest, MosquittoRrGetsTheAdminServicesJsonOnItsResponseTopicWithItsCorrelation) {
  Start("operator", true);
  LampWasHere();
  EXPECT_EQ(RequestResponse("operator", "-e answers/of/anna -D publish correlation-data id-7"),
            absl::StrCat(R"(answers/of/anna|id-7|{"responses":[{"command":"query","data":)",
                         AdminAnswer(), "}]}\n"));
}

TEST_P(ControlTest, AnMqtt311ClientGetsItsAnswerOnTheFixedTopicWithoutASubscription) {
  Start("operator", true);
  LampWasHere();
  auto client = Client("console", "operator");
  EXPECT_EQ(Ask(client.get(), kQuery),
            absl::StrCat(R"({"responses":[{"command":"query","data":)", AdminAnswer(), "}]}"));
}

TEST_P(ControlTest, NobodyElseHearsTheAnswer) {
  Start("*", true);
  auto listener = Client("listener", "reader");
  listener->Subscribe("$CONTROL/session-status/v1/response");
  auto client = Client("console", "operator");
  EXPECT_THAT(Ask(client.get(), kQuery), StartsWith(R"({"responses")"));
  // Sent after the answer was: had the answer been for all, it would be here by now.
  listener->Subscribe("after");
  EXPECT_TRUE(client->Publish("after", "marker"));
  EXPECT_EQ(Receive(listener.get(), 0), "marker");
}

// acl_file: a rule that begins with # never matches a topic that begins with $.
TEST_P(ControlTest, WithoutARuleOfTheAclTheBrokerRefusesWhateverTheOptionSays) {
  Start("*", true);
  LampWasHere();
  auto other = Client("other", "other");
  EXPECT_TRUE(other->Publish(kTopic, kQuery));  // acknowledged, as every denied message
  auto reader = Client("reader", "reader");
  EXPECT_TRUE(reader->Publish(kTopic, kQuery));
  auto client = Client("console", "operator");
  EXPECT_THAT(Ask(client.get(), kQuery), StartsWith(R"({"responses")"));
  other->RoundTrip();
  reader->RoundTrip();
  EXPECT_TRUE(other->received().empty());
  EXPECT_TRUE(reader->received().empty());
  const std::string metrics = admin_->Get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("session_status_control_requests_total 1\n"));
}

TEST_P(ControlTest, WithoutAnAclTheOptionDecides) {
  Start("operator", false);
  auto other = Client("other", "other");
  EXPECT_THAT(Ask(other.get(), kQuery), HasSubstr(R"("code":"permission_denied")"));
  auto anonymous = Client("anonymous", "");
  EXPECT_THAT(Ask(anonymous.get(), kQuery), HasSubstr(R"("code":"permission_denied")"));
  auto client = Client("console", "operator");
  EXPECT_THAT(Ask(client.get(), kQuery), HasSubstr(R"("data":{)"));
}

TEST_P(ControlTest, ByDefaultTheTopicIsNotServed) {
  Start("none", false);
  auto client = Client("console", "operator");
  EXPECT_TRUE(client->Publish(kTopic, kQuery));
  // 2.1 itself says that nobody is there; 2.0 says nothing.
  if (GetParam() == BrokerLine::k21) {
    EXPECT_THAT(Receive(client.get(), 0), HasSubstr("endpoint not available"));
  } else {
    client->RoundTrip();
    EXPECT_TRUE(client->received().empty());
  }
}

TEST_P(ControlTest, EveryCommandIsAnsweredAndAListingIsPagedThrough) {
  Start("*", false);
  std::vector<std::unique_ptr<MqttClient>> others;
  for (int i = 0; i < 5; ++i) others.push_back(Client(absl::StrCat("other-", i), ""));
  auto client = Client("console", "operator");
  const std::string answer = Ask(client.get(), R"({"commands":[
      {"command":"batchQuery","clientIds":["console","nobody"],"correlationData":"1"},
      {"command":"counts","correlationData":"2"}]})");
  EXPECT_THAT(answer, HasSubstr(R"("snapshot":{)"));
  EXPECT_THAT(answer, HasSubstr(R"("correlationData":"1")"));
  EXPECT_THAT(answer, HasSubstr(R"("correlationData":"2")"));
  size_t listed = 0;
  std::string next = R"("pageSize":2)";
  while (!next.empty()) {
    rapidjson::Document page;
    page.Parse(
        Ask(client.get(), absl::StrCat(R"({"commands":[{"command":"list",)", next, "}]}")).c_str());
    ASSERT_FALSE(page.HasParseError());
    ASSERT_TRUE(page["responses"][0].HasMember("data"));
    const auto& data = page["responses"][0]["data"];
    if (data.HasMember("sessions")) listed += data["sessions"].Size();
    next = data.HasMember("nextCursor")
               ? absl::StrCat(R"("cursor":")", data["nextCursor"].GetString(), "\"")
               : "";
  }
  EXPECT_EQ(listed, 6u);
}

TEST_P(ControlTest, FourPluginLinesAnswerOnce) {
  std::string config = "listener {PORT} 127.0.0.1\nallow_anonymous true\n";
  for (int i = 0; i < 4; ++i) absl::StrAppend(&config, "plugin {PLUGIN}\n{OPTIONS}\n");
  broker_ = BrokerProcess::Start(
      {.line = GetParam(),
       .config = config,
       .plugin = SessionStatusPlugin(),
       .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}, {"control_users", "*"}}});
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  auto client = Client("console", "");
  EXPECT_THAT(Ask(client.get(), kQuery), HasSubstr(R"("data":{)"));
  EXPECT_THAT(Ask(client.get(), "{}"), HasSubstr("has no array"));
  EXPECT_EQ(client->received().size(), 2u);
}

// The broker's thread only copies: other clients' round trips go on while the desk works.
TEST_P(ControlTest, LargeRequestsAreAnsweredWholeAndTheBrokerStaysResponsive) {
  Start("*", false);
  auto client = Client("console", "operator");
  auto other = Client("other", "other");
  std::string ids;
  for (int i = 0; i < 10'000; ++i) {
    absl::StrAppend(&ids, i == 0 ? "" : ",", "\"device-", 10'000'000 + i, "\"");
  }
  const std::string request =
      absl::StrCat(R"({"commands":[{"command":"batchQuery","clientIds":[)", ids, "]}]}");
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(client->Publish(kTopic, request));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(other->RoundTrip());
  EXPECT_TRUE(WaitUntil([&] {
    client->Serve();
    return client->received().size() == 4;
  }));
  for (const std::string& answer : client->received()) {
    EXPECT_GT(answer.size(), 400'000u);
    EXPECT_THAT(answer, HasSubstr("device-10009999"));
  }
  const std::string too_long = absl::StrCat(request, std::string(1 << 20, ' '));
  EXPECT_THAT(Ask(client.get(), too_long), HasSubstr("bytes; at most 1048576"));
}

}  // namespace
}  // namespace session_status::testing
