// What is known after a restart of the broker, with a session database.
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/broker/scenario.h"

namespace session_status::testing {
namespace {

SCENARIOS(RestartScenario);
SCENARIOS_OF_21(RestartOf21Scenario);

constexpr char kPersistent[] = "persistence true\npersistence_location {DIR}/\n";

int64_t NowMs() { return absl::ToUnixMillis(absl::Now()); }

TEST_P(RestartScenario, AfterSigtermClientsWentWithTheServerAtThatMoment) {
  Start(kWithDatabase);
  auto client = Online({.id = "lamp", .keepalive_s = 77});
  Online({.id = "bell"})->Disconnect();
  ExpectEnd("bell", "OFFLINE", "CLIENT_DISCONNECT");
  const SessionAnswer before = Query("lamp");
  const SessionAnswer bell = Query("bell");
  const int64_t stopping_ms = NowMs();
  EXPECT_EQ(broker_->Stop(), 0);
  const int64_t stopped_ms = NowMs();
  broker_->Restart();
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  const SessionAnswer lamp = Query("lamp");
  EXPECT_EQ(lamp.state, "OFFLINE") << lamp.raw;
  EXPECT_EQ(lamp.end_reason, "SERVER_SHUTDOWN");
  EXPECT_GE(lamp.disconnected_at_ms, stopping_ms);
  EXPECT_LE(lamp.disconnected_at_ms, stopped_ms);
  EXPECT_EQ(lamp.ended_not_before_ms, 0) << "the moment is exact";
  EXPECT_TRUE(lamp.restored);
  EXPECT_EQ(lamp.incarnation, before.incarnation);
  EXPECT_EQ(lamp.connected_at_ms, before.connected_at_ms);
  EXPECT_EQ(lamp.address, before.address);
  EXPECT_EQ(lamp.keepalive_s, 77);
  const SessionAnswer bell_after = Query("bell");
  EXPECT_EQ(bell_after.end_reason, bell.end_reason);
  EXPECT_EQ(bell_after.disconnected_at_ms, bell.disconnected_at_ms);
  EXPECT_EQ(admin_->Status().store_restored, 2u);
  auto back = Online({.id = "lamp"});
  ExpectOnline("lamp");
  EXPECT_GT(Query("lamp").incarnation, before.incarnation);
  EXPECT_FALSE(Query("lamp").restored);
  EXPECT_EQ(Query("lamp").connects, 2);
}

TEST_P(RestartScenario, AfterAKillClientsEndedInAnIntervalThatHoldsTheTruth) {
  Start(kWithDatabase);
  auto client = Online({.id = "lamp"});
  ExpectOnline("lamp");
  WaitForDatabase();
  const int64_t known_online_ms = NowMs();
  broker_->Kill();
  const int64_t dead_ms = NowMs();
  broker_->Restart();
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  const SessionAnswer lamp = Query("lamp");
  EXPECT_EQ(lamp.state, "OFFLINE") << lamp.raw;
  EXPECT_FALSE(lamp.online);
  EXPECT_EQ(lamp.end_reason, "BROKER_RESTART");
  EXPECT_GE(lamp.ended_not_before_ms, lamp.connected_at_ms - 64);
  EXPECT_LE(lamp.ended_not_before_ms, dead_ms);
  EXPECT_GE(lamp.ended_not_after_ms, known_online_ms);
  EXPECT_EQ(lamp.last_seen_at_ms, lamp.ended_not_before_ms);
  EXPECT_EQ(lamp.disconnected_at_ms, lamp.ended_not_after_ms);
}

TEST_P(RestartScenario, StoredHistoryTellsOfConnectionsBeforeTheRestart) {
  Start(kWithDatabase);
  {
    auto client = Online({.id = "lamp"});
    client->Drop();
    ExpectEnd("lamp", "OFFLINE", "NETWORK_ERROR");
  }
  auto client = Online({.id = "lamp"});
  ExpectOnline("lamp");
  EXPECT_EQ(broker_->Stop(), 0);
  broker_->Restart();
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  auto back = Online({.id = "lamp"});
  ExpectOnline("lamp");
  WaitForDatabase();
  const std::string stored =
      admin_->Call("GetHistory", R"({"clientId":"lamp","stored":true})").body;
  const auto count = [&stored](const std::string& what) {
    int found = 0;
    for (size_t at = stored.find(what); at != std::string::npos; at = stored.find(what, at + 1)) {
      ++found;
    }
    return found;
  };
  EXPECT_EQ(count("CHANGE_KIND_ONLINE"), 3) << stored;
  EXPECT_EQ(count("CHANGE_KIND_OFFLINE"), 2) << stored;
  EXPECT_EQ(count("END_REASON_SERVER_SHUTDOWN"), 1) << stored;
  EXPECT_EQ(count(On21() ? "END_REASON_NETWORK_ERROR" : "END_REASON_UNKNOWN"), 1) << stored;
  EXPECT_EQ(count("127.0.0.1"), 5) << stored;
  const std::string memory = admin_->Call("GetHistory", R"({"clientId":"lamp"})").body;
  EXPECT_EQ(memory.find("END_REASON_SERVER_SHUTDOWN"), std::string::npos) << memory;
}

TEST_P(RestartScenario, IncarnationsRiseOverEveryKindOfEndAndALostDatabase) {
  Start(kWithDatabase);
  uint64_t highest = 0;
  for (int round = 0; round < 4; ++round) {
    SCOPED_TRACE(round);
    auto client = Online({.id = "lamp"});
    const SessionAnswer answer = Query("lamp");
    EXPECT_GT(answer.incarnation, highest) << answer.raw;
    highest = answer.incarnation;
    if (round % 2 == 0) {
      broker_->Kill();
    } else {
      EXPECT_EQ(broker_->Stop(), 0);
    }
    if (round == 2) {
      for (const char* suffix : {"", "-wal", "-shm"}) {
        std::filesystem::remove(broker_->dir().File(absl::StrCat("s.db", suffix)));
      }
    }
    broker_->Restart();
    ASSERT_TRUE(broker_->running()) << broker_->Log();
  }
}

TEST_P(RestartScenario, ADamagedDatabaseIsMovedAsideAndTheBrokerStarts) {
  Start(kWithDatabase);
  Online({.id = "lamp"})->Disconnect();
  EXPECT_EQ(broker_->Stop(), 0);
  const std::string path = broker_->dir().File("s.db");
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.write("not what was here", 17);
  }
  broker_->Restart();
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  EXPECT_TRUE(broker_->WaitForLog("moved to"));
  EXPECT_TRUE(std::filesystem::exists(path + ".damaged"));
  EXPECT_EQ(Query("lamp").state, "UNKNOWN");
  auto client = Online({.id = "lamp"});
  ExpectOnline("lamp");
  EXPECT_EQ(broker_->Stop(), 0);
  broker_->Restart();
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  EXPECT_EQ(Query("lamp").end_reason, "SERVER_SHUTDOWN");
}

// The broker's persistence is named, or the path is mistyped: its password file.
TEST_P(RestartScenario, AFileOfAnotherProgramStopsTheStartAndStaysAsItIs) {
  Start(absl::StrCat(kPersistent, kWithDatabase));
  Online({.id = "lamp", .clean = false})->Disconnect();
  ExpectEnd("lamp", "OFFLINE_SESSION_KEPT", "CLIENT_DISCONNECT");
  EXPECT_EQ(broker_->Stop(), 0);
  const auto read = [](const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  for (const char* name : {"mosquitto.db", "passwords"}) {
    const std::string path = broker_->dir().File(name);
    if (absl::string_view(name) == "passwords") {
      std::ofstream(path) << "ann:$7$101$8mpRQHWWNkgFNMgH$hyWwm8EUqLq9bAdA==\n";
    }
    const std::string content = read(path);
    ASSERT_FALSE(content.empty()) << name;
    for (const char* option : {"session_database", "usage_database"}) {
      SCOPED_TRACE(absl::StrCat(option, " ", name));
      auto other = BrokerProcess::Start(
          {.line = GetParam(),
           .config = kPlainConfig,
           .plugin = SessionStatusPlugin(),
           .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}, {option, path}}});
      EXPECT_NE(other->WaitExit(), 0);
      EXPECT_TRUE(absl::StrContains(
          other->Log(), absl::StrCat("option plugin_opt_", option, ": ", path, ": is ")))
          << other->Log();
      EXPECT_TRUE(absl::StrContains(other->Log(), "give the database a path of its own"))
          << other->Log();
      EXPECT_EQ(read(path), content);
      EXPECT_FALSE(std::filesystem::exists(path + ".damaged"));
    }
  }
}

TEST_P(RestartScenario, TwoBrokersCannotShareOneDatabase) {
  Start(kWithDatabase);
  auto other =
      BrokerProcess::Start({.line = GetParam(),
                            .config = kPlainConfig,
                            .plugin = SessionStatusPlugin(),
                            .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                                               {"session_database", broker_->dir().File("s.db")}}});
  EXPECT_NE(other->WaitExit(), 0);
  EXPECT_TRUE(absl::StrContains(other->Log(), "option plugin_opt_session_database: "))
      << other->Log();
  EXPECT_TRUE(absl::StrContains(other->Log(), "another process is using it")) << other->Log();
  auto client = Online({.id = "lamp"});
  ExpectOnline("lamp");
}

TEST_P(RestartScenario, ASessionThatTheBrokerDidNotKeepIsOfflineWithItsOwnReason) {
  Start(kWithDatabase);  // persistence false
  Online({.id = "lamp", .clean = false})->Disconnect();
  ExpectEnd("lamp", "OFFLINE_SESSION_KEPT", "CLIENT_DISCONNECT");
  const SessionAnswer before = Query("lamp");
  EXPECT_EQ(broker_->Stop(), 0);
  broker_->Restart();
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  const SessionAnswer lamp = Query("lamp");
  EXPECT_EQ(lamp.state, "OFFLINE");
  EXPECT_EQ(lamp.end_reason, before.end_reason);
  EXPECT_EQ(lamp.disconnected_at_ms, before.disconnected_at_ms);
}

TEST_P(RestartOf21Scenario, SessionsThatTheBrokerRestoredAreKept) {
  Start(absl::StrCat(kPersistent, kWithDatabase));
  auto online = Online({.id = "online", .clean = false});
  ASSERT_TRUE(online->Subscribe("t"));
  auto clean = Online({.id = "clean"});
  {
    auto gone = Online({.id = "gone", .clean = false});
    ASSERT_TRUE(gone->Subscribe("t"));
    gone->Disconnect();
  }
  ExpectEnd("gone", "OFFLINE_SESSION_KEPT", "CLIENT_DISCONNECT");
  const SessionAnswer gone = Query("gone");
  EXPECT_EQ(broker_->Stop(), 0);
  broker_->Restart();
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  ExpectState("gone", "OFFLINE_SESSION_KEPT");
  EXPECT_EQ(Query("gone").end_reason, "CLIENT_DISCONNECT");
  EXPECT_EQ(Query("gone").disconnected_at_ms, gone.disconnected_at_ms);
  ExpectState("online", "OFFLINE_SESSION_KEPT");
  EXPECT_EQ(Query("online").end_reason, "SERVER_SHUTDOWN");
  ExpectState("clean", "OFFLINE");
  auto back = Online({.id = "gone", .clean = false});
  ExpectOnline("gone");
  EXPECT_GT(Query("gone").incarnation, gone.incarnation);
  EXPECT_EQ(Query("gone").session_created_at_ms, gone.session_created_at_ms);
  back->Disconnect();
  ExpectEnd("gone", "OFFLINE_SESSION_KEPT", "CLIENT_DISCONNECT");
}

// The end by which the broker says that it goes on with a session is told to the plugins of the
// listener that the session was on, which the broker has to remember.
TEST_P(RestartOf21Scenario, RestoredSessionsAreGoneOnWithUnderPerListenerSettings) {
  constexpr char kListener[] =
      "\nallow_anonymous true\nplugin {PLUGIN}\n{OPTIONS}\n"
      "plugin_opt_session_database {DIR}/s.db\nplugin_opt_session_database_flush 10ms\n";
  Start(absl::StrCat("per_listener_settings true\n", kPersistent, "listener {PORT} 127.0.0.1",
                     kListener, "listener {PORT2} 127.0.0.1", kListener));
  const auto lamp = [this](int listener) {
    auto client = Online({.id = "lamp",
                          .port = port(listener),
                          .version = 5,
                          .clean = false,
                          .session_expiry_s = 3600});
    ASSERT_TRUE(client->Subscribe("t"));
    client->Drop();
    ExpectEnd("lamp", "OFFLINE_SESSION_KEPT", "NETWORK_ERROR");
  };
  lamp(1);
  const SessionAnswer first = Query("lamp");
  lamp(2);
  EXPECT_EQ(Query("lamp").session_created_at_ms, first.session_created_at_ms);
  EXPECT_EQ(broker_->Stop(), 0);
  broker_->Restart();
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  ExpectState("lamp", "OFFLINE_SESSION_KEPT");
  lamp(1);
  const SessionAnswer last = Query("lamp");
  EXPECT_EQ(last.connects, 3);
  EXPECT_EQ(last.session_created_at_ms, first.session_created_at_ms);
}

// At its end 2.1 tells of sessions that it restored and that can expire, as if they were removed.
TEST_P(RestartOf21Scenario, AnOrderlyStopIsNoEndOfARestoredSession) {
  Start(absl::StrCat(kPersistent, kWithDatabase));
  {
    auto lamp = Online({.id = "lamp", .version = 5, .clean = false, .session_expiry_s = 3600});
    ASSERT_TRUE(lamp->Subscribe("t"));
    lamp->Drop();
  }
  ExpectEnd("lamp", "OFFLINE_SESSION_KEPT", "NETWORK_ERROR");
  const SessionAnswer before = Query("lamp");
  for (int restart = 0; restart < 3; ++restart) {
    SCOPED_TRACE(restart);
    EXPECT_EQ(broker_->Stop(), 0);
    broker_->Restart();
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    ExpectState("lamp", "OFFLINE_SESSION_KEPT");
    EXPECT_EQ(Query("lamp").end_reason, "NETWORK_ERROR");
    EXPECT_EQ(Query("lamp").disconnected_at_ms, before.disconnected_at_ms);
  }
}

TEST_P(RestartOf21Scenario, SessionsThatOnlyTheBrokerRememberedAreFoundAndKept) {
  Start(absl::StrCat(kPersistent, kWithDatabase));
  {
    auto client = Online({.id = "lamp", .clean = false});
    ASSERT_TRUE(client->Subscribe("t"));
    client->Disconnect();
  }
  ExpectEnd("lamp", "OFFLINE_SESSION_KEPT", "CLIENT_DISCONNECT");
  EXPECT_EQ(broker_->Stop(), 0);
  std::filesystem::remove(broker_->dir().File("s.db"));
  broker_->Restart();
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  const SessionAnswer lamp = admin_->WaitForState("lamp", "OFFLINE_SESSION_KEPT");
  EXPECT_EQ(lamp.state, "OFFLINE_SESSION_KEPT") << lamp.raw;
  EXPECT_EQ(lamp.end_reason, "UNKNOWN");
  EXPECT_TRUE(lamp.restored);
  EXPECT_EQ(lamp.disconnected_at_ms, 0) << "nobody knows";
  EXPECT_GT(lamp.incarnation, 0u);
  auto back = Online({.id = "lamp", .clean = true});
  ExpectOnline("lamp");
  EXPECT_GT(Query("lamp").incarnation, lamp.incarnation);
  back->Disconnect();
  ExpectEnd("lamp", "OFFLINE", "CLIENT_DISCONNECT");
}

TEST_P(RestartOf21Scenario, AnOutgoingBridgeIsNotTakenForARestoredSession) {
  Start(absl::StrCat(kPersistent, kWithDatabase,
                     "connection up\naddress 127.0.0.1:{PORT9}\ntopic t out\ncleansession false\n"
                     "local_clientid bridge-here\n"));
  auto client = Online({.id = "lamp"});
  Settle();
  EXPECT_EQ(Query("bridge-here").state, "UNKNOWN");
  EXPECT_EQ(broker_->Stop(), 0);
  broker_->Restart();
  ASSERT_TRUE(broker_->running()) << broker_->Log();
  Settle();
  EXPECT_EQ(Query("bridge-here").state, "UNKNOWN");
}

}  // namespace
}  // namespace session_status::testing
