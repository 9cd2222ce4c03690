// list, count, watch, top and doctor against real brokers of both lines, on pipes and on a
// pseudo-terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/admin_client.h"
#include "proto/session_status.pb.h"
#include "tests/cli/cli_process.h"
#include "tests/cli/one_reply.h"
#include "tests/testing/admin_client.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/mqtt_client.h"
#include "tests/testing/raw_mqtt.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A 2.0 that the doctor finds nothing wrong with: something beside the plugin looks at logins.
constexpr char kConfigOf20[] = R"(
listener {PORT} 127.0.0.1
allow_anonymous true
password_file {DIR}/passwords
plugin {PLUGIN}
{OPTIONS}
)";

// Clients ls-1 (3.1.1) and ls-2 (5) are online, ls-gone was. They are users "ann", but on 2.0,
// which refuses names that it does not know (docs/broker-support.md).
class FollowCommandsTest : public ::testing::TestWithParam<BrokerLine> {
 protected:
  FollowCommandsTest()
      : broker_(BrokerProcess::Start(
            {.line = GetParam(),
             .config = On21() ? kPlainConfig : kConfigOf20,
             .plugin = SessionStatusPlugin(),
             .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}, {"snapshot_refresh", "10ms"}},
             .files = {{"passwords", ""}}})),
        socket_(broker_->Expand("{DIR}/admin.sock")) {
    first_ = Connect("ls-1", 4);
    second_ = Connect("ls-2", 5);
    Connect("ls-gone", 4)->Disconnect();
    AdminClient(socket_).WaitForState("ls-gone", "OFFLINE");
  }

  std::unique_ptr<MqttClient> Connect(const std::string& id, int version) {
    auto client = std::make_unique<MqttClient>(ClientOptions{
        .id = id, .port = broker_->port(), .version = version, .username = On21() ? "ann" : ""});
    EXPECT_EQ(client->Connect(), 0);
    return client;
  }
  static bool On21() { return GetParam() == BrokerLine::k21; }
  // What 2.0 does not tell plugins.
  static const char* Reason(const char* on_21) { return On21() ? on_21 : "unknown"; }
  CliResult Ask(const std::string& arguments) {
    return RunCli(absl::StrCat("--socket ", socket_, " ", arguments));
  }
  std::vector<std::string> With(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--socket", socket_});
    return arguments;
  }

  std::unique_ptr<BrokerProcess> broker_;
  const std::string socket_;
  std::unique_ptr<MqttClient> first_;
  std::unique_ptr<MqttClient> second_;
};
INSTANTIATE_TEST_SUITE_P(OnBroker, FollowCommandsTest, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

size_t Lines(const std::string& text) {
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

TEST_P(FollowCommandsTest, ListIsATableUnlessAskedOtherwise) {
  const CliResult table = Ask("list");
  EXPECT_EQ(table.exit_code, 0) << table.output;
  EXPECT_THAT(
      table.output,
      AllOf(ContainsRegex("CLIENT +STATE +CONNECTED AT +ADDRESS"),
            ContainsRegex("ls-1 +online .*127.0.0.1 +MQTT 3.1.1"),
            ContainsRegex(absl::StrCat("ls-gone +offline .*", Reason("client disconnect")))));
  EXPECT_EQ(Lines(table.output), 4u);
  const CliResult fields = Ask("list --fields username,clientId --prefix ls-2");
  EXPECT_THAT(fields.output, ContainsRegex(On21() ? "USERNAME +CLIENT\nann +ls-2\n"
                                                  : "USERNAME +CLIENT\n +ls-2\n"));
}

TEST_P(FollowCommandsTest, ListWritesJsonLinesAndCsv) {
  const CliResult json = Ask("--json list --state online --fields clientId,address");
  EXPECT_EQ(json.exit_code, 0) << json.output;
  EXPECT_THAT(json.output, AllOf(HasSubstr("{\"clientId\":\"ls-1\",\"address\":\"127.0.0.1\"}\n"),
                                 Not(HasSubstr("gone"))));
  EXPECT_EQ(Lines(json.output), 2u);
  const CliResult csv = Ask("list --csv --fields clientId,state --state offline");
  EXPECT_EQ(csv.output, "clientId,state\r\nls-gone,offline\r\n");
  EXPECT_EQ(Lines(Ask("--json list --limit 2").output), 2u);
  EXPECT_EQ(Lines(Ask("list --csv --limit 1").output), 2u);
  EXPECT_EQ(Lines(Ask("list --limit 1").output), 2u);
}

TEST_P(FollowCommandsTest, ListFiltersByEverything) {
  struct Case {
    std::string filter;
    size_t sessions;
  };
  for (const Case& c :
       {Case{"--protocol 5", 1}, Case{"--address 127.0.0.0/8", 3}, Case{"--address 10.0.0.0/8", 0},
        Case{On21() ? "--reason client_disconnect,kicked" : "--reason unknown", 1},
        Case{absl::StrCat("--listener ", broker_->port()), On21() ? 3u : 0u},
        Case{"--listener 1", 0}, Case{"--connected-from 1h", 3}, Case{"--connected-until 1h", 0},
        Case{"--disconnected-from 1h", 1}, Case{"--group g", 0},
        Case{"--state online,offline --prefix ls-g", 1},
        Case{"--connected-from 2020-01-01 --connected-until 2120-01-01T00:00:00Z", 3}}) {
    const CliResult result = Ask(absl::StrCat("--json list ", c.filter));
    EXPECT_EQ(result.exit_code, 0) << c.filter;
    EXPECT_EQ(Lines(result.output), c.sessions) << c.filter << "\n" << result.output;
  }
}

TEST_P(FollowCommandsTest, AnOddIdentifierSurvivesTableCsvAndJson) {
  const auto odd = Connect("#error \"a\",b", 5);
  EXPECT_THAT(Ask("list --csv --fields clientId --prefix '#'").output,
              HasSubstr("\"#error \"\"a\"\",b\"\r\n"));
  EXPECT_EQ(Ask("list --csv --prefix '#'").exit_code, 0);
  EXPECT_THAT(Ask("--json list --prefix '#error \"'").output,
              HasSubstr(R"({"clientId":"#error \"a\",b",)"));
}

TEST_P(FollowCommandsTest, AListLongerThanAPageIsWholeInEveryForm) {
  constexpr int kClients = 1'005;  // the command asks for 1,000 at a time
  for (int i = 0; i < kClients; ++i) {
    RawConnection client = RawConnection::Tcp(broker_->port());
    ASSERT_EQ(client.Connect({.id = absl::StrCat("many-", i)}), 0);
    ASSERT_TRUE(client.Ping());
  }
  AdminClient(socket_).WaitForState(absl::StrCat("many-", kClients - 1), "OFFLINE");
  for (const char* form :
       {"list --prefix many-", "--json list --prefix many-", "list --csv --prefix many-"}) {
    std::set<std::string> listed;
    const std::string output = Ask(form).output;
    for (const absl::string_view part : absl::StrSplit(output, "many-")) {
      listed.emplace(part.substr(0, part.find_first_not_of("0123456789")));
    }
    listed.erase("");  // before the first
    EXPECT_EQ(listed.size(), static_cast<size_t>(kClients)) << form;
  }
  const std::string limited = Ask("list --prefix many- --limit 1003").output;
  EXPECT_EQ(std::count(limited.begin(), limited.end(), '\n'), 1'004);
}

TEST_P(FollowCommandsTest, CountAnswersByEveryBreakdown) {
  const CliResult states = Ask("count");
  EXPECT_EQ(states.exit_code, 0);
  EXPECT_EQ(states.output,
            "STATE                  CLIENTS\nonline                 2\noffline, session kept  0\n"
            "offline                1\ntotal                  3\n");
  EXPECT_THAT(Ask("count --by protocol").output,
              AllOf(ContainsRegex("MQTT 5 +1"), ContainsRegex("MQTT 3.1.1 +1")));
  EXPECT_THAT(Ask("count --by reason").output,
              ContainsRegex(absl::StrCat(Reason("client disconnect"), " +1")));
  EXPECT_THAT(
      Ask("count --by listener,group").output,
      AllOf(ContainsRegex(On21() ? absl::StrCat(broker_->port(), " +2") : "\\(unknown\\) +2"),
            ContainsRegex("\\(none\\) +2")));
  EXPECT_THAT(Ask("--json count").output,
              AllOf(HasSubstr("\"online\":\"2\""), HasSubstr("\"groups\"")));
  EXPECT_THAT(Ask("--json count --by state").output,
              AllOf(HasSubstr("\"online\":\"2\""), Not(HasSubstr("\"groups\""))));
}

TEST_P(FollowCommandsTest, WatchWritesJsonLinesToAPipe) {
  CliProcess watch(With({"watch", "--prefix", "new-"}), Screen::kNone);
  ASSERT_TRUE(watch.WaitFor("\"started\"")) << watch.output();
  const auto client = Connect("new-1", 5);
  ASSERT_TRUE(watch.WaitFor("\"CHANGE_KIND_ONLINE\"")) << watch.output();
  client->Disconnect();
  ASSERT_TRUE(watch.WaitFor("\"CHANGE_KIND_OFFLINE\"")) << watch.output();
  watch.Signal(SIGINT);
  EXPECT_EQ(watch.Wait(), 0);
  EXPECT_THAT(watch.output(), AllOf(StartsWith("{\"started\":{"),
                                    HasSubstr("\"clientId\":\"new-1\""), Not(HasSubstr("ls-"))));
}

TEST_P(FollowCommandsTest, WatchIsColouredOnATerminalUnlessToldNotTo) {
  {
    CliProcess watch(With({"watch", "ls-1", "ls-gone"}), Screen::kAll);
    ASSERT_TRUE(watch.WaitFor("following after change")) << watch.output();
    EXPECT_THAT(watch.output(),
                AllOf(HasSubstr("\x1b[32monline\x1b[0m"), HasSubstr("\x1b[31moffline\x1b[0m")));
    first_->Disconnect();
    ASSERT_TRUE(watch.WaitFor(Reason("client disconnect"), watch.output().size()))
        << watch.output();
    watch.Write("\x03");  // Ctrl-C, as the terminal makes it a signal
    EXPECT_EQ(watch.Wait(), 0);
  }
  CliProcess plain(With({"watch", "ls-2", "--count", "1"}), Screen::kAll, {{"NO_COLOR", "1"}});
  EXPECT_EQ(plain.Wait(), 0);
  EXPECT_THAT(plain.output(), AllOf(HasSubstr("now           online"), Not(HasSubstr("\x1b["))));
}

TEST_P(FollowCommandsTest, WatchWaitsForTheFirstEventNoLongerThanItsTimeoutAndForOthersLonger) {
  CliProcess watch(With({"watch", "--text", "--timeout", "1"}), Screen::kNone);
  ASSERT_TRUE(watch.WaitFor("following after change")) << watch.output();
  broker_->Signal(SIGSTOP);
  const CliResult late = Ask("--timeout 1.5 watch");
  EXPECT_EQ(late.exit_code, 3);
  EXPECT_THAT(late.output, HasSubstr(": Operation timed out after 1500 milliseconds"));
  broker_->Signal(SIGCONT);
  const auto client = Connect("new", 5);
  EXPECT_TRUE(watch.WaitFor("  new  ")) << watch.output();
  EXPECT_THAT(watch.output(), Not(HasSubstr("trying again")));
  watch.Signal(SIGTERM);
  EXPECT_EQ(watch.Wait(), 0);
}

TEST_P(FollowCommandsTest, WatchGoesOnWhereItWasAfterARestartAndSaysWhatItMissed) {
  CliProcess watch(With({"watch", "--text"}), Screen::kNone);
  ASSERT_TRUE(watch.WaitFor("following after change")) << watch.output();
  const auto before = Connect("before", 4);
  ASSERT_TRUE(watch.WaitFor("before")) << watch.output();
  broker_->Kill();
  ASSERT_TRUE(watch.WaitFor("trying again")) << watch.output();
  watch.Signal(SIGSTOP);  // until the new life has more changes than the old one had
  broker_->Restart();
  for (int i = 0; i < 10; ++i) Connect(absl::StrCat("more-", i), 4)->Disconnect();
  AdminClient(socket_).WaitForState("more-9", "OFFLINE");
  watch.Signal(SIGCONT);
  ASSERT_TRUE(watch.WaitFor("gap: the broker was started anew")) << watch.output();
  const auto after = Connect("after", 4);
  ASSERT_TRUE(watch.WaitFor("  after  ")) << watch.output();
  watch.Signal(SIGTERM);
  EXPECT_EQ(watch.Wait(), 0);
}

// As a proxy does while the broker behind it restarts.
TEST_P(FollowCommandsTest, WatchWaitsForWhoSaysThatHeCannotServeNow) {
  CliProcess watch(With({"watch", "--text"}), Screen::kNone);
  ASSERT_TRUE(watch.WaitFor("following after change")) << watch.output();
  broker_->Kill();
  {
    OneReply proxy("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>", socket_);
    ASSERT_TRUE(WaitUntil([&] { return proxy.answered(); }));
  }
  broker_->Restart();
  EXPECT_TRUE(watch.WaitFor("gap: ")) << watch.output();
  watch.Signal(SIGTERM);
  EXPECT_EQ(watch.Wait(), 0);
}

TEST_P(FollowCommandsTest, WatchBeginsAfterAGivenChange) {
  const CliResult all = Ask("watch --after 0 --count 4");
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_THAT(all.output, AllOf(HasSubstr("\"sequence\":\"1\""), HasSubstr("\"sequence\":\"4\"")));
  EXPECT_EQ(Ask("watch --after 0 --kind offline -n 1").output.find("ONLINE"), std::string::npos);
}

// What a script does that has kept what an earlier run printed.
TEST_P(FollowCommandsTest, AWatchSetGoesOnWithEveryChangeAndFewerAreAGap) {
  const std::string started = Ask("--json watch --after 0 -n 1").output;
  const auto member = [&started](const std::string& name) {
    const size_t begin = started.find(absl::StrCat("\"", name, "\":\"")) + name.size() + 4;
    return started.substr(begin, started.find('"', begin) - begin);
  };
  const std::string epoch = member("feedEpoch");
  const uint64_t sequence = AdminClient(socket_).Status().sequence;
  first_->Disconnect();
  AdminClient(socket_).WaitForState("ls-1", "OFFLINE");
  first_ = Connect("ls-1", 4);
  AdminClient(socket_).WaitForState("ls-1", "ONLINE");
  CliProcess again(
      With({"watch", "ls-1", "-n", "2", "--after", absl::StrCat(epoch, "-", sequence)}),
      Screen::kNone);
  ASSERT_TRUE(again.WaitFor("CHANGE_KIND_ONLINE")) << again.output();
  EXPECT_EQ(again.Wait(), 0);
  EXPECT_THAT(again.output(), AllOf(HasSubstr("CHANGE_KIND_OFFLINE"), Not(HasSubstr("\"state\":{")),
                                    Not(HasSubstr("\"gap\""))));
  CliProcess other_life(With({"watch", "ls-1", "-n", "1", "--after", absl::StrCat("1-", sequence)}),
                        Screen::kNone);
  ASSERT_TRUE(other_life.WaitFor("\"state\":{")) << other_life.output();
  EXPECT_EQ(other_life.Wait(), 0);
  EXPECT_THAT(other_life.output(), StartsWith("{\"gap\":{"));
}

// A broker whose feed is worth four seconds of silence.
std::unique_ptr<BrokerProcess> StartWithHeartbeats(BrokerLine line) {
  return BrokerProcess::Start(
      {.line = line,
       .config = kPlainConfig,
       .plugin = SessionStatusPlugin(),
       .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}, {"feed_heartbeat", "1s"}}});
}

TEST(WatchTest, NoticesABrokerThatHasFallenSilentAndGoesOnWhenItIsBack) {
  const auto broker = StartWithHeartbeats(BrokerLine::k21);
  ASSERT_TRUE(broker->running()) << broker->Log();
  CliProcess watch(
      {"--socket", broker->Expand("{DIR}/admin.sock"), "watch", "lamp", "--text", "--timeout", "1"},
      Screen::kNone);
  ASSERT_TRUE(watch.WaitFor("following after change")) << watch.output();
  broker->Signal(SIGSTOP);
  ASSERT_TRUE(watch.WaitFor("Operation timed out after 4000 milliseconds")) << watch.output();
  broker->Signal(SIGCONT);
  MqttClient lamp({.id = "lamp", .port = broker->port(), .version = 5});
  ASSERT_EQ(lamp.Connect(), 0);
  EXPECT_TRUE(watch.WaitFor("online                 lamp")) << watch.output();
  EXPECT_THAT(watch.output(), Not(HasSubstr("gap")));
  watch.Signal(SIGTERM);
  EXPECT_EQ(watch.Wait(), 0);
}

TEST(WatchTest, AFeedThatSendsHeartbeatsIsNotSilent) {
  constexpr int kHeartbeats = 6;  // more than may stay away
  const auto broker = StartWithHeartbeats(BrokerLine::k21);
  ASSERT_TRUE(broker->running()) << broker->Log();
  cli::AdminClient client(broker->Expand("{DIR}/admin.sock"), absl::Seconds(1));
  int heartbeats = 0;
  const absl::Status status =
      client.Watch({}, -1, [&](const mosquitto_session_status::v1::WatchSessionsResponse& event) {
        return !event.has_heartbeat() || ++heartbeats < kHeartbeats;
      });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(heartbeats, kHeartbeats);
}

TEST_P(FollowCommandsTest, TopIsALiveScreenThatFitsAndEndsWithQ) {
  CliProcess top(With({"top", "--interval", "0.1"}), Screen::kAll);
  ASSERT_TRUE(top.WaitFor("online \x1b[32m2\x1b[0m")) << top.output();
  ASSERT_TRUE(top.WaitFor("GetServerStatus")) << top.output();  // its own queries
  first_->Disconnect();
  ASSERT_TRUE(top.WaitFor("online \x1b[32m1\x1b[0m")) << top.output();
  const size_t seen = top.output().size();
  top.Resize(30, 5);
  ASSERT_TRUE(top.WaitFor("connects ", seen));
  top.Write("q");
  EXPECT_EQ(top.Wait(), 0);
  EXPECT_THAT(top.output(), AllOf(StartsWith("\x1b[?1049h"), HasSubstr("\x1b[?1049l")));
}

TEST_P(FollowCommandsTest, TopGivesTheTerminalBackWhileItIsStopped) {
  CliProcess shell(CliProcess::Script{
      absl::StrCat("{CLI} --socket ", socket_,
                   " top --interval 600; echo stopped: $?; stty -a; read go; fg; echo ended: $?")});
  ASSERT_TRUE(shell.WaitFor("online ")) << shell.output();
  shell.Write("\x1a");  // Ctrl-Z
  ASSERT_TRUE(shell.WaitFor(absl::StrCat("stopped: ", 128 + SIGTSTP))) << shell.output();
  EXPECT_THAT(shell.output(), ContainsRegex("\x1b\\[\\?25h\x1b\\[\\?1049l[^\x1b]*stopped"));
  ASSERT_TRUE(shell.WaitFor(" icanon ")) << shell.output();
  const size_t seen = shell.output().size();
  shell.Write("\n");
  ASSERT_TRUE(shell.WaitFor("\x1b[?1049h\x1b[?25l", seen)) << shell.output();
  ASSERT_TRUE(shell.WaitFor("online ", seen)) << shell.output();
  shell.Write("q");
  ASSERT_TRUE(shell.WaitFor("ended: 0")) << shell.output();
  EXPECT_EQ(shell.Wait(), 0);
}

// As an xterm's only program is: the system ignores Ctrl-Z then.
TEST_P(FollowCommandsTest, TopGoesOnWhereNobodyCouldLetItGoOn) {
  CliProcess top(With({"top", "--interval", "600"}), Screen::kAll);
  ASSERT_TRUE(top.WaitFor("online ")) << top.output();
  size_t seen = top.output().size();
  top.Write("\x1a");
  ASSERT_TRUE(top.WaitFor("\x1b[?1049h\x1b[?25l", seen)) << top.output();
  seen = top.output().size();
  top.Signal(SIGSTOP);
  top.Signal(SIGCONT);
  ASSERT_TRUE(top.WaitFor("\x1b[?1049h\x1b[?25l", seen)) << top.output();
  top.Write("q");
  EXPECT_EQ(top.Wait(), 0);
}

TEST_P(FollowCommandsTest, ASignalEndsATopThatWaitsForAnAnswer) {
  CliProcess top(With({"--timeout", "60", "top", "--interval", "0.1"}), Screen::kAll);
  ASSERT_TRUE(top.WaitFor("online ")) << top.output();
  broker_->Signal(SIGSTOP);
  size_t seen = 0;
  do {  // nothing new for several intervals: it waits
    seen = top.output().size();
  } while (top.WaitFor("\x1b[H", seen, absl::Seconds(1)));
  top.Write("\x03");  // Ctrl-C
  EXPECT_TRUE(top.EndsUnread());
  broker_->Signal(SIGCONT);
  EXPECT_EQ(top.Wait(), 0);
  EXPECT_THAT(top.output(), EndsWith("\x1b[?25h\x1b[?1049l"));
}

TEST_P(FollowCommandsTest, ASignalEndsATopWhoseTerminalDoesNotRead) {
  CliProcess top(With({"top", "--interval", "0.1"}), Screen::kAll);
  ASSERT_TRUE(top.LeaveUnread(absl::ZeroDuration()));
  const absl::Time begin = absl::Now();
  unsigned short rows = 30;
  ASSERT_TRUE(WaitUntil([&] {  // each is drawn, until no more fits into what nobody reads
    top.Resize(100, rows ^= 1);
    return absl::Now() - begin > absl::Seconds(2);
  }));
  top.Signal(SIGTERM);
  EXPECT_TRUE(top.EndsUnread());
}

TEST_P(FollowCommandsTest, TopListsWhoFlaps) {
  // To 2.0 every end may be a flap: it does not say why.
  if (On21()) {
    EXPECT_THAT(Ask("top").output, Not(HasSubstr("Flappers")));
  } else {
    EXPECT_THAT(Ask("top").output, ContainsRegex("Flappers\n +1  ls-gone  unknown"));
  }
  for (int i = 0; i < 2; ++i) {
    const auto client = Connect("bouncing", 4);
    client->Drop();
    AdminClient(socket_).WaitForState("bouncing", "OFFLINE");
  }
  EXPECT_THAT(Ask("top").output,
              ContainsRegex(absl::StrCat("Flappers\n +2  bouncing  ", Reason("network error"),
                                         "  127.0.0.1")));
}

TEST_P(FollowCommandsTest, TopPrintsOneFrameWithoutATerminal) {
  const CliResult result = Ask("top");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, AllOf(HasSubstr("online 2   session kept 0   offline 1"),
                                   HasSubstr(Reason("client disconnect")), Not(HasSubstr("\x1b"))));
}

TEST_P(FollowCommandsTest, ListOffersTheFieldsThatTheServiceTakes) {
  // Both end with "(there are a, b, c)" or "; there are a, b, c".
  const auto fields = [](const std::string& text) {
    const size_t begin = text.find("there are ");
    return begin == std::string::npos
               ? text
               : text.substr(begin, text.find_first_of(")\"\n", begin) - begin);
  };
  const std::string offered = fields(Ask("list --fields x").output);
  EXPECT_THAT(offered, HasSubstr("there are clientId, "));
  EXPECT_EQ(offered, fields(AdminClient(socket_).Get("/v1/sessions?fields=x").body));
}

TEST_P(FollowCommandsTest, DoctorFindsNothingWrongWithAHealthyBroker) {
  const std::string config = broker_->Expand("{DIR}/mosquitto.conf");
  const CliResult result = RunCli(absl::StrCat("doctor --config ", config));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_THAT(result.output,
              AllOf(HasSubstr(On21() ? "2 given, all accepted" : "3 given, all accepted"),
                    HasSubstr(socket_), HasSubstr("agrees with the plugin's"),
                    ContainsRegex("ok +snapshot"), ContainsRegex("ok +metrics"),
                    Not(HasSubstr("problem"))));
  EXPECT_THAT(RunCli(absl::StrCat("--json doctor --config ", config)).output,
              HasSubstr(R"({"verdict":"ok","subject":"options")"));
}

// One listing at a time: whichever were left open would keep the next one away for two seconds.
TEST(ListTest, WhatIsNotReadToItsEndMakesRoomForTheNextAtOnce) {
  const auto broker = BrokerProcess::Start(
      {.line = BrokerLine::k21,
       .config = kPlainConfig,
       .plugin = SessionStatusPlugin(),
       .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}, {"listings_max", "1"}}});
  ASSERT_TRUE(broker->running()) << broker->Log();
  constexpr int kClients = 1'005;  // more than a page, and more bytes than a pipe holds
  const auto id = [](int i) { return absl::StrCat(std::string(60, 'x'), i); };
  for (int i = 0; i < kClients; ++i) {
    RawConnection client = RawConnection::Tcp(broker->port());
    ASSERT_EQ(client.Connect({.id = id(i)}), 0);
    ASSERT_TRUE(client.Ping());
  }
  const std::string socket = broker->Expand("{DIR}/admin.sock");
  AdminClient(socket).WaitForState(id(kClients - 1), "OFFLINE");
  const std::string list = absl::StrCat("--socket ", socket, " list");
  for (int i = 0; i < 5; ++i) {
    const CliResult first_five = RunCli(absl::StrCat(list, " -n 5"));
    EXPECT_EQ(first_five.exit_code, 0) << first_five.output;
    EXPECT_EQ(Lines(first_five.output), 6u);
    EXPECT_THAT(RunCli(absl::StrCat(list, " | head -1")).output, StartsWith("CLIENT"));
  }
  EXPECT_EQ(RunCli(absl::StrCat(list, " -n 1002")).exit_code, 0);
  EXPECT_EQ(Lines(RunCli(list).output), size_t{kClients} + 1);
}

TEST(DoctorOfPartsTest, APartThatIsDownIsAProblemAndStatusShowsIt) {
  // Nobody listens at {PORT2}.
  const auto broker =
      BrokerProcess::Start({.line = BrokerLine::k21,
                            .config = kPlainConfig,
                            .plugin = SessionStatusPlugin(),
                            .plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                                               {"fleet_url", "redis://127.0.0.1:{PORT2}"},
                                               {"webhook_url", "http://127.0.0.1:{PORT2}/"}}});
  ASSERT_TRUE(broker->running()) << broker->Log();
  MqttClient client({.id = "lamp", .port = broker->port(), .version = 5});
  ASSERT_EQ(client.Connect(), 0);
  const std::string ask = absl::StrCat("--socket ", broker->Expand("{DIR}/admin.sock"));
  EXPECT_TRUE(WaitUntil(
      [&] { return RunCli(ask + " status").output.find("FAILING: ") != std::string::npos; }));
  const CliResult result =
      RunCli(absl::StrCat(ask, " doctor -c ", broker->Expand("{DIR}/mosquitto.conf")));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output,
              AllOf(ContainsRegex("problem +ready .*fleet: not ready"),
                    ContainsRegex("problem +fleet +(connecting|not joined)"),
                    HasSubstr("it answers from what was last known"),
                    Not(HasSubstr("session_status_fleet_nodes")),
                    ContainsRegex("(warning|problem) +webhook .*failures_in_a_row is"),
                    Not(HasSubstr("nothing lost"))));
}

// As after an upgrade that does not change the version.
TEST_P(FollowCommandsTest, DoctorSeesThatTheBrokerRunsAFileThatWasReplaced) {
  const std::string plugin = broker_->Expand("{DIR}/mosquitto_session_status.so");
  std::filesystem::copy_file(SessionStatusPlugin(), plugin);
  const auto broker =
      BrokerProcess::Start({.line = GetParam(),
                            .config = kPlainConfig,
                            .plugin = plugin,
                            .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}}});
  ASSERT_TRUE(broker->running()) << broker->Log();
  const std::string doctor = absl::StrCat("doctor -c ", broker->Expand("{DIR}/mosquitto.conf"));
  EXPECT_THAT(RunCli(doctor).output, Not(HasSubstr("was replaced or removed")));
  std::filesystem::copy_file(SessionStatusPlugin(), plugin + ".new");
  std::filesystem::rename(plugin + ".new", plugin);
  EXPECT_THAT(RunCli(doctor).output,
              ContainsRegex(absl::StrCat("warning +version +the broker \\(process [0-9]+\\) runs a "
                                         "plugin whose file, ",
                                         plugin, ", was replaced or removed after its start")));
}

TEST_P(FollowCommandsTest, DoctorKnowsWhichLineTheRunningBrokerTakes) {
  const std::string config = broker_->dir().Write(
      "other.conf", absl::StrCat("user root\nglobal_plugin ", SessionStatusPlugin(),
                                 "\nplugin_opt_admin_socket ", socket_, "\n"));
  const CliResult result = RunCli(absl::StrCat("doctor -c ", config));
  EXPECT_EQ(result.exit_code, On21() ? 0 : 1) << result.output;
  EXPECT_EQ(result.output.find("is mosquitto 2.0, which does not know global_plugin") ==
                std::string::npos,
            On21())
      << result.output;
}

TEST_P(FollowCommandsTest, DoctorSaysWhatIsWrongAndWhatToDo) {
  const auto diagnose = [this](const std::string& config) {
    return RunCli(absl::StrCat("doctor -c ", broker_->dir().Write("bad.conf", config))).output;
  };
  const std::string load = absl::StrCat("global_plugin ", SessionStatusPlugin(), "\n");
  EXPECT_THAT(
      diagnose(load + "plugin_opt_snapshot_refresh often\n"),
      AllOf(ContainsRegex("problem +options .*bad.conf:2: option plugin_opt_snapshot_refresh"),
            HasSubstr("docs/options.md")));
  EXPECT_THAT(diagnose(load + "plugin_opt_snapshot_refrsh 1s\n"),
              HasSubstr("did you mean plugin_opt_snapshot_refresh?"));
  EXPECT_THAT(diagnose("listener 1883\n"), HasSubstr("no line of the configuration loads it"));
  EXPECT_THAT(diagnose("plugin /nonexistent/mosquitto_session_status.so\n"),
              ContainsRegex("problem +plugin .*No such file"));
  EXPECT_THAT(
      diagnose(load + "plugin_opt_admin_socket /nonexistent/x/a.sock\n"),
      AllOf(ContainsRegex("problem +admin_socket .*/nonexistent/x"), HasSubstr("install -d"),
            ContainsRegex("problem +socket "), ContainsRegex("problem +answer ")));
  const std::string access = broker_->dir().Write("access.json", "{}");
  ASSERT_EQ(chmod(access.c_str(), 0644), 0);
  EXPECT_THAT(diagnose(absl::StrCat(load, "plugin_opt_access_file ", access, "\n")),
              HasSubstr("chmod 600"));
  EXPECT_EQ(RunCli("doctor -c /nonexistent/mosquitto.conf").exit_code, 1);
}

}  // namespace
}  // namespace session_status::testing
