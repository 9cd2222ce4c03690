#include "cli/diagnosis.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/command.h"
#include "cli/file_diagnosis.h"
#include "cli/metrics_text.h"
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

constexpr char kBroker20[] = "mosquitto 2.0";  // as the plugin calls it

// Mosquitto 2.0 does not know the line: it would not start.
bool NeedsBroker21(const PluginLine& line) {
  return line.keyword == "global_plugin" || line.keyword == "plugin_load";
}

void CheckLoading(const PluginLine& line, Findings* findings) {
  if (access(line.path.c_str(), R_OK) != 0) {
    return Add(findings, Verdict::kProblem, "plugin",
               absl::StrCat(line.where, ": ", line.path, ": ", std::strerror(errno)),
               absl::StrCat("install the plugin there, or correct the line; find / -name ",
                            kPluginFileName));
  }
  Add(findings, Verdict::kGood, "plugin",
      absl::StrCat(
          line.where, " loads ", line.path,
          NeedsBroker21(line) ? absl::StrCat(" (", line.keyword, ": from Mosquitto 2.1 on)") : ""));
}

void CheckOptionsOf(const PluginLine& line, Findings* findings) {
  std::vector<std::pair<absl::string_view, absl::string_view>> given;
  for (const auto& [name, value] : line.options) given.emplace_back(name, value);
  const std::vector<absl::Status> wrong = CheckOptions(given);
  for (const absl::Status& status : wrong) {
    Add(findings, Verdict::kProblem, "options",
        absl::StrCat(line.where, ": ", std::string(status.message())),
        "the broker would not start; docs/options.md has every option");
  }
  if (!wrong.empty()) return;
  Add(findings, Verdict::kGood, "options", absl::StrCat(given.size(), " given, all accepted"));
}

void CheckLine(const PluginLine& line, const BrokerConfig& config, Findings* findings) {
  CheckLoading(line, findings);
  CheckOptionsOf(line, findings);
  if (line.Option("observe_logins") == "true" && !config.authenticates) {
    Add(findings, Verdict::kProblem, "logins",
        "observe_logins without a password_file or another authentication plugin: Mosquitto 2.0 "
        "would refuse every client that sends a user name",
        "add a password_file, or, on Mosquitto 2.1, remove observe_logins");
  }
  CheckFilesOf(line, config.user, findings);
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

void CheckClock(const pb::GetServerStatusResponse& status, absl::Time now, Findings* findings) {
  const absl::Time theirs = absl::FromUnixMillis(status.started_at_ms() + status.uptime_ms());
  const absl::Duration difference = now - theirs;
  if (absl::AbsDuration(difference) <= kClockDifferenceMax) {
    return Add(findings, Verdict::kGood, "clock", "agrees with the plugin's");
  }
  Add(findings, Verdict::kWarning, "clock",
      absl::StrCat(
          "differs from the plugin's by ",
          absl::FormatDuration(absl::Trunc(absl::AbsDuration(difference), absl::Milliseconds(1)))),
      "set the time by NTP on both machines; signed calls are refused beyond 15 minutes. After a "
      "clock was set, the plugin goes on with the time it knew until the broker is started anew");
}

// Counters that are zero as long as all is well.
void CheckCounters(AdminClient* client, Findings* findings) {
  std::string text;
  const absl::Status status = client->Get("/metrics", -1, [&text](absl::string_view bytes) {
    text.append(bytes.data(), bytes.size());
    return true;
  });
  if (!status.ok()) {
    return Add(findings, Verdict::kWarning, "metrics", std::string(status.message()),
               "the plugin may be older than this command: upgrade both");
  }
  const std::vector<Sample> samples = ParseMetrics(text);
  const std::pair<const char*, const char*> counters[] = {
      {"session_status_lost_events_total",
       "memory ran out: give the broker more, or lower "
       "ended_sessions_max"},
      {"session_status_untracked_connections_total", "memory ran out: give the broker more"},
      {"session_status_callback_exceptions_total",
       "a fault of the plugin: the broker's log has it; "
       "please report it"},
  };
  size_t wrong = 0;
  for (const auto& [name, advice] : counters) {
    const double value = SumOf(samples, name);
    if (value == 0) continue;
    ++wrong;
    Add(findings, Verdict::kWarning, "metrics", absl::StrCat(name, " is ", value), advice);
  }
  if (wrong == 0)
    Add(findings, Verdict::kGood, "metrics", "nothing lost, no fault since the start");
}

}  // namespace

void CheckConfiguration(const BrokerConfig& config, Findings* findings) {
  if (config.plugin_lines.empty()) {
    return Add(findings, Verdict::kProblem, "plugin", "no line of the configuration loads it",
               absl::StrCat("add, on Mosquitto 2.1, \"global_plugin /usr/lib/…/", kPluginFileName,
                            "\"; on 2.0 \"plugin …\" (see mosquitto.conf.example)"));
  }
  for (const PluginLine& line : config.plugin_lines) CheckLine(line, config, findings);
}

void CheckPlugin(AdminClient* client, const BrokerConfig& config, Findings* findings) {
  pb::GetServerStatusResponse status;
  const absl::Status asked = client->Call("GetServerStatus", pb::GetServerStatusRequest(), &status);
  if (!asked.ok()) {
    return Add(findings, Verdict::kProblem, "answer", std::string(asked.message()),
               "is the broker running? Its log says why the plugin did not start");
  }
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
  for (const PluginLine& line : config.plugin_lines) {
    if (status.broker() != kBroker20 || !NeedsBroker21(line)) continue;
    Add(findings, Verdict::kProblem, "plugin",
        absl::StrCat(line.where, ": the broker is ", status.broker(), ", which does not know ",
                     line.keyword, " and would not start again"),
        absl::StrCat("write \"plugin ", line.path, "\" instead"));
  }
  CheckClock(status, absl::Now(), findings);
  CheckSnapshot(status, findings);
  CheckCounters(client, findings);
}

}  // namespace session_status::cli
