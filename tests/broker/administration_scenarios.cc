// What an administrator does to clients, to the configuration and to the broker.
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

SCENARIOS(AdministrationScenario);

constexpr char kWithKicker[] =
    "listener {PORT} 127.0.0.1\nallow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\nplugin ";

TEST_P(AdministrationScenario, KickedByAnotherPlugin) {
  Start(absl::StrCat(kWithKicker, OtherPlugin(), "\n"));
  auto administrator = Online({.id = "administrator"});
  for (bool clean : {true, false}) {
    const std::string id = absl::StrCat("clean-", clean);
    auto client = Online({.id = id, .clean = clean});
    ASSERT_TRUE(administrator->Publish("other-plugin/kick", id));
    EXPECT_TRUE(client->WaitClosed());
    ExpectEnd(id, clean ? "OFFLINE" : "OFFLINE_SESSION_KEPT", "KICKED");
  }
}

// Our plugin first; dynamic-security decides about every login.
constexpr char kDynamicSecurity[] =
    "listener {PORT} 127.0.0.1\nallow_anonymous false\nplugin {PLUGIN}\n{OPTIONS}\n"
    "plugin {LIB}/mosquitto_dynamic_security.so\n"
    "plugin_opt_config_file {DIR}/dynsec.json\n";

std::string DynamicSecurityConfig(BrokerLine line) {
  TempDir dir;
  const std::string command = absl::StrCat(BrokerTool(line, "mosquitto_ctrl"), " dynsec init ",
                                           dir.File("d"), " admin secret >/dev/null 2>&1");
  if (system(command.c_str()) != 0) ADD_FAILURE() << command;
  return ReadFile(dir.File("d"));
}

TEST_P(AdministrationScenario, DynamicSecurityDisablesAndDeletesClients) {
  Start(kDynamicSecurity, {{"dynsec.json", DynamicSecurityConfig(GetParam())}});
  auto admin = Online({.id = "admin", .username = "admin", .password = "secret"});
  const auto command = [&](absl::string_view json) {
    EXPECT_TRUE(admin->Publish("$CONTROL/dynamic-security/v1",
                               absl::StrCat("{\"commands\":[", json, "]}")));
  };
  for (const char* verb : {"disableClient", "deleteClient"}) {
    SCOPED_TRACE(verb);
    command(R"({"command":"createClient","username":"anna","password":"pw"})");
    const std::string id = absl::StrCat("lamp-", verb);
    auto client = Online({.id = id, .username = "anna", .password = "pw"});
    ExpectOnline(id);
    command(absl::StrCat(R"({"command":")", verb, R"(","username":"anna"})"));
    EXPECT_TRUE(client->WaitClosed());
    ExpectEnd(id, "OFFLINE", "KICKED");
    MqttClient refused({.id = id, .port = port(), .username = "anna", .password = "pw"});
    EXPECT_GT(refused.Connect(), 0);
    EXPECT_FALSE(Query(id).online);
    command(R"({"command":"deleteClient","username":"anna"})");
  }
}

TEST_P(AdministrationScenario, SighupKeepsEverybodyOnline) {
  Start();
  auto a = Online({.id = "a"});
  auto b = Online({.id = "b"});
  const uint64_t incarnation = Query("a").incarnation;
  for (int i = 0; i < 5; ++i) {
    broker_->Signal(SIGHUP);
    EXPECT_TRUE(a->RoundTrip());
  }
  EXPECT_TRUE(broker_->WaitForLog("Reloading config"));
  Settle();
  EXPECT_TRUE(broker_->running());
  EXPECT_TRUE(b->RoundTrip());
  ExpectOnline("a");
  ExpectOnline("b");
  EXPECT_EQ(Query("a").incarnation, incarnation);
}

// 2.0 asks on SIGHUP for everybody whose session it holds, connected or not.
TEST_P(AdministrationScenario, SighupBringsNobodyBackWhoIsGone) {
  Start(absl::StrCat("persistence true\npersistence_location {DIR}/\n", kPlainConfig));
  const auto leave = [this](const ClientOptions& options) {
    Online(options)->Disconnect();
    WaitUntil([&] { return !Query(options.id).online; });
  };
  leave({.id = "kept", .version = 4, .clean = false});
  leave({.id = "kept-5", .version = 5, .clean = false, .session_expiry_s = 3600});
  leave({.id = "gone", .version = 4, .clean = true});
  const auto there = Online({.id = "there"});
  const auto expect_truth = [&](bool restarted) {
    const uint64_t incarnation = Query("kept").incarnation;
    for (int i = 0; i < 3; ++i) {
      broker_->Signal(SIGHUP);
      EXPECT_TRUE(there->RoundTrip() || restarted);
      Settle();
    }
    for (const char* id : {"kept", "kept-5", "gone"}) EXPECT_FALSE(Query(id).online) << id;
    EXPECT_EQ(Query("kept").incarnation, incarnation);
  };
  expect_truth(false);
  ExpectOnline("there");
  // Whoever comes back at once is seen.
  for (int i = 0; i < 20; ++i) {
    broker_->Signal(SIGHUP);
    auto back = Online({.id = "kept", .version = 4, .clean = false});
    ExpectOnline("kept");
    back->Disconnect();
    WaitUntil([this] { return !Query("kept").online; });
  }
  EXPECT_EQ(broker_->Stop(), 0);
  broker_->Restart();  // the sessions come from the broker's file now
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  Settle();
  expect_truth(true);
}

// Of a client that does not pass, 2.0 tells the end at every SIGHUP, connected or not; its session
// stays, and passes when the password is right again.
TEST_P(AdministrationScenario, SighupBringsNobodyBackWhoDidNotPassTheOneBefore) {
  Start(
      "listener {PORT} 127.0.0.1\nallow_anonymous true\npassword_file {DIR}/passwords\n"
      "plugin {PLUGIN}\n{OPTIONS}\n",
      {{"passwords", PasswordFile("anna", "secret")}});
  Settle();
  const auto connect = [this](const std::string& id, int version) {
    return Online({.id = id,
                   .version = version,
                   .clean = false,
                   .username = "anna",
                   .password = "secret",
                   .session_expiry_s = version == 5 ? std::optional(UINT32_MAX) : std::nullopt});
  };
  for (int version : {4, 5}) {
    const std::string id = absl::StrCat("gone-", version);
    connect(id, version)->Disconnect();
    WaitUntil([&] { return !Query(id).online; });
  }
  const auto there_4 = connect("there-4", 4), there_5 = connect("there-5", 5);
  int reloads = 0;
  const auto reload_with = [&](const char* password) {
    broker_->dir().Write("passwords", PasswordFile("anna", password));
    broker_->Signal(SIGHUP);
    ++reloads;
    EXPECT_TRUE(WaitUntil([&] {
      const std::vector<std::string> parts = absl::StrSplit(broker_->Log(), "Reloading config");
      return static_cast<int>(parts.size()) > reloads;
    })) << broker_->Log();
    Settle();
  };
  for (const char* password : {"other", "other", "secret", "other", "secret"}) {
    reload_with(password);
    for (const char* id : {"gone-4", "gone-5", "there-4", "there-5"}) {
      const SessionAnswer answer = Query(id);
      EXPECT_FALSE(answer.online) << answer.raw;
      EXPECT_EQ(answer.connects, 1) << answer.raw;
    }
  }
  EXPECT_TRUE(there_4->WaitClosed());
  EXPECT_TRUE(there_5->WaitClosed());
  // Whoever does come back is seen.
  const auto back_4 = connect("gone-4", 4), back_5 = connect("there-5", 5);
  reload_with("secret");
  for (const char* id : {"gone-4", "there-5"}) ExpectOnline(id);
}

TEST_P(AdministrationScenario, SighupBringsNobodyBackWhoWasKickedWhenGone) {
  Start(absl::StrCat(kWithKicker, OtherPlugin(), "\n"));
  auto administrator = Online({.id = "administrator"});
  for (int version : {4, 5}) {
    const std::string id = absl::StrCat("kept-", version);
    Online({.id = id,
            .version = version,
            .clean = false,
            .session_expiry_s = version == 5 ? std::optional(UINT32_MAX) : std::nullopt})
        ->Disconnect();
    WaitUntil([&] { return !Query(id).online; });
    ASSERT_TRUE(administrator->Publish("other-plugin/kick", id));
    Settle();
  }
  broker_->Signal(SIGHUP);
  EXPECT_TRUE(broker_->WaitForLog("Reloading config"));
  Settle();
  for (const char* id : {"kept-4", "kept-5"}) {
    EXPECT_FALSE(Query(id).online) << id;
    EXPECT_EQ(Query(id).connects, 1) << id;
  }
  ExpectOnline("administrator");
}

TEST_P(AdministrationScenario, SighupReachesThePluginsBehindOurs) {
  Start(absl::StrCat(kWithKicker, OtherPlugin(), "\nplugin_opt_say_reload true\n"));
  broker_->Signal(SIGHUP);
  EXPECT_TRUE(broker_->WaitForLog("other plugin: reloaded")) << broker_->Log();
}

TEST_P(AdministrationScenario, SighupThrowsOutWhoNoLongerPasses) {
  Start(
      "listener {PORT} 127.0.0.1\nallow_anonymous false\npassword_file {DIR}/passwords\n"
      "plugin {PLUGIN}\n{OPTIONS}\n",
      {{"passwords", PasswordFile("anna", "secret")}});
  auto client = Online({.id = "lamp", .username = "anna", .password = "secret"});
  ExpectOnline("lamp");
  broker_->dir().Write("passwords", PasswordFile("anna", "other"));
  broker_->Signal(SIGHUP);
  EXPECT_TRUE(client->WaitClosed());
  ExpectEnd("lamp", "OFFLINE", "NOT_AUTHORIZED", "NOT_AUTHORIZED");
}

TEST_P(AdministrationScenario, SigtermEndsTheBrokerAndRemovesTheSocket) {
  Start();
  auto client = Online({.id = "lamp"});
  EXPECT_EQ(broker_->Stop(), 0);
  EXPECT_FALSE(admin_->Query("lamp").ok);
  EXPECT_NE(access(broker_->Expand("{DIR}/admin.sock").c_str(), F_OK), 0);
}

TEST_P(AdministrationScenario, AfterARestartNobodyIsOnline) {
  Start();
  auto client = Online({.id = "lamp"});
  broker_->Kill();
  broker_->Restart();
  ASSERT_TRUE(broker_->running()) << "a socket file left behind must not stop the start";
  EXPECT_FALSE(Query("lamp").online);
  EXPECT_EQ(admin_->Status().online, 0u);
  auto back = Online({.id = "lamp"});
  ExpectOnline("lamp");
}

}  // namespace
}  // namespace session_status::testing
