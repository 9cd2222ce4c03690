// What all broker scenarios share: a broker of either line with the plugin, and questions to it.
//
// Every scenario is one row of docs/broker-support.md; support_list_test.cc holds the two together.
#ifndef SESSION_STATUS_TESTS_BROKER_SCENARIO_H_
#define SESSION_STATUS_TESTS_BROKER_SCENARIO_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/testing/admin_client.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/mqtt_client.h"
#include "tests/testing/raw_mqtt.h"
#include "tests/testing/wait.h"

namespace session_status::testing {

// Path of the plugin of tests/testing/other_plugin.cc.
std::string OtherPlugin();

// How much of something a long test does: the environment's word, or what suits every build.
int FromEnvironment(const char* name, int otherwise);

// The content of a password file with one user, made by the broker's own tool.
std::string PasswordFile(const std::string& user, const std::string& password);

// A throw-away certificate authority with a server and a client certificate (CN "anna"), as PEM
// files in a folder of its own. Made once per process.
struct TestCertificates {
  std::string ca, server_cert, server_key, client_cert, client_key;
};
const TestCertificates& Certificates();

// One anonymous listener and the plugin with a session database in {DIR}/s.db.
inline constexpr char kWithDatabase[] = R"(
listener {PORT} 127.0.0.1
allow_anonymous true
plugin {PLUGIN}
{OPTIONS}
plugin_opt_session_database {DIR}/s.db
plugin_opt_session_database_flush 10ms
)";

class ScenarioTest : public ::testing::TestWithParam<BrokerLine> {
 protected:
  using Files = std::vector<std::pair<std::string, std::string>>;

  static bool On21() { return GetParam() == BrokerLine::k21; }

  // Starts the broker; fails the test if it does not run. `config` as for BrokerOptions.
  void Start(const std::string& config = kPlainConfig, const Files& files = {});

  uint16_t port(int index = 1) const { return broker_->port(index); }
  SessionAnswer Query(absl::string_view id) { return admin_->Query(id); }

  // A connected client, of which the plugin has been told.
  std::unique_ptr<MqttClient> Online(ClientOptions options);

  // Waits until `id` is in `state` and expects the reason: `reason` on 2.1, `reason20` on 2.0,
  // which mostly cannot know one.
  void ExpectEnd(absl::string_view id, absl::string_view state, absl::string_view reason,
                 absl::string_view reason20 = "UNKNOWN");
  // The answer now; no waiting.
  void ExpectOnline(absl::string_view id);
  void ExpectState(absl::string_view id, absl::string_view state);

  // Waits until the database holds everything that has been told until now.
  void WaitForDatabase();

  // A client connects, makes a round trip and leaves: what happened before has been handled.
  void Settle();

  std::unique_ptr<BrokerProcess> broker_;
  std::unique_ptr<AdminClient> admin_;
  int settled_ = 0;
};

#define SCENARIOS(fixture)                                                     \
  class fixture : public ScenarioTest {};                                      \
  INSTANTIATE_TEST_SUITE_P(OnBroker, fixture, ::testing::ValuesIn(kBothLines), \
                           NameOfLine<::testing::TestParamInfo<BrokerLine>>)

// For scenarios that only 2.1 offers the means for.
#define SCENARIOS_OF_21(fixture)                                                  \
  class fixture : public ScenarioTest {};                                         \
  INSTANTIATE_TEST_SUITE_P(OnBroker, fixture, ::testing::Values(BrokerLine::k21), \
                           NameOfLine<::testing::TestParamInfo<BrokerLine>>)

}  // namespace session_status::testing

#endif  // SESSION_STATUS_TESTS_BROKER_SCENARIO_H_
