// The parts of the command that need no broker: words, streams, screens, configuration.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/broker_config.h"
#include "cli/command.h"
#include "cli/command_tree.h"
#include "cli/diagnosis.h"
#include "cli/envelopes.h"
#include "cli/fault_diagnosis.h"
#include "cli/file_diagnosis.h"
#include "cli/file_user.h"
#include "cli/id_input.h"
#include "cli/installed_broker.h"
#include "cli/list_stream.h"
#include "cli/metrics_text.h"
#include "cli/process_maps.h"
#include "cli/progress.h"
#include "cli/session_text.h"
#include "cli/status_text.h"
#include "cli/top_frame.h"
#include "cli/watch_line.h"
#include "cli/words.h"
#include "proto/session_status.pb.h"
#include "tests/cli/fake_systemctl.h"
#include "tests/testing/temp_dir.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

TEST(WordsTest, EnumeratorsAreWordsWithoutTheirPrefix) {
  const EnumWords states(pb::SessionState_descriptor());
  EXPECT_THAT(states.words(), ElementsAre("online", "offline_session_kept", "offline"));
  EXPECT_EQ(states.NumberOf("offline_session_kept"), pb::SESSION_STATE_OFFLINE_SESSION_KEPT);
  EXPECT_EQ(states.WordOf(pb::SESSION_STATE_OFFLINE), "offline");
  EXPECT_EQ(states.WordOf(77), "77");  // of a newer plugin
}

TEST(WordsTest, TimesAreDaysTimesOrHowLongAgo) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  EXPECT_EQ(*ParseWhen("2026-01-02", now), absl::FromUnixSeconds(1'767'312'000));
  EXPECT_EQ(*ParseWhen("2026-01-02T00:00:00Z", now), absl::FromUnixSeconds(1'767'312'000));
  EXPECT_EQ(*ParseWhen("2026-01-02T01:00:00+01:00", now), absl::FromUnixSeconds(1'767'312'000));
  EXPECT_EQ(*ParseWhen("90s", now), now - absl::Seconds(90));
  EXPECT_EQ(*ParseWhen("7d", now), now - absl::Hours(7 * 24));
  for (const char* wrong : {"", "monday", "2026-13-01", "-5m", "5", "xd", "99999999d"}) {
    EXPECT_FALSE(ParseWhen(wrong, now).ok()) << wrong;
  }
}

TEST(PrintableTest, NothingSteersATerminalAndLettersStayLetters) {
  const std::pair<const char*, const char*> cases[] = {
      {"lamp-1/ü日本", "lamp-1/ü日本"},
      {"a\x1b[31m\n\x7f", "a\\x1b[31m\\n\\x7f"},
      {"\xC2\x9B"
       "31m",
       "\\xc2\\x9b31m"},
      {"\xC2\x80 \xC2\x9F \xC2\xA0", "\\xc2\\x80 \\xc2\\x9f \xC2\xA0"},
      {"\xE2\x80\xAE"
       "pmal",
       "\\xe2\\x80\\xaepmal"},
      {"\xE2\x80\x8E\xE2\x81\xA6 \xE2\x80\x93", "\\xe2\\x80\\x8e\\xe2\\x81\\xa6 \xE2\x80\x93"},
      {"pump\xE2\x80\x8B-7\xEF\xBB\xBF", "pump\\xe2\\x80\\x8b-7\\xef\\xbb\\xbf"},
      {"\xC2\xAD\xE2\x81\xA0\xF3\xA0\x81\x81", "\\xc2\\xad\\xe2\\x81\\xa0\\xf3\\xa0\\x81\\x81"},
      {"\xF0\x9F\x98\x80 \xF0\x9F", "\xF0\x9F\x98\x80 \xF0\x9F"},
      {"it's \"here\"", "it's \"here\""},
      {"a\\b \\' \\n", "a\\\\b \\\\' \\\\n"},
      {"\xC2", "\xC2"},
      {"\xE2\x80", "\xE2\x80"}};
  for (const auto& [text, printable] : cases) EXPECT_EQ(Printable(text), printable);
}

TEST(CommandTreeTest, OptionsTakeAValueAndFlagsTakeNone) {
  CLI::App app;
  std::string text;
  std::vector<std::string> list;
  bool flag = false;
  app.add_option("-s,--socket", text, "")->type_name("PATH");
  app.add_option("--fields", list, "")->delimiter(',');
  app.add_flag("--json", flag, "");
  app.add_option("ID", list, "");
  app.set_version_flag("--version", "1");
  std::vector<std::string> taking;
  for (const OptionNode& option : DescribeTree(app).options) {
    if (option.takes_value) taking.push_back(option.names.back());
  }
  EXPECT_THAT(taking, ElementsAre("--socket", "--fields", "ID"));
}

TEST(TablePrinterTest, OneEndlessCellLeavesTheOtherRowsAsTheyAre) {
  ::testing::internal::CaptureStdout();
  PrintTable({{"CLIENT", "STATE"},
              {"a", "online"},
              {std::string(500, 'x'), "offline"},
              {std::string(kPaddedColumnsMax, 'y'), "online"}});
  EXPECT_EQ(
      ::testing::internal::GetCapturedStdout(),
      absl::StrCat("CLIENT", std::string(kPaddedColumnsMax - 6 + 2, ' '), "STATE\n", "a",
                   std::string(kPaddedColumnsMax - 1 + 2, ' '), "online\n", std::string(500, 'x'),
                   "  offline\n", std::string(kPaddedColumnsMax, 'y'), "  online\n"));
}

TEST(ListStreamTest, PassesWholeLinesInAnyPieces) {
  const std::string body = "{\"clientId\":\"a\"}\n{\"clientId\":\"b\"}\n";
  for (size_t cut = 0; cut <= body.size(); ++cut) {
    ListStream stream(false, 0);
    std::string out(stream.Take(body.substr(0, cut)));
    absl::StrAppend(&out, stream.Take(body.substr(cut)));
    EXPECT_EQ(out, body) << cut;
    EXPECT_EQ(stream.sessions(), 2u);
    EXPECT_TRUE(stream.Finish().ok()) << cut;
  }
}

TEST(ListStreamTest, TheErrorAtTheEndIsNoSession) {
  ListStream json(false, 0);
  EXPECT_EQ(
      json.Take(
          "{\"clientId\":\"a\"}\n{\"error\":{\"code\":\"aborted\",\"message\":\"given up\"}}\n"),
      "{\"clientId\":\"a\"}\n");
  EXPECT_EQ(json.Finish().message(), "given up");
  ListStream csv(true, 0);
  EXPECT_EQ(csv.Take("clientId\r\na\r\n#error given up\r\n"), "clientId\r\na\r\n");
  EXPECT_EQ(csv.Finish().message(), "given up");
}

TEST(ListStreamTest, ALineBreakInsideAQuotedCellIsData) {
  ListStream csv(true, 0);
  const std::string body = "clientId\r\n\"a\n#error b\"\r\n\"#error c\"\r\n";
  EXPECT_EQ(csv.Take(body), body);
  EXPECT_EQ(csv.sessions(), 2u);
  EXPECT_TRUE(csv.Finish().ok());
}

TEST(ListStreamTest, StopsAtTheLimitAndMissesAnUnfinishedLine) {
  ListStream limited(false, 1);
  EXPECT_EQ(limited.Take("{}\n{}\n"), "{}\n");
  EXPECT_TRUE(limited.enough());
  EXPECT_TRUE(limited.Finish().ok());
  ListStream cut(false, 0);
  EXPECT_EQ(cut.Take("{}\n{"), "{}\n");
  EXPECT_FALSE(cut.Finish().ok());
}

TEST(ListPathTest, HoldsEveryFilterEscaped) {
  pb::ListSessionsRequest request;
  request.add_states(pb::SESSION_STATE_OFFLINE);
  request.set_client_id_prefix("a&b c/ü");
  request.set_connected_from_ms(7);
  EXPECT_EQ(ListPath(request, true),
            "/v1/sessions?format=csv&state=offline&prefix=a%26b%20c%2F%C3%BC&connected_from=7");
}

TEST(EnvelopeReaderTest, FindsMessagesAtEverySplit) {
  const std::string bytes("\0\0\0\0\3abc\2\0\0\0\2{}", 15);
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    std::vector<std::string> got;
    EnvelopeReader reader;
    const auto take = [&got](bool last, absl::string_view text) {
      got.push_back(absl::StrCat(last ? "last " : "", text));
      return true;
    };
    ASSERT_TRUE(reader.Feed(bytes.substr(0, cut), take).ok());
    ASSERT_TRUE(reader.Feed(bytes.substr(cut), take).ok());
    EXPECT_THAT(got, ElementsAre("abc", "last {}")) << cut;
  }
  EXPECT_FALSE(
      EnvelopeReader().Feed("HTTP/1.1 400", [](bool, absl::string_view) { return true; }).ok());
}

constexpr char kMetrics[] = R"(# HELP x y
session_status_query_duration_seconds_count{surface="admin",operation="A \"b\"",result="ok"} 90
session_status_query_duration_seconds_bucket{surface="admin",operation="A \"b\"",result="ok",le="0.001"} 80
session_status_query_duration_seconds_bucket{surface="admin",operation="A \"b\"",result="ok",le="+Inf"} 90
session_status_query_duration_seconds_count{surface="admin",operation="A \"b\"",result="error"} 10
session_status_query_duration_seconds_bucket{surface="admin",operation="A \"b\"",result="error",le="0.001"} 10
session_status_query_duration_seconds_bucket{surface="admin",operation="A \"b\"",result="error",le="+Inf"} 10
session_status_sessions{state="online"} 3
session_status_sessions{state="offline"} 4
broken{line
)";

TEST(MetricsTextTest, ResultsOfAnOperationAreCountedTogether) {
  const std::vector<Sample> samples = ParseMetrics(kMetrics);
  EXPECT_EQ(SumOf(samples, "session_status_sessions"), 7);
  EXPECT_EQ(SumOf(samples, "absent"), 0);
  const std::vector<QueryLatency> queries = QueryLatencies(samples);
  ASSERT_THAT(queries, SizeIs(1));
  EXPECT_EQ(queries[0].operation, "A \"b\"");
  EXPECT_EQ(queries[0].count, 100);
  EXPECT_EQ(queries[0].Quantile(0.9), 0.001);
  EXPECT_TRUE(std::isinf(queries[0].Quantile(0.99)));
  EXPECT_EQ(queries[0].Since(queries[0]).count, 0);
}

Findings FaultsIn(const std::string& before, const std::string& now) {
  Findings findings;
  CheckFaults(ParseMetrics(before), ParseMetrics(now), &findings);
  return findings;
}

TEST(FaultTest, AHealthyPluginIsOneGoodFinding) {
  const std::string metrics =
      "session_status_store_failing 0\nsession_status_store_behind_seconds 3.5\n"
      "session_status_fleet_nodes{state=\"alive\"} 3\nsession_status_fleet_nodes{state=\"lost\"} "
      "0\n"
      "session_status_usage_pending_counts 7\n";
  const Findings findings = FaultsIn(metrics, metrics);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_EQ(findings[0].verdict, Verdict::kGood);
  EXPECT_FALSE(DeservesSecondLook(ParseMetrics(metrics)));
}

TEST(FaultTest, EveryRowIsFoundAndHasARemedy) {
  for (const FaultRow& row : FaultTable()) {
    const std::string label = row.label[0] == '\0' ? "" : absl::StrCat("{x=\"", row.label, "\"}");
    const std::string metrics = absl::StrCat(row.metric, label, " ", row.at_most + 1, "\n");
    const Findings findings = FaultsIn(metrics, metrics);
    ASSERT_THAT(findings, SizeIs(1)) << metrics;
    EXPECT_EQ(findings[0].verdict,
              row.kind == FaultKind::kDown ? Verdict::kProblem : Verdict::kWarning)
        << metrics;
    EXPECT_THAT(findings[0].text, HasSubstr(row.metric));
    EXPECT_NE(findings[0].advice, "") << metrics;
  }
}

TEST(FaultTest, WhatRisesBetweenTwoLooksIsGoingOn) {
  const std::string name = "session_status_usage_write_failures_total";
  EXPECT_TRUE(DeservesSecondLook(ParseMetrics(name + " 3\n")));
  const Findings past = FaultsIn(name + " 3\n", name + " 3\n");
  ASSERT_THAT(past, SizeIs(1));
  EXPECT_EQ(past[0].verdict, Verdict::kWarning);
  const Findings going = FaultsIn(name + " 3\n", name + " 4\n");
  ASSERT_THAT(going, SizeIs(1));
  EXPECT_EQ(going[0].verdict, Verdict::kProblem);
}

TEST(FaultTest, QueriesThatFailAndEventsThatTakeLongAreNamed) {
  const std::string query = "session_status_query_duration_seconds_count{result=\"";
  EXPECT_EQ(FaultsIn("", query + "ok\"} 1000\n" + query + "failed\"} 5\n")[0].subject, "metrics");
  EXPECT_EQ(FaultsIn("", query + "ok\"} 100\n" + query + "failed\"} 5\n")[0].subject, "queries");
  const std::string event = "session_status_event_callback_duration_seconds_";
  const std::string count = event + "count 2000\n" + event + "bucket{le=\"0.001\"} ";
  EXPECT_EQ(FaultsIn("", count + "1990\n")[0].subject, "metrics");
  EXPECT_EQ(FaultsIn("", count + "1900\n")[0].subject, "events");
}

std::string TextOf(const char* path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(FaultTest, WhatAnAlertIsAboutTheDoctorLooksAt) {
  // Found otherwise: by its age, by /readyz, from histograms, in the files of certificates; or it
  // is about clients and callers, not about the plugin; or it only goes with another metric.
  std::set<std::string> known = {"session_status_snapshot_age_seconds",
                                 "session_status_snapshot_refresh_interval_seconds",
                                 "session_status_event_callback_duration_seconds_bucket",
                                 "session_status_query_duration_seconds_count",
                                 "session_status_fleet_ready",
                                 "session_status_build_info",
                                 "session_status_listener_tls_certificate_not_after_seconds",
                                 "session_status_listener_tls_client_ca_not_after_seconds",
                                 "session_status_listener_tls_crl_next_update_seconds",
                                 "session_status_ends_total",
                                 "session_status_sessions",
                                 "session_status_takeovers_total",
                                 "session_status_usage_pending_counts"};
  const std::string reference = TextOf(METRICS_MANUAL);
  for (const FaultRow& row : FaultTable()) {
    known.insert(row.metric);
    EXPECT_THAT(reference, HasSubstr(absl::StrCat("| `", row.metric, "` |")));
  }
  const std::string rules = TextOf(ALERT_RULES);
  const std::regex metric("session_status_[a-z_]+");
  size_t seen = 0;
  for (std::sregex_iterator i(rules.begin(), rules.end(), metric), end; i != end; ++i, ++seen) {
    EXPECT_EQ(known.count(i->str()), 1u) << i->str();
  }
  EXPECT_GT(seen, 20u);
}

std::vector<std::string> Texts(const Findings& findings) {
  std::vector<std::string> texts;
  for (const Finding& f : findings) {
    texts.push_back(absl::StrCat(f.verdict == Verdict::kGood ? "ok " : "warning ", f.text));
  }
  return texts;
}

TEST(ClockTest, ThePluginsTimeIsComparedAsItIsGivenToChanges) {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  const auto check = [&](absl::Duration clock, absl::Duration ahead) {
    ServerStatus status;
    status.set_started_at_ms(absl::ToUnixMillis(now) - 5000);
    status.set_uptime_ms(5000 + absl::ToInt64Milliseconds(clock));
    status.set_clock_ahead_ms(absl::ToInt64Milliseconds(ahead));
    Findings findings;
    CheckClock(status, now, &findings);
    return Texts(findings);
  };
  EXPECT_THAT(check(absl::Seconds(1), absl::Seconds(1)),
              ElementsAre("ok agrees with the plugin's"));
  EXPECT_THAT(check(absl::ZeroDuration(), absl::Hours(300 * 24)),
              ElementsAre(AllOf(HasSubstr("warning was set back: "), HasSubstr("7200h"))));
  EXPECT_THAT(check(-absl::Minutes(10), absl::ZeroDuration()),
              ElementsAre(HasSubstr("warning differs from that of the plugin's machine by 10m")));
}

// As of a broker that has read this configuration.
ServerStatus StatusOf(const BrokerConfig& config) {
  const auto given = [&config](absl::string_view option) {
    return !config.plugin_lines.front().Option(option).empty();
  };
  ServerStatus status;
  status.set_instance_id("mosquitto");
  status.set_snapshot_refresh_ms(1000);
  if (given("session_database")) status.mutable_session_store();
  if (given("webhook_url")) status.mutable_webhook();
  if (given("topics_prefix")) status.mutable_topics();
  if (given("control_users")) status.mutable_control();
  if (given("fleet_url")) status.mutable_fleet()->set_name("mosquitto");
  return status;
}

TEST(EditedTest, WhatTheBrokerDoesNotRunWithIsNamedWithItsLine) {
  const auto config = [](std::vector<std::pair<std::string, std::string>> options) {
    BrokerConfig result;
    result.plugin_lines.push_back({"m.conf:1", "/x.so", {}, "plugin"});
    for (auto& [name, value] : options) {
      result.plugin_lines.front().options.push_back({name, value, "m.conf:2"});
    }
    return result;
  };
  const auto edited = [](const BrokerConfig& now, const BrokerConfig& at_the_start) {
    Findings findings;
    CheckEdited(now, StatusOf(at_the_start), &findings);
    return Texts(findings);
  };
  const BrokerConfig plain = config({});
  EXPECT_THAT(edited(plain, plain), IsEmpty());
  const std::pair<std::string, std::string> parts[] = {{"session_database", "/var/lib/s.db"},
                                                       {"webhook_url", "http://127.0.0.1:1/"},
                                                       {"topics_prefix", "$SYS/x"},
                                                       {"control_users", "ann"},
                                                       {"fleet_url", "redis://127.0.0.1:1"}};
  for (const auto& part : parts) {
    SCOPED_TRACE(part.first);
    const BrokerConfig with = config({part});
    EXPECT_THAT(edited(with, with), IsEmpty());
    EXPECT_THAT(edited(with, plain),
                ElementsAre(absl::StrCat("warning m.conf:2: ", part.first,
                                         " is given here and not given in the broker that runs")));
    EXPECT_THAT(edited(plain, with), ElementsAre(HasSubstr(" is not given here and given in ")));
  }
  EXPECT_THAT(edited(config({{"snapshot_refresh", "5s"}}), plain),
              ElementsAre(HasSubstr("snapshot_refresh is 5s here and 1s in the broker")));
  EXPECT_THAT(edited(config({{"offline_grace", "30s"}}), plain),
              ElementsAre(HasSubstr("offline_grace is 30s here and 0 in the broker")));
  EXPECT_THAT(edited(config({{"fleet_url", "redis://127.0.0.1:1"}, {"fleet_name", "shop"}}),
                     config({{"fleet_url", "redis://127.0.0.1:1"}})),
              ElementsAre(HasSubstr("fleet_name is shop here and mosquitto in the broker")));
  EXPECT_THAT(edited(config({{"instance_id", "shop"}}), plain),
              ElementsAre(HasSubstr("instance_id is shop here and mosquitto in the broker")));
}

TEST(EditedTest, AnAccessFileThatTheBrokerHasNotReadSinceIsNamed) {
  const std::string path = ::testing::TempDir() + "units_access.json";
  std::ofstream(path, std::ios::trunc) << "{}";
  struct stat file {};
  ASSERT_EQ(stat(path.c_str(), &file), 0);
  const int64_t modified_ms = absl::ToUnixMillis(absl::TimeFromTimespec(file.st_mtim));
  BrokerConfig config;
  config.plugin_lines.push_back(
      {"m.conf:1", "/x.so", {{"access_file", path, "m.conf:2"}}, "plugin"});
  ServerStatus status = StatusOf(config);
  const auto edited = [&] {
    Findings findings;
    CheckEdited(config, status, &findings);
    return Texts(findings);
  };
  EXPECT_THAT(edited(), IsEmpty()) << "an older plugin does not tell";
  pb::ReloadStatus* reload = status.add_reloads();
  reload->set_name("access_file");
  reload->set_modified_at_ms(modified_ms);
  EXPECT_THAT(edited(), IsEmpty());
  reload->set_modified_at_ms(modified_ms - 1);
  EXPECT_THAT(edited(), ElementsAre(HasSubstr(absl::StrCat(
                            "warning ", path, " was edited after the broker had read it: "))));
  reload->set_failed(true);
  EXPECT_THAT(edited(), ElementsAre(HasSubstr("and could not be read again: ")));
  unlink(path.c_str());
}

TEST(InstalledBrokerTest, ItsLineIsInItsVersion) {
  EXPECT_EQ(ParseBrokerLine("mosquitto 2.0"), BrokerLine::k20);
  EXPECT_EQ(ParseBrokerLine("mosquitto version 2.0.11\n\nmosquitto is"), BrokerLine::k20);
  EXPECT_EQ(ParseBrokerLine("mosquitto version 1.6.9\n"), BrokerLine::k20);
  EXPECT_EQ(ParseBrokerLine("mosquitto 2.1"), BrokerLine::k21);
  EXPECT_EQ(ParseBrokerLine("mosquitto version 2.10.0\n"), BrokerLine::k21);
  for (const char* other :
       {"", "mosquitto", "sh: 1: mosquitto: not found", "mosquitto version x.y"}) {
    EXPECT_EQ(ParseBrokerLine(other), BrokerLine::kUnknown) << other;
    EXPECT_EQ(ParseReleaseOf20(other), -1) << other;
  }
  EXPECT_EQ(ParseReleaseOf20("mosquitto version 2.0.11\n\nmosquitto is"), 11);
  EXPECT_EQ(ParseReleaseOf20("mosquitto 2.0"), -1);
  EXPECT_EQ(ParseReleaseOf20("mosquitto version 2.1.2\n"), -1);
}

TEST(InstalledBrokerTest, WhatAServiceStartsIsInWhatSystemctlShows) {
  const auto started = [](absl::string_view arguments) {
    return ParseExecStart(session_status::testing::ShownExecStart("/opt/m 1/mosquitto", arguments));
  };
  EXPECT_EQ(started("-v -c /etc/m.conf").path, "/opt/m 1/mosquitto");
  EXPECT_EQ(started("-v -c /etc/m.conf").config, "/etc/m.conf");
  EXPECT_EQ(started("--config-file /etc/m.conf -d").config, "/etc/m.conf");
  for (const char* none : {"", "-d", "-c"}) EXPECT_EQ(started(none).config, "") << none;
  for (const char* other : {"", "ExecStart=\n", "ExecStart={ path=/x }\n", "LoadState=masked\n"}) {
    EXPECT_EQ(ParseExecStart(other).path, "") << other;
  }
}

TEST(TopFrameTest, RatesAreBetweenTwoReadingsAndLinesFit) {
  TopScreen screen;
  screen.before.at = absl::FromUnixSeconds(100);
  screen.now.at = absl::FromUnixSeconds(102);
  screen.has_before = true;
  screen.before.counts.set_connects(10);
  screen.now.counts.set_connects(20);
  auto* ends = screen.now.counts.add_ends_by_reason();
  ends->set_reason(pb::END_REASON_KEEPALIVE_TIMEOUT);
  ends->set_count(4);
  screen.now.flappers = {{"12", "bouncing\x1b[31m", "network error"}};
  const std::vector<std::string> lines = TopFrame(screen, {60, 30}, false);
  EXPECT_THAT(lines, Contains(HasSubstr("connects 5.0/s   disconnects 2.0/s")));
  EXPECT_THAT(lines, Contains(AllOf(HasSubstr("keepalive timeout"), HasSubstr("2.0/s"))));
  EXPECT_THAT(lines, Contains("Flappers"));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("elsewhere"))));
  TopScreen of_a_fleet = screen;
  of_a_fleet.now.status.mutable_fleet()->set_name("plant");
  of_a_fleet.now.counts.set_online_elsewhere(7);
  EXPECT_THAT(TopFrame(of_a_fleet, {80, 30}, false),
              Contains(HasSubstr("offline 0   elsewhere in the fleet 7")));
  EXPECT_THAT(lines, Contains(HasSubstr("bouncing\\x1b[31m")));
  for (int rows = 1; rows < 20; ++rows) {
    const auto small = TopFrame(screen, {7, rows}, false);
    EXPECT_LE(small.size(), static_cast<size_t>(rows));
    for (const std::string& line : small)
      EXPECT_LE(line.size(), 7u + 2) << line;  // "≤" has 3 bytes
  }
}

TEST(ProgressLineTest, ShowsPartBarAndTimeLeft) {
  EXPECT_EQ(ProgressLine("clients", 50, 100, absl::Seconds(3), 60),
            "[###########-----------]  50 %  50 of 100 clients, 3s left");
  EXPECT_EQ(ProgressLine("sessions", 7, 0, absl::Seconds(3), 60), "7 sessions");
  for (int columns = 1; columns < 80; ++columns) {
    EXPECT_LT(ProgressLine("clients", 5, 9, absl::Seconds(1), columns).size(),
              static_cast<size_t>(std::max(columns, 2)));
  }
}

TEST(WatchLineTest, SaysWhatAGapMeans) {
  pb::WatchSessionsResponse event;
  event.mutable_gap()->set_feed_epoch(7);
  event.mutable_gap()->set_missed_after(4);
  event.mutable_gap()->set_restart_sequence(9);
  EXPECT_THAT(WatchLine(event, 7, false), HasSubstr("gap: changes 5 to 9 were missed; list again"));
  EXPECT_THAT(WatchLine(event, 0, false), HasSubstr("changes 5 to 9 were missed"));
  EXPECT_THAT(WatchLine(event, 6, false), HasSubstr("the broker was started anew"))
      << "4 and 9 are numbers of two lives";
  event.mutable_gap()->set_missed_after(9);
  event.mutable_gap()->set_restart_sequence(4);
  EXPECT_THAT(WatchLine(event, 6, false), HasSubstr("the broker was started anew"));
  for (const int64_t epoch : {0, 7}) {
    EXPECT_THAT(WatchLine(event, epoch, false), HasSubstr("is none of this life of the broker"));
  }
}

TEST(WatchLineTest, WhatWasFoundAtAStartSaysItsStateAndMayHaveNoTime) {
  pb::WatchSessionsResponse event;
  event.mutable_change()->set_kind(pb::CHANGE_KIND_REPAIRED);
  event.mutable_change()->set_client_id("lamp");
  event.mutable_change()->set_state(pb::SESSION_STATE_OFFLINE_SESSION_KEPT);
  EXPECT_EQ(WatchLine(event, 0, false), "-             repaired: offline, session kept  lamp");
  event.mutable_change()->set_state(pb::SESSION_STATE_ONLINE);
  EXPECT_EQ(WatchLine(event, 0, false), "-             repaired: online       lamp");
}

TEST(WordsTest, APlaceInTheFeedIsAnEventsIdOrASequence) {
  const auto parsed = ParseFeedPlace("1795644849123-4711");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->epoch, 1'795'644'849'123);
  EXPECT_EQ(parsed->sequence, 4711u);
  const auto alone = ParseFeedPlace("0");
  ASSERT_TRUE(alone.ok()) << alone.status();
  EXPECT_EQ(alone->epoch, 0);
  EXPECT_EQ(alone->sequence, 0u);
  for (const char* bad : {"", "-", "1-", "-1", "1-2-3", "0-5", "1--5", " 1", "1 -2", "+1", "1-x",
                          "99999999999999999999-1", "1-99999999999999999999"}) {
    EXPECT_FALSE(ParseFeedPlace(bad).ok()) << bad;
  }
}

TEST(SessionTextTest, EveryFieldOfASessionHasACellAndAHeading) {
  pb::QuerySessionByClientIdResponse session;
  session.set_client_id("a\x1b");
  session.set_online(false);
  session.set_end_reason(pb::END_REASON_TAKEN_OVER);
  EXPECT_EQ(SessionCell(session, "clientId"), "a\\x1b");
  EXPECT_EQ(SessionCell(session, "online"), "no");
  EXPECT_EQ(SessionCell(session, "endReason"), "taken over");
  EXPECT_EQ(SessionCell(session, "connectedAtMs"), "");
  session.set_disconnected_at_ms(1'767'323'045'678);
  session.set_ended_not_before_ms(1'767'323'045'678);
  session.set_ended_not_after_ms(1'767'323'045'678);
  for (const char* moment : {"disconnectedAtMs", "endedNotBeforeMs", "endedNotAfterMs"}) {
    EXPECT_EQ(SessionCell(session, moment), LocalTime(1'767'323'045'678)) << moment;
  }
  EXPECT_EQ(SessionHeading("connectedAtMs"), "CONNECTED AT");
  pb::QuerySessionByClientIdResponse kept;
  kept.set_state(pb::SESSION_STATE_OFFLINE_SESSION_KEPT);
  EXPECT_EQ(SessionCell(kept, "state"), "offline, session kept");  // as in every other table
  EXPECT_THAT(SessionFieldNames(), Contains("detectionBoundS"));
}

TEST(IdInputTest, TheMarkThatEditorsPutFirstIsNoPartOfAnIdentifier) {
  const session_status::testing::TempDir dir;
  std::vector<std::string> ids = {"first"};
  Context context;
  EXPECT_TRUE(ReadIds(dir.Write("ids", "\xEF\xBB\xBFlamp\r\n\n\xEF\xBB\xBFx\n"), &ids, &context));
  EXPECT_THAT(ids, ElementsAre("first", "lamp", "\xEF\xBB\xBFx"));
  EXPECT_EQ(context.exit_code, kExitOk);
}

TEST(IdInputTest, ALineThatIsNotUtf8IsNamed) {
  const session_status::testing::TempDir dir;
  std::vector<std::string> ids;
  Context context;
  ::testing::internal::CaptureStderr();
  const std::string file = dir.Write("ids", "lamp\n\ncaf\xE9\n");
  EXPECT_FALSE(ReadIds(file, &ids, &context));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            absl::StrCat("mosquitto_session: ", file, ", line 3: not UTF-8\n"));
  EXPECT_EQ(context.exit_code, kExitRefused);
}

TEST(IdInputTest, ALineThatIsLongerThanMqttAllowsIsNamed) {
  const session_status::testing::TempDir dir;
  std::vector<std::string> ids;
  Context context;
  EXPECT_TRUE(ReadIds(dir.Write("ids", std::string(65'535, 'x') + "\r\n"), &ids, &context));
  ::testing::internal::CaptureStderr();
  const std::string file = dir.Write("ids", "lamp\n" + std::string(65'536, 'x'));
  EXPECT_FALSE(ReadIds(file, &ids, &context));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            absl::StrCat("mosquitto_session: ", file,
                         ", line 2: 65536 bytes; MQTT allows at most 65535\n"));
  EXPECT_EQ(context.exit_code, kExitRefused);
}

TEST(SessionTextTest, AnEndThatNobodySawLiesBetweenTwoMoments) {
  constexpr int64_t kFrom = 1'767'323'040'000;
  constexpr int64_t kTo = 1'767'323'045'678;
  EXPECT_EQ(MomentText(0, kTo), LocalTime(kTo));
  EXPECT_EQ(MomentText(kFrom, kTo),
            absl::StrCat("between ", LocalTime(kFrom), " and ", LocalTime(kTo)));
  EXPECT_EQ(MomentText(0, 0), "not known");
}

// The row of this name; empty: there is none.
std::string RowOf(const pb::GetServerStatusResponse& status, const std::string& name) {
  for (const auto& row : StatusRows(status)) {
    if (row.at(0) == name) return row.at(1);
  }
  return "";
}

TEST(StatusTextTest, APartThatDoesNotRunHasNoRow) {
  for (const char* part : {"session database", "control over MQTT", "MQTT topics", "webhook"}) {
    EXPECT_EQ(RowOf(pb::GetServerStatusResponse(), part), "") << part;
  }
}

TEST(StatusTextTest, EveryPartThatRunsCountsAndAFailingOneSaysSo) {
  pb::GetServerStatusResponse status;
  status.mutable_control()->set_requests(7);
  status.mutable_topics()->set_missed_changes(3);
  status.mutable_webhook()->set_delivered_events(5);
  status.mutable_session_store()->set_restored(4);
  EXPECT_THAT(RowOf(status, "control over MQTT"), HasSubstr("7 requests"));
  EXPECT_THAT(RowOf(status, "MQTT topics"), HasSubstr("3 missed"));
  EXPECT_THAT(RowOf(status, "webhook"),
              AllOf(HasSubstr("5 events delivered"), Not(HasSubstr("FAILING"))));
  EXPECT_THAT(RowOf(status, "session database"),
              AllOf(HasSubstr("4 restored"), Not(HasSubstr("FAILING"))));
  status.mutable_webhook()->set_failures_in_a_row(12);
  status.mutable_session_store()->set_failing(true);
  status.mutable_session_store()->set_failures(9);
  EXPECT_THAT(RowOf(status, "webhook"), HasSubstr("FAILING: 12 posts in a row"));
  status.add_reloads()->set_name("access_file");
  EXPECT_THAT(RowOf(status, "access_file"), StartsWith("read "));
  status.mutable_reloads(0)->set_failed(true);
  EXPECT_THAT(RowOf(status, "access_file"), StartsWith("FAILING: not read again "));
  EXPECT_THAT(RowOf(status, "session database"),
              AllOf(HasSubstr("FAILING"), HasSubstr("in memory only"), HasSubstr("9 attempts")));
}

TEST(FileUserTest, OwnerGroupAndOthersHaveEachTheirOwnRights) {
  struct stat file {};
  file.st_uid = 7;
  file.st_gid = 70;
  file.st_mode = S_IFREG | 0640;
  const FileUser owner{"owner", 7, {1}};
  const FileUser member{"member", 8, {1, 70}};
  const FileUser other{"other", 8, {1}};
  const FileUser root{"root", 0, {0}};
  EXPECT_TRUE(Permits(file, owner, R_OK | W_OK));
  EXPECT_FALSE(Permits(file, owner, X_OK));
  EXPECT_TRUE(Permits(file, member, R_OK));
  EXPECT_FALSE(Permits(file, member, R_OK | W_OK));
  EXPECT_FALSE(Permits(file, other, R_OK));
  EXPECT_TRUE(Permits(file, root, R_OK | W_OK));
  file.st_mode = S_IFREG | 0006;  // the owner is nobody else
  EXPECT_FALSE(Permits(file, owner, R_OK));
  EXPECT_FALSE(Permits(file, member, R_OK));
  EXPECT_TRUE(Permits(file, other, R_OK | W_OK));
}

TEST(FileUserTest, AFolderOnTheWayMayBeClosed) {
  const session_status::testing::TempDir dir;
  const std::string inner = dir.File("inner");
  ASSERT_EQ(mkdir(inner.c_str(), 0755), 0);
  dir.Write("inner/file", "");
  const FileUser stranger = MemberOf(static_cast<gid_t>(-2));
  EXPECT_EQ(ClosedFolder(inner + "/file", stranger), dir.path());
  ASSERT_EQ(chmod(dir.path().c_str(), 0711), 0);
  EXPECT_EQ(ClosedFolder(inner + "/file", stranger), "");
  ASSERT_EQ(chmod(inner.c_str(), 0750), 0);
  EXPECT_EQ(ClosedFolder(inner + "/file", stranger), inner);
  EXPECT_EQ(ClosedFolder(inner + "/file", MemberOf(getegid())), "");
  // By a link from a free folder.
  const std::string link = dir.File("link");
  ASSERT_EQ(symlink((inner + "/file").c_str(), link.c_str()), 0);
  EXPECT_EQ(ClosedFolder(link, stranger), inner);
}

TEST(SocketTest, WhyItMayNotBeUsedIsTold) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can look as another user";
  const session_status::testing::TempDir dir;
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  const std::string path = dir.File("s");
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(chmod(path.c_str(), 0600), 0);
  Findings findings;
  constexpr uid_t kNobody = 65'534;
  ASSERT_EQ(setreuid(kNobody, static_cast<uid_t>(-1)), 0);  // access() asks for the real user
  CheckSocket(path, false, &findings);
  ASSERT_EQ(setreuid(0, static_cast<uid_t>(-1)), 0);
  close(fd);
  ASSERT_THAT(findings, SizeIs(1));
  EXPECT_THAT(findings[0].text, HasSubstr("mode 0600): Permission denied"));
}

TEST(ProcessMapsTest, AFileThatWasReplacedUnderItsProcessIsFound) {
  const session_status::testing::TempDir dir;
  const std::string path = dir.Write("x.so", "text");
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* mapped = mmap(nullptr, 4, PROT_READ, MAP_PRIVATE, fd, 0);
  close(fd);
  ASSERT_NE(mapped, MAP_FAILED);
  EXPECT_EQ(DeletedMapping(getpid(), "x.so"), "");
  ASSERT_EQ(rename(dir.Write("new.so", "text").c_str(), path.c_str()), 0);
  EXPECT_EQ(DeletedMapping(getpid(), "x.so"), path);
  EXPECT_EQ(DeletedMapping(getpid(), "y.so"), "");
  munmap(mapped, 4);
  EXPECT_EQ(DeletedMapping(getpid(), "x.so"), "");

  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string name = dir.File("s");
  name.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(ListenerOf(name), 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  EXPECT_EQ(ListenerOf(name), getpid());
  close(listener);
}

TEST(FileUserTest, UsersAreThoseOfThisMachine) {
  ASSERT_TRUE(FindBrokerUser("root").has_value());
  EXPECT_EQ(FindBrokerUser("root")->uid, 0u);
  EXPECT_THAT(FindUser("root")->groups, Contains(0u));
  EXPECT_FALSE(FindBrokerUser("no such user").has_value());
  EXPECT_TRUE(FindBrokerUser("mosquitto").has_value());  // nobody, where there is none
}

TEST(BrokerConfigTest, FindsThePluginItsOptionsAndWhatIsIncluded) {
  const session_status::testing::TempDir dir;
  const std::string included = dir.Write("a.conf",
                                         "global_plugin /x/mosquitto_session_status.so\n"
                                         "  plugin_opt_instance_id  one two \n"
                                         "plugin /x/other.so\nplugin_opt_instance_id not_ours\n");
  dir.Write("b.txt", "user nobody\n");
  const std::string main = dir.Write(
      "main.configuration", absl::StrCat("# comment\nuser root\ninclude_dir ", dir.path(), "\n"));
  const auto config = ReadBrokerConfig(main);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_THAT(config->plugin_lines, SizeIs(1));
  EXPECT_EQ(config->plugin_lines[0].where, included + ":1");
  EXPECT_EQ(config->plugin_lines[0].Option("instance_id"), "one two");
  EXPECT_EQ(config->plugin_lines[0].keyword, "global_plugin");
  ASSERT_THAT(config->plugin_lines[0].options, SizeIs(1));
  EXPECT_EQ(config->plugin_lines[0].options[0].where, included + ":2");
  EXPECT_EQ(config->user, "root");
  EXPECT_TRUE(config->authenticates);
  EXPECT_FALSE(ReadBrokerConfig("/nonexistent").ok());
}

TEST(BrokerConfigTest, WhatOnlyTheBrokerMayIncludeIsNoProblemOfTheBrokers) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  const session_status::testing::TempDir dir;
  const session_status::testing::TempDir closed;
  const std::string main = dir.Write("m.conf", absl::StrCat("include_dir ", closed.path(), "\n"));
  ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(main.c_str(), 0644), 0);
  ASSERT_EQ(seteuid(65'534), 0);
  const auto config = ReadBrokerConfig(main);
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_TRUE(config.ok()) << config.status();
  Findings findings;
  CheckConfiguration(*config, {}, &findings);
  ASSERT_THAT(findings, SizeIs(2));
  for (const Finding& finding : findings) {
    EXPECT_EQ(finding.verdict, Verdict::kWarning);
    EXPECT_THAT(finding.advice, HasSubstr("run as root"));
  }
  EXPECT_EQ(findings[0].text,
            absl::StrCat(main, ":1: include_dir ", closed.path(), ": Permission denied"));
}

}  // namespace
}  // namespace session_status::cli
