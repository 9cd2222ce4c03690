#include "tests/broker/scenario.h"

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/testing/temp_dir.h"

namespace session_status::testing {

std::string OtherPlugin() { return SESSION_STATUS_OTHER_PLUGIN; }

int FromEnvironment(const char* name, int otherwise) {
  const char* text = getenv(name);
  int value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

namespace {

// Runs a command line of fixed text and our own temporary paths.
void Run(const std::string& command) {
  if (system(command.c_str()) != 0) ADD_FAILURE() << "failed: " << command;
}

}  // namespace

std::string PasswordFile(const std::string& user, const std::string& password) {
  TempDir dir;
  // 2.0's hashes are read by both lines.
  Run(absl::StrCat(BrokerTool(BrokerLine::k20, "mosquitto_passwd"), " -b -c ", dir.File("p"), " ",
                   user, " ", password, " >/dev/null 2>&1"));
  return ReadFile(dir.File("p"));
}

const TestCertificates& Certificates() {
  static TempDir dir;
  static const TestCertificates certificates = [] {
    const std::string ec = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    const auto f = [](absl::string_view name) { return dir.File(name); };
    Run(absl::StrCat("openssl req -x509 ", ec, " -subj /CN=test-ca -keyout ", f("ca.key"), " -out ",
                     f("ca.pem"), " 2>/dev/null"));
    for (absl::string_view name : {"127.0.0.1", "anna"}) {
      const std::string base = f(name);
      dir.Write("ext", "subjectAltName=IP:127.0.0.1\n");
      Run(absl::StrCat("openssl req ", ec, " -subj /CN=", name, " -keyout ", base, ".key -out ",
                       base, ".csr 2>/dev/null && openssl x509 -req -days 2 -in ", base,
                       ".csr -CA ", f("ca.pem"), " -CAkey ", f("ca.key"),
                       " -CAcreateserial -extfile ", f("ext"), " -out ", base, ".pem 2>/dev/null"));
    }
    return TestCertificates{f("ca.pem"), f("127.0.0.1.pem"), f("127.0.0.1.key"), f("anna.pem"),
                            f("anna.key")};
  }();
  return certificates;
}

void ScenarioTest::Start(const std::string& config, const Files& files) {
  broker_ = BrokerProcess::Start(
      {.line = GetParam(),
       .config = config,
       .plugin = SessionStatusPlugin(),
       .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}, {"snapshot_refresh", "20ms"}},
       .files = files});
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  admin_ = std::make_unique<AdminClient>(broker_->Expand("{DIR}/admin.sock"));
}

std::unique_ptr<MqttClient> ScenarioTest::Online(ClientOptions options) {
  if (options.port == 0 && options.unix_path.empty()) options.port = port();
  auto client = std::make_unique<MqttClient>(options);
  EXPECT_EQ(client->Connect(), 0) << options.id;
  return client;
}

void ScenarioTest::ExpectEnd(absl::string_view id, absl::string_view state,
                             absl::string_view reason, absl::string_view reason20) {
  const SessionAnswer answer = admin_->WaitForState(id, state);
  EXPECT_EQ(answer.state, state) << answer.raw;
  EXPECT_EQ(answer.end_reason, On21() ? reason : reason20) << answer.raw;
  EXPECT_FALSE(answer.online);
  EXPECT_GE(answer.disconnected_at_ms, answer.connected_at_ms);
}

void ScenarioTest::ExpectOnline(absl::string_view id) { ExpectState(id, "ONLINE"); }

void ScenarioTest::ExpectState(absl::string_view id, absl::string_view state) {
  const SessionAnswer answer = Query(id);
  EXPECT_EQ(answer.state, state) << id << ": " << answer.raw;
  EXPECT_EQ(answer.online, state == "ONLINE");
}

void ScenarioTest::WaitForDatabase() {
  const int64_t now_ms = absl::ToUnixMillis(absl::Now());
  Settle();  // while nothing changes the database is told every few seconds only
  EXPECT_TRUE(WaitUntil([&] { return admin_->Status().store_complete_until_ms > now_ms; }))
      << admin_->Status().raw;
}

void ScenarioTest::Settle() {
  const std::string id = absl::StrCat("settle-", ++settled_);
  Online({.id = id})->Disconnect();
  EXPECT_EQ(admin_->WaitForState(id, "OFFLINE").state, "OFFLINE");
}

}  // namespace session_status::testing
