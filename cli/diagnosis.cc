#include "cli/diagnosis.h"

#include <sys/stat.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "cli/command.h"
#include "cli/fault_diagnosis.h"
#include "cli/file_diagnosis.h"
#include "cli/listener_diagnosis.h"
#include "cli/metrics_text.h"
#include "cli/process_maps.h"
#include "plugin/option_check.h"
#include "plugin/version.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

namespace pb = ::mosquitto_session_status::v1;

constexpr absl::Duration kClockDifferenceMax = absl::Seconds(2);
// A refresh may come late on a busy machine; three of them missing is more than that.
constexpr int64_t kRefreshesMissedMax = 3;
constexpr int64_t kRefreshGraceMs = 1000;
// Of Mosquitto 2.0: the first that tells plugins of its loop under per_listener_settings true.
constexpr int kFirstReleaseWithListenersTick = 15;

// Mosquitto 2.0 does not know the line: it would not start.
bool NeedsBroker21(const PluginLine& line) {
  return line.keyword == "global_plugin" || line.keyword == "plugin_load";
}

void CheckLoading(const PluginLine& line, const std::string& user, Findings* findings) {
  if (!CheckPluginFile(line, user, findings)) return;
  Add(findings, Verdict::kGood, "plugin",
      absl::StrCat(
          line.where, " loads ", line.path,
          NeedsBroker21(line) ? absl::StrCat(" (", line.keyword, ": from Mosquitto 2.1 on)") : ""));
}

// "option plugin_opt_NAME…": the name; empty: it names none.
absl::string_view OptionNamedBy(absl::string_view message) {
  if (!absl::ConsumePrefix(&message, "option plugin_opt_")) return "";
  return message.substr(0, message.find_first_of(": "));
}

// Of the last line that gives it: of an option that is given twice, the one too many.
std::string WhereIs(const PluginLine& line, absl::string_view option) {
  const auto found =
      std::find_if(line.options.rbegin(), line.options.rend(),
                   [option](const OptionLine& given) { return given.name == option; });
  return found == line.options.rend() ? line.where : found->where;
}

// "option plugin_opt_tls_certificate_file "/x": …" is about what is in the file.
bool IsAboutFile(absl::string_view message, absl::string_view option) {
  return absl::EndsWith(option, "_file") && absl::StrContains(message, absl::StrCat(option, " \""));
}

using GivenOptions = std::vector<std::pair<absl::string_view, absl::string_view>>;

GivenOptions Given(const PluginLine& line) {
  GivenOptions given;
  for (const OptionLine& option : line.options) given.emplace_back(option.name, option.value);
  return given;
}

void CheckOptionsOf(const PluginLine& line, Findings* findings) {
  const GivenOptions given = Given(line);
  const std::vector<absl::Status> wrong = CheckOptions(given);
  for (const absl::Status& status : wrong) {
    const absl::string_view option = OptionNamedBy(status.message());
    Add(findings, Verdict::kProblem, "options",
        absl::StrCat(WhereIs(line, option), ": ", std::string(status.message())),
        IsAboutFile(status.message(), option)
            ? "the option is right, the file is not; the broker would not start"
            : "the broker would not start; docs/options.md has every option");
  }
  if (!wrong.empty()) return;
  for (const std::string& text : WithoutEffect(given)) {
    Add(findings, Verdict::kWarning, "options",
        absl::StrCat(WhereIs(line, OptionNamedBy(text)), ": ", text),
        "the broker starts all the same, and logs this");
  }
  Add(findings, Verdict::kGood, "options", absl::StrCat(given.size(), " given, all accepted"));
}

bool IsGiven(absl::string_view value) { return !value.empty() && value != "none"; }

// Of what this broker would not take.
Verdict VerdictFor(const BrokerKind& broker) {
  const bool known = broker.certain && broker.line != BrokerLine::kUnknown;
  return known ? Verdict::kProblem : Verdict::kWarning;
}

std::string AdviceFor(const BrokerKind& broker, std::string advice) {
  if (broker.certain) return advice;
  return absl::StrCat("whether it reads this file is not known, for no mosquitto.service starts a ",
                      "broker with it; if it does, ", advice);
}

// Does this broker know the line, and does the plugin start in it?
void CheckBrokerKnows(const PluginLine& line, const BrokerKind& broker, Findings* findings) {
  if (broker.line != BrokerLine::k20) return;
  const std::string is_20 = absl::StrCat(": ", broker.name, " is mosquitto 2.0, ");
  if (NeedsBroker21(line)) {
    return Add(findings, VerdictFor(broker), "plugin",
               absl::StrCat(line.where, is_20, "which does not know ", line.keyword,
                            " and would not start", broker.running ? " again" : ""),
               AdviceFor(broker, absl::StrCat("write \"plugin ", line.path, "\" instead")));
  }
  if (line.Option("observe_logins") != "true") {
    Add(findings, VerdictFor(broker), "logins",
        absl::StrCat(line.where, is_20,
                     "where the plugin starts only with plugin_opt_observe_logins true"),
        AdviceFor(broker,
                  "add that option, after docs/broker-support.md, or move to Mosquitto 2.1"));
  }
  if (!IsGiven(line.Option("instances_by_listener"))) return;
  Add(findings, VerdictFor(broker), "options",
      absl::StrCat(WhereIs(line, "instances_by_listener"), is_20,
                   "which does not tell which listener a client uses: with "
                   "plugin_opt_instances_by_listener the plugin does not start"),
      AdviceFor(broker, "use plugin_opt_instances_by_username true, or move to Mosquitto 2.1"));
}

void CheckLogins(const PluginLine& line, const BrokerConfig& config, const BrokerKind& broker,
                 Findings* findings) {
  const bool maybe_20 = broker.line == BrokerLine::k20 ||
                        (broker.line == BrokerLine::kUnknown && !NeedsBroker21(line));
  if (!maybe_20 || line.Option("observe_logins") != "true" || config.authenticates) return;
  Add(findings, VerdictFor(broker), "logins",
      "observe_logins without a password_file or another authentication plugin: Mosquitto 2.0 "
      "would refuse every client that sends a user name",
      "add a password_file, or, on Mosquitto 2.1, remove observe_logins");
}

void CheckLine(const PluginLine& line, const BrokerConfig& config, const BrokerKind& broker,
               Findings* findings) {
  CheckLoading(line, config.user, findings);
  CheckBrokerKnows(line, broker, findings);
  CheckOptionsOf(line, findings);
  CheckLogins(line, config, broker, findings);
  CheckFilesOf(line, config.user, findings);
}

// All lines share one plugin, which compares what they give it, the order as well.
void CheckSameOptions(const std::vector<PluginLine>& lines, Findings* findings) {
  const auto same = [](const OptionLine& a, const OptionLine& b) {
    return a.name == b.name && a.value == b.value;
  };
  const std::vector<OptionLine>& first = lines.front().options;
  for (const PluginLine& line : lines) {
    if (std::equal(first.begin(), first.end(), line.options.begin(), line.options.end(), same)) {
      continue;
    }
    Add(findings, Verdict::kProblem, "options",
        absl::StrCat(line.where, ": other options than at ", lines.front().where,
                     "; the plugin refuses to be loaded so"),
        "give each line that loads it the same options in the same order, or load it once: on "
        "Mosquitto 2.1 with global_plugin");
  }
}

// A broker that runs does not tell which 2.0 it is.
void CheckPerListenerSettings(const BrokerConfig& config, const BrokerKind& broker,
                              Findings* findings) {
  const bool known = broker.release_of_20 >= 0;
  if (config.per_listener_settings.empty() || broker.line != BrokerLine::k20 ||
      (known && broker.release_of_20 >= kFirstReleaseWithListenersTick)) {
    return;
  }
  Add(findings, known ? VerdictFor(broker) : Verdict::kWarning, "listeners",
      absl::StrCat(config.per_listener_settings,
                   ": per_listener_settings true: Mosquitto before 2.0.",
                   kFirstReleaseWithListenersTick,
                   " gives plugins no tick then, and who connects stays unknown"),
      absl::StrCat("remove the line, or move to 2.0.", kFirstReleaseWithListenersTick,
                   " or later (docs/broker-support.md)"));
}

void CheckSnapshot(const pb::GetServerStatusResponse& status, Findings* findings) {
  const int64_t age = status.snapshot().age_ms();
  const int64_t refresh = status.snapshot_refresh_ms();
  const std::string text =
      absl::StrCat(ShortDuration(age), " old, refreshed every ", ShortDuration(refresh));
  if (age <= kRefreshesMissedMax * refresh + kRefreshGraceMs) {
    return Add(findings, Verdict::kGood, "snapshot", text);
  }
  Add(findings, Verdict::kProblem, "snapshot", text,
      "the machine is too busy for the refresher: give it processor time, lower listener_nice, or "
      "refresh less often");
}

// What goes wrong is in the metrics; what may be the past is looked at twice.
// `joined`: whether this node holds its lease in the fleet. One that does not is among the lost
// itself, and what it knows of the others is old.
void CheckCounters(AdminClient* client, bool joined, Findings* findings) {
  const auto parse = [joined](const std::string& text) {
    std::vector<Sample> samples = ParseMetrics(text);
    const auto is_of_nodes = [](const Sample& s) { return s.name == "session_status_fleet_nodes"; };
    if (!joined) {
      samples.erase(std::remove_if(samples.begin(), samples.end(), is_of_nodes), samples.end());
    }
    return samples;
  };
  constexpr absl::Duration kSecondLookAfter = absl::Seconds(3);  // a locked database is tried for 2
  absl::StatusOr<AdminClient::Answer> metrics = client->Fetch("/metrics");
  if (!metrics.ok() || metrics->http_status != 200) {
    return Add(findings, Verdict::kWarning, "metrics",
               metrics.ok() ? absl::StrCat("HTTP status ", metrics->http_status)
                            : std::string(metrics.status().message()),
               "the plugin may be older than this command: upgrade both");
  }
  const std::vector<Sample> before = parse(metrics->body);
  if (!DeservesSecondLook(before)) return CheckFaults(before, before, findings);
  absl::SleepFor(kSecondLookAfter);
  metrics = client->Fetch("/metrics");
  const bool again = metrics.ok() && metrics->http_status == 200;
  CheckFaults(before, again ? parse(metrics->body) : before, findings);
}

void CheckReady(AdminClient* client, Findings* findings) {
  const absl::StatusOr<AdminClient::Answer> ready = client->Fetch("/readyz");
  if (!ready.ok()) {
    return Add(findings, Verdict::kWarning, "ready", std::string(ready.status().message()),
               "the plugin may be older than this command: upgrade both");
  }
  const std::string text =
      absl::StrReplaceAll(absl::StripAsciiWhitespace(ready->body), {{"\n", "; "}});
  if (ready->http_status == 200) return Add(findings, Verdict::kGood, "ready", text);
  Add(findings, Verdict::kProblem, "ready", Printable(text),
      "load balancers send nobody here meanwhile. A snapshot: give the machine processor time. A "
      "fleet: wait, or see whether its engine can be reached (mosquitto_session fleet)");
}

bool IsJoined(const ServerStatus& status) { return status.fleet().state() == "joined"; }

void CheckFleet(const ServerStatus& status, Findings* findings) {
  if (!status.has_fleet()) return;
  const std::string state = Printable(status.fleet().state());
  if (IsJoined(status)) return Add(findings, Verdict::kGood, "fleet", state);
  Add(findings, Verdict::kProblem, "fleet", state,
      "the others do not count its clients, and for theirs it answers from what was last known "
      "(fleet_mode direct: not at all): see that the engine of fleet_url runs and lets this node "
      "in");
}

std::string AdviceFor(const absl::Status& error, const std::string& where) {
  if (absl::IsPermissionDenied(error)) {
    return "the broker runs. Ask as root, or as a user whom admin_socket_uids or admin_socket_gids "
           "names (those of metrics_socket_uids and metrics_socket_gids may read /metrics only); "
           "over https with a certificate of tls_client_ca_file";
  }
  if (absl::IsFailedPrecondition(error)) return "correct --ca, --cert or --key";
  if (!absl::IsUnavailable(error)) return "somebody answers there: is it the plugin?";
  if (!IsUnanswered(error)) return "somebody answers there, but cannot serve now: ask again";
  if (SilenceOf(error) == Silence::kMute) {
    return "somebody listens there and does not answer: is the broker stopped, or out of processor "
           "time?";
  }
  if (SilenceOf(error) == Silence::kForbidden) {
    return "whether the broker runs cannot be told so: ask as root, or as somebody who may open "
           "its "
           "socket";
  }
  return absl::StrCat(
      "is the broker running? Its log says why the plugin did not start",
      absl::StartsWith(where, "https:") ? "; --ca names the CA of its certificate" : "");
}

// An upgrade need not change the version: whether the file that the broker has loaded is still
// there.
void CheckMapped(const std::string& where, Findings* findings) {
  const pid_t broker = absl::StartsWith(where, "/") ? ListenerOf(where) : 0;
  const std::string gone = broker == 0 ? "" : DeletedMapping(broker, kPluginFileName);
  if (gone.empty()) return;
  Add(findings, Verdict::kWarning, "version",
      absl::StrCat("the broker (process ", broker, ") runs a plugin whose file, ", gone,
                   ", was replaced or removed after its start"),
      "after an upgrade, restart the broker when it suits: until then the old plugin runs");
}

// A key that was set to Inactive is let in until the file has been read again.
void CheckReadAgain(const PluginLine& line, const ServerStatus& status, Findings* findings) {
  const std::string path(line.Option("access_file"));
  struct stat file {};
  if (!absl::StartsWith(path, "/") || stat(path.c_str(), &file) != 0) return;  // found already
  const int64_t modified_ms = absl::ToUnixMillis(absl::TimeFromTimespec(file.st_mtim));
  for (const pb::ReloadStatus& reload : status.reloads()) {
    if (reload.name() != "access_file" || reload.modified_at_ms() == modified_ms) continue;
    Add(findings, Verdict::kWarning, "access_file",
        absl::StrCat(path, " was edited after the broker had read it",
                     reload.failed() ? ", and could not be read again: " : ": ",
                     "keys that were revoked in it since are let in, new ones are not"),
        "send the broker SIGHUP, and look into its log");
  }
}

std::string InWords(bool given) { return given ? "given" : "not given"; }

// An option as the file has it and as the broker runs with it.
struct Compared {
  const char* option;
  std::string here;
  std::string there;
};

std::vector<Compared> Compare(const ToldOptions& here, const ServerStatus& there) {
  const auto from = [](int64_t ms) { return absl::FormatDuration(absl::Milliseconds(ms)); };
  std::vector<Compared> all = {
      {"instance_id", here.instance_id, there.instance_id()},
      {"snapshot_refresh", absl::FormatDuration(here.snapshot_refresh),
       from(there.snapshot_refresh_ms())},
      {"offline_grace", absl::FormatDuration(here.offline_grace), from(there.offline_grace_ms())},
      {"session_database", InWords(here.has_session_database), InWords(there.has_session_store())},
      {"webhook_url", InWords(here.has_webhook), InWords(there.has_webhook())},
      {"topics_prefix", InWords(here.has_topics), InWords(there.has_topics())},
      {"control_users", InWords(here.has_control), InWords(there.has_control())},
      {"fleet_url", InWords(!here.fleet_name.empty()), InWords(there.has_fleet())},
  };
  if (there.has_fleet() && !here.fleet_name.empty()) {
    all.push_back({"fleet_name", here.fleet_name, there.fleet().name()});
  }
  return all;
}

}  // namespace

void CheckClock(const ServerStatus& status, absl::Time now, Findings* findings) {
  const absl::Time theirs = absl::FromUnixMillis(status.started_at_ms() + status.uptime_ms());
  const absl::Duration difference = absl::AbsDuration(now - theirs);
  const absl::Duration ahead = absl::Milliseconds(status.clock_ahead_ms());
  if (difference > kClockDifferenceMax) {
    Add(findings, Verdict::kWarning, "clock",
        absl::StrCat("differs from that of the plugin's machine by ",
                     ShortDuration(absl::ToInt64Milliseconds(difference))),
        "set the time by NTP on both machines; signed calls are refused beyond 15 minutes");
  }
  if (ahead > kClockDifferenceMax) {
    Add(findings, Verdict::kWarning, "clock",
        absl::StrCat("was set back: the time that the plugin gives to changes is ",
                     ShortDuration(absl::ToInt64Milliseconds(ahead)), " ahead of it"),
        "it waits for the clock, so that no time runs backwards, and gives changes times of the "
        "future "
        "meanwhile; a start of the broker sets it right");
  }
  if (difference > kClockDifferenceMax || ahead > kClockDifferenceMax) return;
  Add(findings, Verdict::kGood, "clock", "agrees with the plugin's");
}

void CheckEdited(const BrokerConfig& config, const ServerStatus& status, Findings* findings) {
  if (config.plugin_lines.empty()) return;
  const PluginLine& line = config.plugin_lines.front();  // all give the same
  CheckReadAgain(line, status, findings);
  const absl::StatusOr<ToldOptions> here = ToldBy(Given(line));
  if (!here.ok()) return;  // found already
  for (const Compared& c : Compare(*here, status)) {
    if (c.here == c.there) continue;
    Add(findings, Verdict::kWarning, "options",
        absl::StrCat(WhereIs(line, c.option), ": ", c.option, " is ", Printable(c.here),
                     " here and ", Printable(c.there), " in the broker that runs"),
        "edited after the broker's start? Options are read at a start: restart it when it suits");
  }
}

void CheckConfiguration(const BrokerConfig& config, const BrokerKind& broker, Findings* findings) {
  for (const RefusedLine& line : config.refused_lines) {
    const bool of_21 = broker.certain && broker.line == BrokerLine::k21;
    const bool harmless = line.harmless_on_20 && !of_21;
    Add(findings, harmless || line.hidden ? Verdict::kWarning : Verdict::kProblem, "configuration",
        absl::StrCat(line.where, ": ", line.why), line.advice);
  }
  for (const OptionLine& option : config.orphans) {
    Add(findings, Verdict::kProblem, "options",
        absl::StrCat(option.where, ": plugin_opt_", option.name,
                     " stands above every line of its file that loads a plugin"),
        "move it below the line of the plugin that it is for, into the same file; the broker would "
        "not start");
  }
  const bool is_whole = std::none_of(config.refused_lines.begin(), config.refused_lines.end(),
                                     [](const RefusedLine& line) { return line.hidden; });
  if (config.plugin_lines.empty() && !is_whole) {
    return Add(findings, Verdict::kWarning, "plugin", "no line that you may read loads it",
               "run as root to have all of the configuration read");
  }
  if (config.plugin_lines.empty()) {
    return Add(findings, Verdict::kProblem, "plugin", "no line of the configuration loads it",
               absl::StrCat("add, on Mosquitto 2.1, \"global_plugin /usr/lib/…/", kPluginFileName,
                            "\"; on 2.0 \"plugin …\" (see mosquitto.conf.example)"));
  }
  for (const PluginLine& line : config.plugin_lines) CheckLine(line, config, broker, findings);
  CheckSameOptions(config.plugin_lines, findings);
  CheckAddresses(config, findings);
  CheckPerListenerSettings(config, broker, findings);
}

bool GuardsItsSocket(const BrokerConfig& config) {
  return std::any_of(config.plugin_lines.begin(), config.plugin_lines.end(),
                     [](const PluginLine& line) {
                       return IsGiven(line.Option("admin_socket_uids")) ||
                              IsGiven(line.Option("admin_socket_gids"));
                     });
}

void CheckPlugin(const absl::StatusOr<ServerStatus>& asked, const std::string& where,
                 AdminClient* client, Findings* findings) {
  if (!asked.ok()) {
    return Add(findings, Verdict::kProblem, "answer", std::string(asked.status().message()),
               AdviceFor(asked.status(), where));
  }
  const ServerStatus& status = *asked;
  Add(findings, Verdict::kGood, "answer",
      absl::StrCat("from plugin ", status.version(), " in ", status.broker(), ", up ",
                   ShortDuration(status.uptime_ms())));
  if (status.version() != kVersion) {
    Add(findings, Verdict::kWarning, "version",
        absl::StrCat("this command is ", std::string(kVersion), ", the plugin ", status.version()),
        "after an upgrade, restart the broker when it suits: until then the old plugin runs");
  } else {
    Add(findings, Verdict::kGood, "version",
        absl::StrCat("command and plugin are ", status.version()));
  }
  CheckMapped(where, findings);
  CheckClock(status, absl::Now(), findings);
  CheckSnapshot(status, findings);
  CheckReady(client, findings);
  CheckFleet(status, findings);
  CheckCounters(client, IsJoined(status), findings);
}

}  // namespace session_status::cli
