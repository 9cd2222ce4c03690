// Our hooks change no authentication outcome: every row with and without the plugin.
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

SCENARIOS(NeutralityScenario);

// Who gets in, in the order: anonymous, right password, wrong password, unknown user.
std::string Outcomes(BrokerLine line, const std::string& config, const std::string& plugin) {
  const auto broker =
      BrokerProcess::Start({.line = line,
                            .config = config,
                            .plugin = plugin,
                            .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}},
                            .files = {{"passwords", PasswordFile("anna", "secret")}}});
  EXPECT_TRUE(broker->running()) << broker->Log();
  std::string outcomes;
  for (int version : {4, 5}) {
    struct Attempt {
      const char* username;
      const char* password;
    };
    for (const Attempt& a : {Attempt{"", ""}, Attempt{"anna", "secret"}, Attempt{"anna", "wrong"},
                             Attempt{"nobody", "any"}}) {
      MqttClient client({.id = "lamp",
                         .port = broker->port(),
                         .version = version,
                         .username = a.username,
                         .password = a.password});
      outcomes += client.Connect() == 0 ? 'y' : 'n';
    }
    outcomes += ' ';
  }
  return outcomes;
}

struct Row {
  bool allow_anonymous;
  bool password_file;
  const char* other_login;  // answer of a plugin after ours; nullptr: there is none
};

std::string Config(const Row& row, bool with_plugin) {
  return absl::StrCat(
      "listener {PORT} 127.0.0.1\nallow_anonymous ", row.allow_anonymous ? "true" : "false", "\n",
      row.password_file ? "password_file {DIR}/passwords\n" : "",
      with_plugin ? "plugin {PLUGIN}\n{OPTIONS}\n" : "",
      row.other_login == nullptr
          ? ""
          : absl::StrCat("plugin ", OtherPlugin(), "\nplugin_opt_login ", row.other_login, "\n"));
}

TEST_P(NeutralityScenario, SameLoginsWithAndWithoutThePlugin) {
  for (bool allow_anonymous : {true, false}) {
    for (bool password_file : {true, false}) {
      for (const char* other : {static_cast<const char*>(nullptr), "accept", "refuse", "defer"}) {
        const Row row{allow_anonymous, password_file, other};
        // The one case that observing logins changes; the documentation says so.
        const bool exception = !On21() && allow_anonymous && !password_file && other == nullptr;
        if (exception) continue;
        const std::string without = Outcomes(GetParam(), Config(row, false), "");
        const std::string with = Outcomes(GetParam(), Config(row, true), SessionStatusPlugin());
        EXPECT_EQ(with, without) << "allow_anonymous " << allow_anonymous << " password_file "
                                 << password_file << " other plugin "
                                 << (other == nullptr ? "none" : other);
      }
    }
  }
}

class NeutralityOf20Scenario : public ScenarioTest {};
INSTANTIATE_TEST_SUITE_P(OnBroker, NeutralityOf20Scenario, ::testing::Values(BrokerLine::k20),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(NeutralityOf20Scenario, ObservingLoginsRefusesUserNamesThatNobodyChecks) {
  const Row row{.allow_anonymous = true, .password_file = false, .other_login = nullptr};
  EXPECT_EQ(Outcomes(GetParam(), Config(row, false), ""), "yyyy yyyy ");
  EXPECT_EQ(Outcomes(GetParam(), Config(row, true), SessionStatusPlugin()), "ynnn ynnn ");
}

TEST_P(NeutralityOf20Scenario, WithoutTheOptionTheStartIsRefusedAndSaysWhy) {
  const auto broker = BrokerProcess::Start({.line = GetParam(),
                                            .config = "listener {PORT} 127.0.0.1\nplugin {PLUGIN}\n"
                                                      "plugin_opt_admin_socket {DIR}/admin.sock\n",
                                            .plugin = SessionStatusPlugin()});
  EXPECT_FALSE(broker->running());
  EXPECT_NE(broker->WaitExit(), 0);
  EXPECT_THAT(broker->Log(), ::testing::HasSubstr("observe_logins"));
}

}  // namespace
}  // namespace session_status::testing
