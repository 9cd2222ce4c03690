// The operator's command against real brokers of both lines: output, exit status, bad input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/session_status.pb.h"
#include "tests/cli/cli_process.h"
#include "tests/cli/one_reply.h"
#include "tests/testing/admin_client.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/mqtt_client.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/wait.h"
#include "tests/transport/test_certificates.h"

namespace session_status::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

namespace pb = ::mosquitto_session_status::v1;

class CliTest : public ::testing::TestWithParam<BrokerLine> {
 protected:
  CliTest()
      : broker_(BrokerProcess::Start({.line = GetParam(),
                                      .config = kPlainConfig,
                                      .plugin = SessionStatusPlugin(),
                                      .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                                                         {"snapshot_refresh", "10ms"}}})),
        socket_(broker_->Expand("{DIR}/admin.sock")) {}

  static bool On21() { return GetParam() == BrokerLine::k21; }
  // Why a connection ended, which 2.0 does not tell plugins.
  static const char* Reason(const char* on_21) { return On21() ? on_21 : "unknown"; }
  CliResult Ask(const std::string& arguments) {
    return RunCli(absl::StrCat("--socket ", socket_, " ", arguments));
  }

  std::unique_ptr<BrokerProcess> broker_;
  const std::string socket_;
};
INSTANTIATE_TEST_SUITE_P(OnBroker, CliTest, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(CliTest, QuerySaysEverythingAndItsExitStatusSaysOnline) {
  // 2.0 refuses names where nothing checks them (docs/broker-support.md).
  MqttClient client({.id = "lamp",
                     .port = broker_->port(),
                     .version = 5,
                     .keepalive_s = 20,
                     .username = On21() ? "ann" : ""});
  ASSERT_EQ(client.Connect(), 0);
  const CliResult online = Ask("query lamp");
  EXPECT_EQ(online.exit_code, 0);
  EXPECT_THAT(online.output,
              AllOf(ContainsRegex("state +online"), ContainsRegex("address +127.0.0.1"),
                    ContainsRegex("protocol +MQTT 5"),
                    ContainsRegex(On21() ? "user name +ann" : "clean start +yes"),
                    ContainsRegex("keepalive +20s"), ContainsRegex("death noticed +within 35s"),
                    ContainsRegex("incarnation +1")));
  client.Disconnect();
  AdminClient(socket_).WaitForState("lamp", "OFFLINE");
  const CliResult offline = Ask("query lamp");
  EXPECT_EQ(offline.exit_code, 1);
  EXPECT_THAT(offline.output,
              AllOf(ContainsRegex("state +offline"),
                    ContainsRegex(On21() ? "reason +client disconnect \\(broker code [0-9]+\\)\n"
                                         : "reason +unknown\n")));
}

TEST_P(CliTest, AnUnknownClientIsNotOnline) {
  const CliResult result = Ask("query nobody");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, ContainsRegex("state +unknown"));
}

TEST_P(CliTest, BatchKeepsTheOrderAndTakesIdsFromArgumentsFileAndStdin) {
  const std::string file = broker_->Expand("{DIR}/ids");
  std::ofstream(file) << "b\r\n\nc\n";
  EXPECT_THAT(Ask(absl::StrCat("batch a --file ", file)).output,
              ContainsRegex("\na +unknown.*\nb +unknown.*\nc +unknown.*\nsnapshot 0, "));
  const CliResult piped = RunCli(absl::StrCat("--socket ", socket_, " --json batch -f - <", file));
  EXPECT_EQ(piped.exit_code, 0);
  EXPECT_THAT(piped.output,
              HasSubstr(R"("sessions":[{"clientId":"b","online":false},{"clientId":"c")"));
}

TEST_P(CliTest, ALongListIsAskedInSeveralCalls) {
  const std::string file = broker_->Expand("{DIR}/ids");
  std::ofstream out(file);
  for (int i = 0; i < 10'001; ++i) out << "id-" << i << "\n";
  out.close();
  const CliResult result = Ask(absl::StrCat("--timeout 30 --json batch -f ", file));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 2);
  EXPECT_THAT(result.output, HasSubstr("\"id-10000\""));
}

// Their bytes are more than the listener takes at once, though their number is not.
TEST_P(CliTest, LongIdentifiersAreAskedInSeveralCallsToo) {
  const std::string file = broker_->Expand("{DIR}/ids");
  std::ofstream out(file);
  for (int i = 0; i < 9'000; ++i) out << std::string(120, 'x') << i << "\n";
  for (int i = 0; i < 14; ++i) out << std::string(65'000, 'y') << i << "\n";
  out.close();
  const CliResult result = Ask(absl::StrCat("--timeout 30 --json batch -f ", file));
  EXPECT_EQ(result.exit_code, 0) << result.output.substr(0, 200);
  EXPECT_EQ(std::count(result.output.begin(), result.output.end(), '\n'), 3);
  size_t answered = 0;
  for (size_t at = 0; (at = result.output.find("\"clientId\":", at)) != std::string::npos; ++at) {
    ++answered;
  }
  EXPECT_EQ(answered, 9'014u);
}

TEST_P(CliTest, ControlCharactersOfAnIdentifierDoNotReachTheTerminal) {
  for (const char* command : {"query", "batch"}) {
    EXPECT_THAT(Ask(absl::StrCat(command, " \"$(printf 'a\\033[31mb')\"")).output,
                AllOf(HasSubstr("a\\x1b[31mb"), Not(HasSubstr("\x1b"))))
        << command;
  }
}

TEST_P(CliTest, StatusShowsCountsAndSnapshot) {
  const CliResult result = Ask("status");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output,
              AllOf(ContainsRegex(On21() ? "broker +mosquitto 2.1" : "broker +mosquitto 2.0"),
                    ContainsRegex("online +0"), HasSubstr("refreshed every 10ms")));
}

TEST_P(CliTest, HistoryAndFlappersShowWhoComesAndGoes) {
  for (int i = 0; i < 2; ++i) {
    MqttClient client({.id = "lamp", .port = broker_->port(), .version = 5});
    ASSERT_EQ(client.Connect(), 0);
    client.Drop();
    AdminClient(socket_).WaitForState("lamp", "OFFLINE");
  }
  const CliResult history = Ask("history lamp");
  EXPECT_EQ(history.exit_code, 0);
  EXPECT_THAT(history.output,
              AllOf(ContainsRegex(absl::StrCat(
                        "offline +", On21() ? "network error \\(7\\)" : "unknown",
                        " +[0-9]+ +127.0.0.1", On21() ? " on [0-9]+" : "", " +MQTT 5")),
                    ContainsRegex("online +[0-9]+ "), ContainsRegex("flaps +2"),
                    Not(HasSubstr("incomplete"))));
  EXPECT_EQ(std::count(history.output.begin(), history.output.end(), '\n'), 6);
  EXPECT_THAT(Ask("--json history -n 1 lamp").output,
              AllOf(HasSubstr("\"entries\":[{"), Not(HasSubstr("},{"))));
  EXPECT_THAT(
      Ask("history nobody").output,
      AllOf(ContainsRegex("flaps +0"),
            HasSubstr(
                "\nnothing is remembered here: no connection to this broker since its start\n")));
  EXPECT_THAT(history.output, Not(HasSubstr("nothing is remembered")));
  EXPECT_THAT(Ask("flappers").output,
              ContainsRegex(absl::StrCat("lamp +2 +2 .*", Reason("network error"), " +127.0.0.1")));
}

TEST_P(CliTest, HistoryAndFlappersThatAreSwitchedOffNameTheOption) {
  broker_ = BrokerProcess::Start({.line = GetParam(),
                                  .config = kPlainConfig,
                                  .plugin = SessionStatusPlugin(),
                                  .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                                                     {"history_bytes_max", "0"},
                                                     {"flappers_max", "0"}}});
  const std::string socket = broker_->Expand("{DIR}/admin.sock");
  EXPECT_EQ(RunCli(absl::StrCat("--socket ", socket, " history lamp")).output,
            "off: plugin_opt_history_bytes_max is 0; a larger number turns it on\n");
  EXPECT_EQ(RunCli(absl::StrCat("--socket ", socket, " flappers")).output,
            "off: plugin_opt_flappers_max is 0; a larger number turns it on\n");
  EXPECT_THAT(RunCli(absl::StrCat("--socket ", socket, " --json flappers")).output,
              HasSubstr("\"disabled\":true"));
}

TEST_P(CliTest, StoredHistoryComesFromTheDatabaseOrSaysThatThereIsNone) {
  const CliResult without = Ask("history --stored lamp");
  EXPECT_EQ(without.exit_code, 4);
  EXPECT_THAT(without.output, HasSubstr("plugin_opt_session_database"));
  EXPECT_EQ(Ask("history --from 7d lamp").exit_code, 2) << "from needs stored";
  broker_ = BrokerProcess::Start({.line = GetParam(),
                                  .config = kPlainConfig,
                                  .plugin = SessionStatusPlugin(),
                                  .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                                                     {"session_database", "{DIR}/s.db"},
                                                     {"session_database_flush", "10ms"}}});
  const std::string socket = broker_->Expand("{DIR}/admin.sock");
  MqttClient client({.id = "lamp", .port = broker_->port(), .version = 5});
  ASSERT_EQ(client.Connect(), 0);
  client.Drop();
  AdminClient(socket).WaitForState("lamp", "OFFLINE");
  const auto stored = [&socket](absl::string_view bounds) {
    return RunCli(absl::StrCat("--socket ", socket, " history --stored ", bounds, " lamp")).output;
  };
  EXPECT_TRUE(
      WaitUntil([&] { return stored("").find(Reason("network error")) != std::string::npos; }));
  EXPECT_THAT(
      stored("--from 1h"),
      AllOf(ContainsRegex(absl::StrCat("offline +", On21() ? "network error \\(7\\)" : "unknown",
                                       " +[0-9]+ +127.0.0.1")),
            ContainsRegex("flaps +1"), HasSubstr("stored until")));
  EXPECT_THAT(stored("--to 1h"), AllOf(Not(HasSubstr(Reason("network error"))),
                                       HasSubstr("\nnothing is remembered here of this time\n")));
  EXPECT_THAT(RunCli(absl::StrCat("--socket ", socket, " history nobody")).output,
              HasSubstr("no connection to this broker since its start; --stored tells of earlier "
                        "connections\n"));
}

TEST_P(CliTest, AuditShowsWhatWasComparedAndTheDrift) {
  const CliResult audit = Ask("audit");
  EXPECT_EQ(audit.exit_code, 0);
  EXPECT_THAT(audit.output,
              AllOf(HasSubstr(On21() ? "the broker's own client table"
                                     : "the connections the plugin follows"),
                    ContainsRegex("period +1m"), ContainsRegex("tracked / registered +0 / 0"),
                    ContainsRegex("drift repaired +0 ends, 0 connects")));
  EXPECT_THAT(Ask("--json audit").output,
              HasSubstr(On21() ? "\"seesBrokerTable\":true" : "\"enabled\":true"));
}

TEST_P(CliTest, WithoutAFleetTheFleetCommandSaysWhichOptionWouldMakeOne) {
  const CliResult result = Ask("fleet");
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.output, HasSubstr("plugin_opt_fleet_url"));
}

TEST_P(CliTest, TheServersRefusalIsExitStatusFour) {
  const CliResult result = Ask("query ''");
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.output, HasSubstr("clientId is empty"));
}

TEST(CliWithoutBrokerTest, NobodyThereIsExitStatusThreeAndNamesTheSocket) {
  const CliResult result = RunCli("--socket /nonexistent/x.sock status");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output, HasSubstr("/nonexistent/x.sock: No such file or directory"));
}

TEST(CliWithoutBrokerTest, TheSocketComesFromTheEnvironmentToo) {
  setenv("MOSQUITTO_SESSION_SOCKET", "/nonexistent/env.sock", 1);
  EXPECT_THAT(RunCli("status").output, HasSubstr("/nonexistent/env.sock"));
  EXPECT_THAT(RunCli("-s /nonexistent/option.sock status").output, HasSubstr("option.sock"));
  unsetenv("MOSQUITTO_SESSION_SOCKET");
}

TEST(CliWithoutBrokerTest, AListingThatBreaksOffIsAFailureWhateverWasPrinted) {
  for (const absl::string_view end :
       {R"({"error":{"code":"aborted","message":"too much has changed"}})"
        "\n",
        R"({"clientId":"b")"}) {
    const std::string body = absl::StrCat("{\"clientId\":\"a\"}\n", end);
    OneReply server(absl::StrCat("HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n",
                                 "Content-Length: ", body.size(), "\r\n\r\n", body));
    const CliResult result =
        RunCli(absl::StrCat("--socket ", server.path(), " --json list --prefix x"));
    EXPECT_EQ(result.exit_code, 4) << end;
    EXPECT_THAT(result.output, HasSubstr("{\"clientId\":\"a\"}\n")) << end;
  }
}

TEST(CliWithoutBrokerTest, ASignalEndsWhatWaitsForAnAnswer) {
  const TempDir dir;
  const std::string path = dir.File("mute");
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(listener, 8), 0);
  struct Case {
    std::vector<std::string> command;
    int exit_code;
  };
  for (const Case& c : {Case{{"list"}, 128 + SIGTERM}, Case{{"list", "--csv"}, 128 + SIGTERM},
                        Case{{"list", "--json"}, 128 + SIGTERM},
                        Case{{"list", "--json", "--prefix", "a"}, 128 + SIGTERM},
                        Case{{"top"}, 128 + SIGTERM}, Case{{"watch"}, 0}}) {
    SCOPED_TRACE(absl::StrJoin(c.command, " "));
    std::vector<std::string> arguments = {"--socket", path, "--timeout", "60"};
    arguments.insert(arguments.end(), c.command.begin(), c.command.end());
    CliProcess command(arguments, Screen::kNone);
    const int asked = accept(listener, nullptr, nullptr);
    command.Signal(SIGTERM);
    EXPECT_TRUE(command.EndsUnread());
    close(asked);
    EXPECT_EQ(command.Wait(), c.exit_code) << command.output();
  }
  close(listener);
}

// More than a pipe holds, and no more than that and a socket's buffer.
constexpr size_t kMoreThanAPipe = 150'000;

std::string Reply(absl::string_view type, const std::string& body) {
  return absl::StrCat("HTTP/1.1 200 OK\r\nContent-Type: ", type,
                      "\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

// A filter, so that nobody asks how many there are.
void ExpectASignalEndsUnread(const std::vector<std::string>& command, const std::string& reply) {
  SCOPED_TRACE(absl::StrJoin(command, " "));
  OneReply server(reply);
  std::vector<std::string> arguments = {"--socket", server.path()};
  arguments.insert(arguments.end(), command.begin(), command.end());
  CliProcess process(arguments, Screen::kNone);
  ASSERT_TRUE(process.LeaveUnread(absl::Milliseconds(500)));
  process.Signal(SIGTERM);
  EXPECT_TRUE(process.EndsUnread());
  EXPECT_EQ(process.Wait(), 128 + SIGTERM);
}

TEST(CliWithoutBrokerTest, ASignalEndsAListWhoseReaderDoesNotRead) {
  std::string lines;
  pb::ListSessionsResponse page;
  while (lines.size() < kMoreThanAPipe) {
    absl::StrAppend(&lines, "{\"clientId\":\"", std::string(1000, 'a'), "\"}\n");
    page.add_sessions()->set_client_id(std::string(1000, 'a'));
  }
  ExpectASignalEndsUnread({"list", "--prefix", "a", "--json"}, Reply("text/plain", lines));
  ExpectASignalEndsUnread({"list", "--prefix", "a", "--csv"}, Reply("text/plain", lines));
  ExpectASignalEndsUnread({"list", "--prefix", "a"},
                          Reply("application/proto", page.SerializeAsString()));
}

std::string Envelope(const pb::WatchSessionsResponse& event) {
  const std::string message = event.SerializeAsString();
  std::string envelope(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) {
    envelope.push_back(static_cast<char>(message.size() >> shift));
  }
  return envelope + message;
}

TEST(CliWithoutBrokerTest, ASignalEndsAWatchWhoseReaderDoesNotRead) {
  pb::WatchSessionsResponse event;
  event.mutable_change()->set_client_id(std::string(kMoreThanAPipe, 'x'));
  ExpectASignalEndsUnread({"watch"}, Reply("application/connect+proto", Envelope(event)));
}

TEST(CliWithoutBrokerTest, ASignalCutsNoLineOfAWatchWhoseReaderReads) {
  pb::WatchSessionsResponse event;
  event.mutable_change()->set_client_id(std::string(kMoreThanAPipe, 'x'));
  OneReply server(Reply("application/connect+proto", Envelope(event)));
  CliProcess watch({"--socket", server.path(), "watch"}, Screen::kNone);
  ASSERT_TRUE(watch.LeaveUnread(absl::Milliseconds(100)));
  watch.Signal(SIGTERM);
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_THAT(watch.output(), HasSubstr(event.change().client_id() + "\"}}\n"));
}

TEST(CliWithoutBrokerTest, WhomThePluginRefusesIsToldInThePluginsWords) {
  const std::string body =
      R"({"RequestId":"1","Code":"ApplyTooOften","Message":"this user may not use the socket"})";
  OneReply server(absl::StrCat("HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n",
                               "Content-Length: ", body.size(), "\r\n\r\n", body));
  const CliResult result = RunCli(absl::StrCat("--socket ", server.path(), " status"));
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.output, AllOf(HasSubstr("this user may not use the socket"),
                                   HasSubstr("HTTP status 403"), Not(HasSubstr("is this the"))));
}

TEST(CliWithoutBrokerTest, WhomThePluginRefusesIsNotToldByTheDoctorThatAllMayAsk) {
  const std::string body = R"({"Code":"x","Message":"this user may not use the socket"})";
  OneReply server(absl::StrCat("HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\n",
                               "Content-Length: ", body.size(), "\r\n\r\n", body));
  ASSERT_EQ(chmod(server.path().c_str(), 0707), 0);
  const TempDir dir;
  const CliResult result =
      RunCli(absl::StrCat("--socket ", server.path(), " doctor -c ",
                          dir.Write("m.conf", "global_plugin /x/mosquitto_session_status.so\n")));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output,
              AllOf(ContainsRegex("ok +socket"),
                    ContainsRegex("problem +answer .*this user may not use the socket"),
                    HasSubstr("admin_socket_uids"), Not(HasSubstr("is the broker running")),
                    Not(HasSubstr("the installed broker")), Not(HasSubstr("every user"))));
}

TEST(CliWithoutBrokerTest, WhoSaysThatHeCannotServeNowHasAnswered) {
  const std::string busy = R"({"code":"unavailable","message":"too many connections"})";
  for (const auto& [status, body, said] :
       {std::tuple("503 Service Unavailable", busy, "too many connections"),
        std::tuple("502 Bad Gateway", std::string("<html>"), "HTTP status 502")}) {
    const std::string reply =
        absl::StrCat("HTTP/1.1 ", status, "\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
    for (const char* command : {"status", "query lamp", "watch", "list --prefix x"}) {
      OneReply server(reply);
      const CliResult result = RunCli(absl::StrCat("--socket ", server.path(), " ", command));
      EXPECT_EQ(result.exit_code, 4) << command << " " << status;
      EXPECT_THAT(result.output, HasSubstr(said)) << command;
    }
    OneReply server(reply);
    const TempDir dir;
    EXPECT_THAT(RunCli(absl::StrCat("--socket ", server.path(), " doctor -c ",
                                    dir.Write("m.conf", "global_plugin /x/y.so\n")))
                    .output,
                AllOf(HasSubstr("cannot serve now"), Not(HasSubstr("is the broker running"))));
  }
}

TEST(CliOverTlsTest, TheFilesOfTheOptionsOpenTheAdminService) {
  const TempDir dir;
  transport::TestCertificates certificates(dir.path());
  certificates.Make("server");
  certificates.Make("client");
  const auto broker = BrokerProcess::Start(
      {.line = BrokerLine::k21,
       .config = kPlainConfig,
       .plugin = SessionStatusPlugin(),
       .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                          {"admin_listen_tls", "127.0.0.1:{PORT2}"},
                          {"tls_certificate_file", certificates.certificate_file("server")},
                          {"tls_private_key_file", certificates.key_file("server")},
                          {"tls_client_ca_file", certificates.ca_file()},
                          {"tls_client_certificate_required", "true"}}});
  ASSERT_TRUE(broker->running()) << broker->Log();
  const std::string url = absl::StrCat("-s https://127.0.0.1:", broker->port(2), " ");
  const std::string ca = absl::StrCat("--ca ", certificates.ca_file(), " ");
  const std::string certificate = absl::StrCat("--cert ", certificates.certificate_file("client"),
                                               " --key ", certificates.key_file("client"), " ");
  EXPECT_THAT(RunCli(url + ca + certificate + "status").output, ContainsRegex("online +0"));
  const CliResult stranger = RunCli(url + certificate + "status");
  EXPECT_EQ(stranger.exit_code, 3) << "the system knows no such CA";
  EXPECT_THAT(stranger.output, HasSubstr("certificate"));
  EXPECT_NE(RunCli(url + ca + "status").exit_code, 0);
  const CliResult broken = RunCli(absl::StrCat(url, "--ca ", dir.Write("x", "no PEM"), " status"));
  EXPECT_EQ(broken.exit_code, 4);
  EXPECT_THAT(broken.output, HasSubstr("certificate"));
}

TEST(CliWithoutBrokerTest, OutputThatCannotBeWrittenIsAFailure) {
  for (const char* command : {"--help", "--version", "completion bash"}) {
    EXPECT_EQ(RunCli(absl::StrCat(command, " >/dev/full")).exit_code, 4) << command;
  }
}

TEST(CliWithoutBrokerTest, ASocketThatIsNotThereSendsToTheDoctor) {
  TempDir dir;
  const CliResult none = RunCli(absl::StrCat("-s ", dir.File("none.sock"), " status"));
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_THAT(none.output,
              HasSubstr("No such file or directory; sudo mosquitto_session doctor says why\n"));
  EXPECT_THAT(RunCli("-s http://127.0.0.1:1 status").output, Not(HasSubstr("doctor")));
}

TEST(CliWithoutBrokerTest, WhoMayNotOpenTheSocketIsToldWhichGroupMay) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  constexpr gid_t kTheirs = 54'321;  // without a name
  TempDir dir;
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  ASSERT_EQ(mkdir(dir.File("run").c_str(), 0755), 0);
  const std::string folder = dir.File("run");
  const std::string socket = folder + "/admin.sock";
  const OneReply broker("", socket);
  struct Case {
    mode_t folder_mode;
    mode_t socket_mode;
    gid_t group;
    const char* want;
  };
  for (const Case& c : {Case{0755, 0660, kTheirs,
                             "join its group (sudo usermod -aG 54321 $USER, then log in "
                             "again), or ask with sudo\n"},
                        Case{0750, 0660, kTheirs,
                             "join its group (sudo usermod -aG 54321 $USER, then log in "
                             "again), or ask with sudo\n"},
                        Case{0755, 0600, kTheirs, "Permission denied; ask with sudo\n"},
                        Case{0700, 0660, kTheirs, "Permission denied; ask with sudo\n"},
                        Case{0755, 0660, 0, "Permission denied; ask with sudo\n"}}) {
    ASSERT_EQ(chown(folder.c_str(), 0, c.group), 0);
    ASSERT_EQ(chown(socket.c_str(), 0, c.group), 0);
    ASSERT_EQ(chmod(folder.c_str(), c.folder_mode), 0);
    ASSERT_EQ(chmod(socket.c_str(), c.socket_mode), 0);
    const CliResult result = RunCliAsNobody(absl::StrCat("-s ", socket, " status"));
    EXPECT_EQ(result.exit_code, 3);
    EXPECT_THAT(result.output, HasSubstr(c.want)) << std::oct << c.folder_mode << c.socket_mode;
  }
}

TEST(CliWithoutBrokerTest, UsageThatOnlyTheBrokersUserMayReadSendsToSudo) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  TempDir dir;
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  const std::string database = dir.Write("u.db", "");
  const CliResult result = RunCliAsNobody(absl::StrCat("usage -d ", database));
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.output,
              HasSubstr(absl::StrCat(database,
                                     ": Permission denied; it is for the broker's user "
                                     "only: ask with sudo\n")));
}

TEST(CliWithoutBrokerTest, AWrongCommandLineIsExitStatusTwoAndSaysWhatIsMissing) {
  struct Case {
    const char* arguments;
    const char* want;
  };
  for (const Case& c :
       {Case{"", "which command? There are "},
        Case{"nonsense", "there is no command \"nonsense\"\n"},
        Case{"qurey a", "there is no command \"qurey\"; did you mean query?"},
        Case{"sts isue", "there is no command \"isue\"; did you mean issue?"},
        Case{"list --stat online", "there is no option --stat; did you mean --state?"},
        Case{"query a --jsn", "there is no option --jsn; did you mean --json?"},
        Case{"--csv list", "--csv belongs behind list: mosquitto_session list --csv\n"},
        Case{"--state online list", "belongs behind list: mosquitto_session list --state …\n"},
        Case{"--by=state count", "behind count: mosquitto_session count --by=state\n"},
        Case{"-n 3 watch", "-n belongs behind watch: mosquitto_session watch -n …\n"},
        Case{"sts --account 1 issue", "behind issue: mosquitto_session sts issue --account …\n"},
        Case{"--csv status", "there is no option --csv\n"},
        Case{"list --state onlin", "there is no \"onlin\"; did you mean online?"},
        Case{"list --connected-from monday", "\"monday\" is neither a day"},
        Case{"list --listener 70000", "\"70000\" is not a whole number from 1 to 65535"},
        Case{"list --csv --json", "--csv"},
        Case{"list --limit -1", "--limit: \"-1\" is not a whole number of at least 1\n"},
        Case{"list -n 0", "--limit: \"0\" is not a whole number of at least 1\n"},
        Case{"list -n 99999999999999999999", "is not a whole number"},
        Case{"watch --count x", "--count: \"x\" is not a whole number of at least 1\n"},
        Case{"watch -n 0", "--count: \"0\" is not a whole number of at least 1\n"},
        Case{"watch --after abc",
             "--after: \"abc\" is neither EPOCH-SEQUENCE (1795644849123-4711)"},
        Case{"history a -n -1", "\"-1\" is not a whole number from 1 to 4294967295\n"},
        Case{"history a --from 1h", "--from requires --stored\n"},
        Case{"history a --to 1h", "--to requires --stored\n"},
        Case{"flappers -n x", "\"x\" is not a whole number from 1 to 4294967295\n"},
        Case{"flappers -n 0", "\"0\" is not a whole number from 1 to 4294967295\n"},
        Case{"list --fields node", "there is no \"node\" (there are clientId, "},
        Case{"usage --csv --json", "--csv excludes --json"},
        Case{"usage --by foo", "there is no \"foo\" (there are hour, day, account, user, "},
        Case{"usage --from foo", "--from: \"foo\" is neither a day"},
        Case{"usage --to foo", "--to: \"foo\" is neither a day"},
        Case{"watch --kind gone", "there is no \"gone\" (there are online,"},
        Case{"count --by color", "there are state"},
        Case{"top --json", "top has none"},
        Case{"completion tcsh", "bash, zsh, fish"},
        Case{"query", "ID"},
        Case{"batch", "at least one ID"},
        Case{"query a b", "b"},
        Case{"batch -f - </dev/null", "standard input holds no identifier\n"},
        Case{"batch -f /dev/null", "/dev/null holds no identifier\n"},
        Case{"watch -f - </dev/null", "standard input holds no identifier\n"},
        Case{"watch -f /dev/null --prefix a", "/dev/null holds no identifier\n"},
        Case{"-t nan status", "--timeout: \"nan\" is no number\n"},
        Case{"query \"$(printf 'a\\377')\"", "ID: \"a\\xff\" is not UTF-8\n"},
        Case{"batch a \"$(printf 'a\\377')\"", "ID: \"a\\xff\" is not UTF-8\n"},
        Case{"watch \"$(printf 'a\\377')\"", "ID: \"a\\xff\" is not UTF-8\n"},
        Case{"history \"$(printf 'a\\377')\"", "ID: \"a\\xff\" is not UTF-8\n"},
        Case{"list --prefix \"$(printf 'a\\377')\"", "--prefix: \"a\\xff\" is not UTF-8\n"},
        Case{"watch --group \"$(printf 'a\\377')\"", "--group: \"a\\xff\" is not UTF-8\n"},
        Case{"top -i nan", "--interval: \"nan\" is no number\n"},
        Case{"top --interval=-nan", "--interval: \"-nan\" is no number\n"},
        Case{"list --address ''", "--address: is empty; leave it out to want all\n"},
        Case{"list --group ''", "--group: is empty; leave it out to want all\n"},
        Case{"watch --group ''", "--group: is empty; leave it out to want all\n"},
        Case{"-t 0 status", "\nmosquitto_session --help tells more.\n"},
        Case{"--bogus status",
             "\nmosquitto_session --help and mosquitto_session status --help tell more.\n"},
        Case{"list --state onlin", "\nmosquitto_session list --help tells more.\n"},
        Case{"--key /dev/null status", "--key requires --cert\n"},
        Case{"list --protocol 4", "there is no \"4\" (there are 3.1, 3.1.1, 5)"},
        Case{"completion tcsh", "there is no \"tcsh\" (there are bash, zsh, fish)"},
        Case{"list --connected-from 1h --connected-until 2h",
             "--connected-from is not before --connected-until\n"},
        Case{"list --csv --disconnected-from 2026-01-02 --disconnected-until 2026-01-02",
             "--disconnected-from is not before --disconnected-until\n"},
        Case{"history a --stored --from 1h --to 2h", "--from is not before --to\n"},
        Case{"--socket relative status", "neither an absolute path"},
        Case{"-s http://127.0.0.1:1/v1?a=b status", "the plugin ends before \"?a=b\"\n"},
        Case{"-s https://x/#a status", "the plugin ends before \"#a\"\n"},
        Case{"-s http:///v1 status", "http:///v1 names no host\n"},
        Case{"--timeout x status", "timeout"}}) {
    SCOPED_TRACE(c.arguments);
    const CliResult result = RunCli(c.arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.output, HasSubstr(c.want));
  }
}

TEST(CliWithoutBrokerTest, AUrlMayHaveThePathAtWhichAProxyServesThePlugin) {
  struct Case {
    const char* path;
    const char* asked;
  };
  for (const Case& c : {Case{"", "POST /mosquitto_session_status.v1."},
                        Case{"/", "POST /mosquitto_session_status.v1."},
                        Case{"/mqtt", "POST /mqtt/mosquitto_session_status.v1."},
                        Case{"/a%20b/mqtt//", "POST /a%20b/mqtt/mosquitto_session_status.v1."}}) {
    SCOPED_TRACE(c.path);
    OneReply proxy(
        "HTTP/1.1 200 OK\r\nContent-Type: application/proto\r\nContent-Length: 0\r\n\r\n",
        OneReply::Tcp());
    const CliResult result =
        RunCli(absl::StrCat("-s http://127.0.0.1:", proxy.port(), c.path, " count"));
    EXPECT_EQ(result.exit_code, 0) << result.output;
    ASSERT_TRUE(WaitUntil([&proxy] { return proxy.answered(); }));
    EXPECT_THAT(proxy.request(), StartsWith(c.asked));
  }
}

TEST(CliWithoutBrokerTest, AFileThatCannotBeUsedIsExitStatusFour) {
  struct Case {
    const char* arguments;
    const char* want;
  };
  for (const Case& c :
       {Case{"--ca /nonexistent status", "--ca: cannot read /nonexistent: No such file or dir"},
        Case{"status --cert /", "--cert: cannot read /: it is a folder\n"},
        Case{"batch -f /", "cannot read /: it is a folder"},
        Case{"batch -f /nonexistent/file", "cannot read /nonexistent/file"},
        Case{"watch -f /nonexistent/file", "cannot read /nonexistent/file"},
        Case{"access check -f /nonexistent -k a -a ecs:b -r c", "/nonexistent"},
        Case{"sts issue -f /nonexistent -a 1 -u b", "/nonexistent"},
        Case{"usage -d /nonexistent", "/nonexistent"}}) {
    SCOPED_TRACE(c.arguments);
    const CliResult result = RunCli(c.arguments);
    EXPECT_EQ(result.exit_code, 4);
    EXPECT_THAT(result.output, HasSubstr(c.want));
  }
}

TEST(CliWithoutBrokerTest, ANumberIsDecimalWhateverItBeginsWith) {
  for (const char* arguments : {"flappers -n 08", "list --listener 01883"}) {
    EXPECT_EQ(RunCli(absl::StrCat("-s /nonexistent ", arguments)).exit_code, 3) << arguments;
  }
}

TEST(CliWithoutBrokerTest, TheSlashBehindAnAddressIsNoPath) {
  const CliResult result = RunCli("-s http://127.0.0.1:1/ status");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.output, HasSubstr("cannot reach the plugin at http://127.0.0.1:1: "));
}

TEST(CliWithoutBrokerTest, HelpTeaches) {
  EXPECT_THAT(RunCli("--help").output, AllOf(HasSubstr("Exit status"), HasSubstr("Examples")));
  EXPECT_THAT(RunCli("batch --help").output, HasSubstr("stdin"));
  EXPECT_THAT(RunCli("history --help").output, Not(HasSubstr("Needs:")));
  EXPECT_EQ(RunCli("--version").exit_code, 0);
}

}  // namespace
}  // namespace session_status::testing
