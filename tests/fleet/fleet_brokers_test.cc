// Real brokers, a real engine, clients over sockets: random churn and roaming, one fault at a time,
// and in the end every broker must know the truth about every client.
// SESSION_STATUS_FLEET_BROKER_SEEDS=20 runs more seeds than CI.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdio>
#include <cstdlib>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/fleet/broker_fleet.h"
#include "tests/testing/mqtt_client.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

uint64_t Seeds() {
  uint64_t seeds = 1;
  const char* text = std::getenv("SESSION_STATUS_FLEET_BROKER_SEEDS");
  if (text != nullptr && !absl::SimpleAtoi(text, &seeds)) abort();
  return seeds;
}

// What mosquitto_session prints.
std::string Cli(BrokerFleet& fleet, size_t node, const std::string& arguments) {
  const std::string socket = fleet.broker(node).Expand("{DIR}/admin.sock");
  FILE* pipe =
      popen(absl::StrCat(CLI_PATH, " --socket ", socket, " ", arguments, " 2>&1").c_str(), "r");
  std::string output;
  for (int c = fgetc(pipe); c != EOF; c = fgetc(pipe)) output += static_cast<char>(c);
  pclose(pipe);
  return output;
}

struct Fault {
  const char* name;
  void (*happen)(BrokerFleet&);
  bool sentinel = false;
  bool cluster = false;
  const char* faketime_library = "";
  friend std::ostream& operator<<(std::ostream& out, const Fault& f) { return out << f.name; }
};

void Partition(BrokerFleet& fleet, TcpProxy::Link how) {
  const size_t i = fleet.random()() % fleet.size();
  fleet.link(i).Set(how);
  fleet.ChurnFor(absl::Seconds(4));  // twice the lease
  fleet.link(i).Set(TcpProxy::Link::kUp);
}

const Fault kFaults[] = {
    {"ChurnAndRoaming", [](BrokerFleet& fleet) { fleet.Churn(1000); }},
    {"NodeKilledAndRestarted",
     [](BrokerFleet& fleet) {
       const size_t i = fleet.random()() % fleet.size();
       fleet.Kill(i);
       fleet.Churn(100);
       fleet.ExpectTruthEverywhere();
       fleet.Restart(i);
       fleet.Churn(200);
     }},
    {"EngineKilledAndRestartedEmpty",
     [](BrokerFleet& fleet) {
       fleet.engine().Kill();
       fleet.ChurnFor(absl::Seconds(1));
       fleet.engine().Start();
       fleet.Churn(100);
     }},
    {"EngineRestoredFromASnapshotTwoSecondsOld",
     [](BrokerFleet& fleet) {
       fleet.engine().Save();
       fleet.ChurnFor(absl::Seconds(2));
       fleet.engine().Kill();
       fleet.engine().Start();
       fleet.Churn(100);
     }},
    {"SentinelFailsOver",
     [](BrokerFleet& fleet) {
       fleet.engine().Kill();
       fleet.ChurnFor(absl::Seconds(3));
     },
     /*sentinel=*/true},
    {"ClusterPrimaryKilledAndRestartedEmpty",
     [](BrokerFleet& fleet) {
       RedisProcess& primary = fleet.cluster().node(fleet.random()() % RedisCluster::kPrimaries);
       primary.Kill();
       fleet.ChurnFor(absl::Seconds(1));
       primary.Start();
       fleet.cluster().WaitUntilHealthy();
     },
     /*sentinel=*/false, /*cluster=*/true},
    {"NodeStoppedForLongerThanItsLease",
     [](BrokerFleet& fleet) {
       const size_t i = fleet.random()() % fleet.size();
       fleet.Freeze(i);
       fleet.ChurnFor(absl::Seconds(4));
       fleet.Thaw(i);
     }},
    {"NodeCutOffFromTheEngine",
     [](BrokerFleet& fleet) { Partition(fleet, TcpProxy::Link::kDown); }},
    {"NodeWhosePacketsToTheEngineAreLost",
     [](BrokerFleet& fleet) { Partition(fleet, TcpProxy::Link::kSilent); }},
#ifdef SESSION_STATUS_FAKETIME_LIBRARY
    {"HostClocksTenMinutesApart", [](BrokerFleet& fleet) { fleet.Churn(500); },
     /*sentinel=*/false, /*cluster=*/false, SESSION_STATUS_FAKETIME_LIBRARY},
    {"HostClocksSetByTenMinutes",
     [](BrokerFleet& fleet) {
       fleet.SetClock(0, absl::Minutes(10));
       fleet.SetClock(1, -absl::Minutes(10));
       fleet.Churn(200);
       // And while the engine, whose clock counts, is away.
       fleet.engine().Kill();
       fleet.ChurnFor(absl::Seconds(1));
       fleet.SetClock(0, absl::ZeroDuration());
       fleet.engine().Start();
       fleet.Churn(200);
     },
     /*sentinel=*/false, /*cluster=*/false, SESSION_STATUS_FAKETIME_LIBRARY},
#endif
};

class BrokerFaultTest : public ::testing::TestWithParam<Fault> {};

TEST_P(BrokerFaultTest, LeavesEveryBrokerWithTheTruth) {
  for (uint64_t seed = 1; seed <= Seeds(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    BrokerFleet fleet({.seed = seed,
                       .sentinel = GetParam().sentinel,
                       .cluster = GetParam().cluster,
                       .faketime_library = GetParam().faketime_library});
    fleet.Churn(200);
    fleet.ExpectTruthEverywhere();
    if (HasFailure()) return;
    GetParam().happen(fleet);
    fleet.ExpectTruthEverywhere();
    if (HasFailure()) return;  // one seed's account is enough
  }
}

INSTANTIATE_TEST_SUITE_P(Fleet, BrokerFaultTest, ::testing::ValuesIn(kFaults),
                         [](const auto& param) { return std::string(param.param.name); });

TEST(BrokerFleetTest, AnyBrokerAnswersForAllAndSaysWhoHoldsTheClient) {
  BrokerFleet fleet({.brokers = 2, .clients = 0, .plugin_options = {{"fleet_lease", "1m"}}});
  fleet.Connect("lamp", 0);
  ASSERT_TRUE(fleet.admin(1).WaitForState("lamp", "ONLINE").online);
  SessionAnswer exact;
  // On a slow machine the engine may need longer than a query waits for it.
  EXPECT_TRUE(WaitUntil([&] {
    exact = fleet.admin(1).Query("lamp");
    return absl::StrContains(exact.raw, "\"source\":\"ANSWER_SOURCE_ENGINE\"");
  })) << exact.raw;
  EXPECT_THAT(exact.raw, HasSubstr("\"node\":\"broker-0\""));
  EXPECT_THAT(exact.raw, HasSubstr("\"othersAgeMs\""));
  ASSERT_TRUE(WaitUntil([&] { return fleet.OnlineInBatch(1, "lamp"); }));
  const std::string batch =
      fleet.admin(1).Call("BatchQuerySessionByClientIds", R"({"clientIds":["lamp"]})").body;
  EXPECT_THAT(batch, HasSubstr("\"node\":\"broker-0\""));
  EXPECT_THAT(batch,
              HasSubstr("\"fleet\":{\"node\":\"broker-1\",\"source\":\"ANSWER_SOURCE_REPLICA\""));
  EXPECT_THAT(fleet.admin(0).Query("lamp").raw, HasSubstr("\"node\":\"broker-0\""));
  EXPECT_THAT(fleet.admin(1).Get("/metrics").body,
              HasSubstr("session_status_fleet_nodes{state=\"alive\"} 2"));
  // The documented API too.
  const HttpAnswer documented = fleet.admin(1).Get(
      "/?Action=QuerySessionByClientId&Version=2020-04-20&InstanceId=mosquitto&ClientId=lamp");
  EXPECT_EQ(documented.status, 200) << documented.body;
  EXPECT_THAT(documented.body, HasSubstr("\"OnlineStatus\":true"));
  fleet.Disconnect("lamp");
  EXPECT_TRUE(
      WaitUntil([&] { return fleet.admin(1).Query("lamp").end_reason == "CLIENT_DISCONNECT"; }));
}

TEST(BrokerFleetTest, AClientThatStaysIsNeverAnsweredOfflineOnceItWasSeen) {
  for (int round = 0; round < 3; ++round) {
    BrokerFleet fleet({.brokers = 2,
                       .clients = 0,
                       .plugin_options = {{"snapshot_refresh", "10ms"}, {"fleet_lease", "1m"}}});
    fleet.Connect("lamp", 0);
    ASSERT_TRUE(WaitUntil([&] { return fleet.OnlineInBatch(1, "lamp"); }));
    for (int i = 0; i < 500; ++i) {
      ASSERT_TRUE(fleet.OnlineInBatch(1, "lamp")) << "answer " << i;
      ASSERT_TRUE(fleet.admin(1).Query("lamp").online) << "answer " << i;
    }
  }
}

TEST(BrokerFleetTest, TheCommandShowsNodesAndWhereAClientIs) {
  BrokerFleet fleet({.brokers = 2, .clients = 0, .plugin_options = {{"fleet_lease", "1m"}}});
  fleet.Connect("lamp", 0);
  ASSERT_TRUE(WaitUntil([&] { return fleet.OnlineInBatch(1, "lamp"); }));
  ASSERT_TRUE(WaitUntil([&] {  // the status is shown ten times a second
    return absl::StrContains(fleet.admin(1).Call("GetFleet", "{}").body, "\"otherSessions\":\"1\"");
  }));
  const std::string shown = Cli(fleet, 1, "fleet");
  EXPECT_THAT(shown, ContainsRegex("broker-0 +[0-9]+ +held +[0-9.]+m?s ago +1"));
  EXPECT_THAT(shown, ContainsRegex("broker-1 .this one. +[0-9]+ +held"));
  EXPECT_THAT(shown, HasSubstr("0 here, 1 elsewhere"));
  EXPECT_THAT(Cli(fleet, 1, "--json fleet"), HasSubstr("\"nodesAlive\":2"));
  EXPECT_THAT(Cli(fleet, 1, "count"),
              HasSubstr("elsewhere in the fleet, not counted above: 1 online\n"));
  EXPECT_THAT(Cli(fleet, 1, "top --once"), HasSubstr("online 0 "));
  EXPECT_THAT(Cli(fleet, 1, "top --once"), HasSubstr("elsewhere in the fleet 1"));
  EXPECT_THAT(Cli(fleet, 1, "status"), HasSubstr("joined, 2 of 2 nodes, 1 online"));
  EXPECT_THAT(Cli(fleet, 1, "query lamp"), ContainsRegex("node +broker-0"));
  // On a slow machine the engine may need longer than a query waits for it.
  EXPECT_TRUE(WaitUntil(
      [&] { return absl::StrContains(Cli(fleet, 1, "query lamp"), "the fleet's engine, now"); }));
  EXPECT_THAT(Cli(fleet, 1, "batch lamp"), ContainsRegex("lamp +online +broker-0"));
  EXPECT_THAT(Cli(fleet, 1, "history lamp"),
              HasSubstr("; the client is connected to node broker-0: ask there\n"));
  EXPECT_THAT(Cli(fleet, 1, "history nobody"),
              HasSubstr("; each node of the fleet remembers only its own clients\n"));
}

TEST(BrokerFleetTest, AClientThatMovesLosesItsOlderConnectionWithoutItsWill) {
  BrokerFleet fleet({.brokers = 2, .clients = 0});
  MqttClient watcher({.id = "watcher", .port = fleet.broker(0).port()});
  ASSERT_EQ(watcher.Connect(), 0);
  ASSERT_TRUE(watcher.Subscribe("wills/#"));
  MqttClient older(
      {.id = "lamp", .port = fleet.broker(0).port(), .version = 5, .will_topic = "wills/lamp"});
  ASSERT_EQ(older.Connect(), 0);
  MqttClient newer({.id = "lamp", .port = fleet.broker(1).port()});
  ASSERT_EQ(newer.Connect(), 0);
  EXPECT_TRUE(older.WaitClosed());
  EXPECT_TRUE(newer.RoundTrip());
  ASSERT_TRUE(watcher.Publish("wills/none", "last"));
  ASSERT_TRUE(WaitUntil([&] {
    watcher.Serve();
    return !watcher.received().empty();
  }));
  EXPECT_EQ(watcher.received(), std::vector<std::string>{"last"});
  EXPECT_TRUE(WaitUntil([&] {
    return absl::StrContains(fleet.admin(0).Query("lamp").raw, "\"node\":\"broker-1\"");
  }));
  const std::string history = fleet.admin(0).Call("GetHistory", R"({"clientId":"lamp"})").body;
  EXPECT_TRUE(absl::StrContains(history, "TAKEN_OVER")) << history;
}

TEST(BrokerFleetTest, AsConfiguredATakeoverIsOnlyCounted) {
  BrokerFleet fleet({.brokers = 2, .clients = 0, .plugin_options = {{"fleet_takeover", "report"}}});
  MqttClient older({.id = "lamp", .port = fleet.broker(0).port()});
  ASSERT_EQ(older.Connect(), 0);
  MqttClient newer({.id = "lamp", .port = fleet.broker(1).port()});
  ASSERT_EQ(newer.Connect(), 0);
  EXPECT_TRUE(WaitUntil([&] {
    return absl::StrContains(fleet.admin(0).Call("GetFleet", "{}").body, "\"takenOver\":\"1\"");
  }));
  EXPECT_TRUE(older.RoundTrip());
  newer.Disconnect();
  EXPECT_TRUE(WaitUntil([&] {
    return absl::StrContains(fleet.admin(1).Query("lamp").raw, "\"node\":\"broker-0\"");
  })) << "the older connection is open, and counts again";
  EXPECT_TRUE(older.RoundTrip());
}

TEST(BrokerFleetTest, ClientsOfAKilledBrokerAreOfflineBecauseTheNodeIsLost) {
  BrokerFleet fleet({.brokers = 2, .clients = 0});
  fleet.Connect("lamp", 0);
  ASSERT_TRUE(fleet.admin(1).WaitForState("lamp", "ONLINE").online);
  fleet.Kill(0);
  EXPECT_EQ(fleet.admin(1).WaitForState("lamp", "OFFLINE").end_reason, "NODE_LOST");
  EXPECT_TRUE(fleet.broker(1).WaitForLog("node broker-0 is lost"));
}

TEST(BrokerFleetTest, ABrokerThatIsKilledWhileEnginesHangIsLostAllTheSame) {
  BrokerFleet fleet(
      {.brokers = 3, .clients = 0, .more_engines = 2, .plugin_options = {{"fleet_lease", "3s"}}});
  fleet.Connect("lamp", 0);
  fleet.Connect("fan", 2);
  ASSERT_TRUE(
      WaitUntil([&] { return fleet.OnlineInBatch(1, "lamp") && fleet.OnlineInBatch(1, "fan"); }));
  for (size_t i = 0; i < 2; ++i) fleet.more_engine(i).Signal(SIGSTOP);
  fleet.Kill(0);
  EXPECT_TRUE(WaitUntil([&] {
    EXPECT_TRUE(fleet.OnlineInBatch(1, "fan")) << "its broker lives";
    return !fleet.OnlineInBatch(1, "lamp");
  }));
  EXPECT_TRUE(fleet.broker(1).WaitForLog("node broker-0 is lost"));
  EXPECT_EQ(fleet.admin(1).Query("lamp").end_reason, "NODE_LOST");
}

TEST(BrokerFleetTest, ABrokerThatStopsInOrderLeavesNoClientOnline) {
  BrokerFleet fleet({.brokers = 2, .clients = 0, .plugin_options = {{"fleet_lease", "5m"}}});
  fleet.Connect("lamp", 0);
  ASSERT_TRUE(fleet.admin(1).WaitForState("lamp", "ONLINE").online);
  fleet.broker(0).Stop();
  EXPECT_FALSE(fleet.admin(1).WaitForState("lamp", "OFFLINE").online);
  EXPECT_TRUE(WaitUntil([&] {
    return absl::StrContains(fleet.admin(1).Query("lamp").raw, "END_REASON_SERVER_SHUTDOWN");
  })) << fleet.admin(1).Query("lamp").raw;
  EXPECT_TRUE(fleet.broker(1).WaitForLog("node broker-0 was stopped in order"));
  EXPECT_THAT(fleet.admin(1).Get("/metrics").body,
              AllOf(HasSubstr("session_status_fleet_nodes{state=\"lost\"} 0"),
                    HasSubstr("session_status_fleet_nodes{state=\"left\"} 1")));
  fleet.Restart(0);
  EXPECT_TRUE(fleet.broker(1).WaitForLog("node broker-0 is back"));
}

TEST(BrokerFleetTest, WithoutTheEngineOwnClientsAreExactAndOthersAreLastKnown) {
  BrokerFleet fleet({.brokers = 2, .clients = 0});
  fleet.Connect("lamp", 0);
  // Known from the copy too: an exact query alone would have been answered by the engine.
  ASSERT_TRUE(WaitUntil([&] { return fleet.OnlineInBatch(1, "lamp"); }));
  fleet.engine().Kill();
  EXPECT_TRUE(WaitUntil([&] {
    return absl::StrContains(fleet.admin(1).Query("lamp").raw, "ANSWER_SOURCE_REPLICA");
  }));
  EXPECT_TRUE(fleet.admin(1).Query("lamp").online);
  fleet.Connect("fan", 1);
  EXPECT_TRUE(fleet.admin(1).Query("fan").online);
  EXPECT_EQ(fleet.admin(1).Get("/readyz").status, 200);
}

TEST(BrokerFleetTest, AsConfiguredExactQueriesFailWithoutTheEngine) {
  BrokerFleet fleet({.brokers = 2, .clients = 0, .plugin_options = {{"fleet_when_away", "fail"}}});
  fleet.Connect("fan", 1);
  fleet.engine().Kill();
  EXPECT_TRUE(WaitUntil([&] {
    const HttpAnswer answer =
        fleet.admin(1).Call("QuerySessionByClientId", R"({"clientId":"lamp"})");
    return absl::StrContains(answer.body, "plugin_opt_fleet_when_away is fail");
  }));
  EXPECT_TRUE(fleet.admin(1).Query("fan").online);
}

TEST(BrokerFleetTest, InDirectModeBatchesAskTheEngine) {
  BrokerFleet fleet({.brokers = 2, .clients = 0, .plugin_options = {{"fleet_mode", "direct"}}});
  fleet.Connect("lamp", 0);
  EXPECT_TRUE(WaitUntil([&] { return fleet.OnlineInBatch(1, "lamp"); }));
  const std::string batch =
      fleet.admin(1).Call("BatchQuerySessionByClientIds", R"({"clientIds":["lamp"]})").body;
  EXPECT_THAT(batch, HasSubstr("\"node\":\"broker-0\""));
  EXPECT_THAT(batch, HasSubstr("ANSWER_SOURCE_ENGINE"));
  EXPECT_THAT(fleet.admin(1).Call("GetFleet", "{}").body, HasSubstr("\"direct\":true"));
}

TEST(BrokerFleetTest, ASecondBrokerOfTheSameNameDoesNotJoin) {
  BrokerFleet fleet({.brokers = 1, .clients = 0});
  const auto twin = BrokerProcess::Start(
      {.config = kPlainConfig,
       .plugin = SessionStatusPlugin(),
       .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                          {"fleet_url", absl::StrCat("redis://127.0.0.1:", fleet.engine().port())},
                          {"node_id", BrokerFleet::Name(0)},
                          {"fleet_lease", "5m"}}});
  ASSERT_TRUE(twin->running());
  EXPECT_TRUE(twin->WaitForLog("node_id must differ between brokers"));
  AdminClient admin(twin->Expand("{DIR}/admin.sock"));
  const HttpAnswer ready = admin.Get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("node_id must differ"));
}

// Two sites that share an engine, and have not given their fleets names.
TEST(BrokerFleetTest, ABrokerOfAnotherInstanceDoesNotJoin) {
  BrokerFleet fleet({.brokers = 1, .clients = 0, .plugin_options = {{"instance_id", "shop-b"}}});
  fleet.Connect("lamp", 0);
  const auto other = BrokerProcess::Start(
      {.config = kPlainConfig,
       .plugin = SessionStatusPlugin(),
       .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                          {"fleet_url", absl::StrCat("redis://127.0.0.1:", fleet.engine().port())},
                          {"instance_id", "shop-a"},
                          {"node_id", "of-another-instance"}}});
  ASSERT_TRUE(other->running());
  EXPECT_TRUE(
      other->WaitForLog("the fleet mosquitto is of instance shop-b, this broker's "
                        "plugin_opt_instance_id is shop-a"));
  AdminClient admin(other->Expand("{DIR}/admin.sock"));
  const HttpAnswer ready = admin.Get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("is of instance shop-b"));
  EXPECT_FALSE(admin.Query("lamp").online);
}

TEST(BrokerFleetTest, ABrokerOfAnotherListOfEnginesDoesNotJoin) {
  BrokerFleet fleet({.brokers = 1, .clients = 0, .more_engines = 1});
  fleet.Connect("lamp", 0);
  RedisProcess another;
  const std::string url = absl::StrCat("redis://127.0.0.1:", another.port());
  const auto other = BrokerProcess::Start(
      {.config = kPlainConfig,
       .plugin = SessionStatusPlugin(),
       .plugin_options = {
           {"admin_socket", "{DIR}/admin.sock"},
           {"fleet_url", absl::StrCat("redis://127.0.0.1:", fleet.engine().port(), " ", url)},
           {"node_id", "of-another-list"}}});
  ASSERT_TRUE(other->running());
  const std::string refusal =
      absl::StrCat("engine 2 of this broker's fleet_url, ", url, ", is empty, or not the one that");
  EXPECT_TRUE(other->WaitForLog(refusal));
  AdminClient admin(other->Expand("{DIR}/admin.sock"));
  const HttpAnswer ready = admin.Get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr(refusal));
  EXPECT_EQ(fleet.admin(0).Get("/readyz").status, 200);
}

TEST(BrokerFleetTest, EnginesThatCannotBeReachedInTurnAreNotToldInTurn) {
  const auto broker = BrokerProcess::Start(
      {.config = kPlainConfig,
       .plugin = SessionStatusPlugin(),
       .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                          {"snapshot_refresh", "50ms"},
                          {"fleet_url", "cluster://127.0.0.1:1,127.0.0.1:2"}}});
  ASSERT_TRUE(broker->running());
  AdminClient admin(broker->Expand("{DIR}/admin.sock"));
  // Each is asked, and its reason seen by the refresher, more than once.
  std::string last;
  int turns = 0;
  EXPECT_TRUE(WaitUntil([&] {
    const std::string ready = admin.Get("/readyz").body;
    for (const char* engine : {"127.0.0.1:1: ", "127.0.0.1:2: "}) {
      if (last == engine || !absl::StrContains(ready, engine)) continue;
      last = engine;
      ++turns;
    }
    return turns >= 4;
  })) << admin.Get("/readyz").body;
  const std::string log = broker->Log();
  size_t told = 0;
  for (size_t at = log.find("not joined: "); at != std::string::npos;
       at = log.find("not joined: ", at + 1)) {
    ++told;
  }
  EXPECT_EQ(told, 1u) << log;
}

// The line of docs/fleet.md is the one that is tried.
void TryTheDocumentedUser(RedisProcess& engine, absl::string_view scheme) {
  const std::string manual = ReadFile(SESSION_STATUS_SOURCE_DIR "/docs/fleet.md");
  const size_t begin = manual.find("ACL SETUSER");
  ASSERT_NE(begin, std::string::npos);
  ASSERT_EQ(engine.Command(manual.substr(begin, manual.find('\n', begin) - begin)), "OK");
  ASSERT_EQ(engine.Command("ACL SETUSER default off"), "OK");
  const auto broker = BrokerProcess::Start(
      {.config = kPlainConfig,
       .plugin = SessionStatusPlugin(),
       .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                          {"fleet_url", absl::StrCat(scheme, "://127.0.0.1:", engine.port())},
                          {"fleet_credentials_file", "{DIR}/credentials"}},
       .files = {{"credentials", "fleet PASSWORD\n"}}});
  ASSERT_TRUE(broker->running());
  AdminClient admin(broker->Expand("{DIR}/admin.sock"));
  EXPECT_TRUE(WaitUntil([&] { return admin.Get("/readyz").status == 200; }));
  RawConnection client = RawConnection::Tcp(broker->port());
  ASSERT_EQ(client.Connect({.id = "lamp"}), 0);
  ASSERT_TRUE(client.Ping());
  EXPECT_TRUE(WaitUntil([&] {
    const std::string fleet = admin.Call("GetFleet", "{}").body;
    return absl::StrContains(fleet, "\"eventsWritten\":\"1\"") &&
           !absl::StrContains(fleet, "queuedChanges");
  })) << admin.Call("GetFleet", "{}").body;
  EXPECT_THAT(admin.Call("GetFleet", "{}").body, ::testing::Not(HasSubstr("NOPERM")));
  EXPECT_EQ(broker->Log().find("PASSWORD"), std::string::npos);
}

TEST(BrokerFleetTest, TheDocumentedUserOfTheEngineMayDoAllThatIsNeeded) {
  RedisProcess engine;
  TryTheDocumentedUser(engine, "redis");
}

TEST(BrokerFleetTest, TheDocumentedUserMayDoAllThatIsNeededInAClusterToo) {
  const auto engine = RedisProcess::ClusterNode();
  ASSERT_EQ(engine->Command("CLUSTER ADDSLOTSRANGE 0 16383"), "OK");
  TryTheDocumentedUser(*engine, "cluster");
}

TEST(BrokerFleetTest, ACredentialsFileThatOthersMayReadStopsTheStart) {
  const auto broker =
      BrokerProcess::Start({.config = kPlainConfig,
                            .plugin = SessionStatusPlugin(),
                            .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                                               {"fleet_url", "redis://127.0.0.1"},
                                               {"fleet_credentials_file", "/etc/passwd"}}});
  EXPECT_NE(broker->WaitExit(), 0);
  EXPECT_THAT(broker->Log(), HasSubstr("option plugin_opt_fleet_credentials_file: /etc/passwd"));
}

TEST(BrokerFleetTest, ACredentialsFileThatIsAPipeStopsTheStartInsteadOfHangingIt) {
  const TempDir dir;
  const std::string pipe = dir.File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const auto broker = BrokerProcess::Start({.config = kPlainConfig,
                                            .plugin = SessionStatusPlugin(),
                                            .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                                                               {"fleet_url", "redis://127.0.0.1"},
                                                               {"fleet_credentials_file", pipe}}});
  EXPECT_NE(broker->WaitExit(), 0);
  EXPECT_THAT(broker->Log(), HasSubstr(absl::StrCat("option plugin_opt_fleet_credentials_file: ",
                                                    pipe, ": not a regular file")));
}

}  // namespace
}  // namespace session_status::testing
