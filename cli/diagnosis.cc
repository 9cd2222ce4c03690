#include "cli/diagnosis.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "cli/command.h"
#include "cli/metrics_text.h"
#include "plugin/auth/access_file.h"
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

void Add(Findings* findings, Verdict verdict, std::string subject, std::string text,
         std::string advice = "") {
  findings->push_back({verdict, std::move(subject), std::move(text), std::move(advice)});
}

std::string Why() { return std::strerror(errno); }

std::string OwnerText(const struct stat& status) {
  const passwd* user = getpwuid(status.st_uid);
  const std::string user_name = user != nullptr ? user->pw_name : absl::StrCat(status.st_uid);
  const group* its_group = getgrgid(status.st_gid);
  const std::string group_name =
      its_group != nullptr ? its_group->gr_name : absl::StrCat(status.st_gid);
  return absl::StrFormat("%s:%s, mode %04o", user_name, group_name, status.st_mode & 07777);
}

// May this user (and the group of that name) create files in the folder? Unknown user: yes.
bool MayWrite(const std::string& folder, const std::string& user_name) {
  struct stat status {};
  const passwd* user = getpwnam(user_name.c_str());
  if (stat(folder.c_str(), &status) != 0 || user == nullptr || user->pw_uid == 0) return true;
  if (status.st_uid == user->pw_uid) return (status.st_mode & S_IWUSR) != 0;
  if (status.st_gid == user->pw_gid) return (status.st_mode & S_IWGRP) != 0;
  return (status.st_mode & S_IWOTH) != 0;
}

void CheckAccessFile(const std::string& path, Findings* findings) {
  if (access(path.c_str(), R_OK) != 0 && errno == EACCES) {
    return Add(findings, Verdict::kWarning, "access_file",
               absl::StrCat(path, ": you may not read it, which is as it should be"),
               "run as root, or as the broker's user, to have its content checked");
  }
  const auto file = auth::AccessFile::Load(path);
  if (file.ok())
    return Add(findings, Verdict::kGood, "access_file", absl::StrCat(path, " is accepted"));
  Add(findings, Verdict::kProblem, "access_file", std::string(file.status().message()),
      "correct it; then SIGHUP makes a running broker read it again");
}

void CheckReadable(const std::string& name, const std::string& path, Findings* findings) {
  if (access(path.c_str(), R_OK) == 0) {
    return Add(findings, Verdict::kGood, name, absl::StrCat(path, " is there"));
  }
  const bool hidden = errno == EACCES;
  Add(findings, hidden ? Verdict::kWarning : Verdict::kProblem, name,
      absl::StrCat(path, ": ", Why()),
      hidden ? "run as root to have it checked"
             : absl::StrCat("put the file there, or correct plugin_opt_", name));
}

void CheckFolderOf(const std::string& name, const std::string& path, const std::string& user,
                   Findings* findings) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  struct stat status {};
  if (stat(folder.c_str(), &status) != 0) {
    return Add(findings, Verdict::kProblem, name, absl::StrCat("folder ", folder, ": ", Why()),
               absl::StrCat("install -d -o ", user, " -m 755 ", folder));
  }
  if (!MayWrite(folder, user)) {
    return Add(
        findings, Verdict::kProblem, name,
        absl::StrCat("folder ", folder, " (", OwnerText(status), ") is not writable for ", user),
        absl::StrCat("chown ", user, " ", folder));
  }
  Add(findings, Verdict::kGood, name, absl::StrCat("folder ", folder, " can take it"));
}

void CheckFilesOf(const PluginLine& line, const std::string& user, Findings* findings) {
  for (const auto& [name, value] : line.options) {
    if (value == "none" || !absl::StartsWith(value, "/")) continue;
    if (name == "access_file") {
      CheckAccessFile(value, findings);
    } else if (absl::EndsWith(name, "_file")) {
      CheckReadable(name, value, findings);
    } else if (absl::EndsWith(name, "_database") || absl::EndsWith(name, "_path") ||
               name == "admin_socket") {
      CheckFolderOf(name, value, user, findings);
    }
  }
  if (line.Option("admin_socket").empty())
    CheckFolderOf("admin_socket", kDefaultSocket, user, findings);
}

void CheckLine(const PluginLine& line, const BrokerConfig& config, Findings* findings) {
  if (access(line.path.c_str(), R_OK) != 0) {
    Add(findings, Verdict::kProblem, "plugin",
        absl::StrCat(line.where, ": ", line.path, ": ", Why()),
        absl::StrCat("install the plugin there, or correct the line; find / -name ",
                     kPluginFileName));
  } else {
    Add(findings, Verdict::kGood, "plugin", absl::StrCat(line.where, " loads ", line.path));
  }
  std::vector<std::pair<absl::string_view, absl::string_view>> given;
  for (const auto& [name, value] : line.options) given.emplace_back(name, value);
  if (absl::Status s = CheckOptions(given); s.ok()) {
    Add(findings, Verdict::kGood, "options", absl::StrCat(given.size(), " given, all accepted"));
  } else {
    Add(findings, Verdict::kProblem, "options",
        absl::StrCat(line.where, ": ", std::string(s.message())),
        "the broker would not start; docs/options.md has every option");
  }
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

void CheckSocket(const std::string& path, Findings* findings) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return Add(findings, Verdict::kProblem, "socket", absl::StrCat(path, ": ", Why()),
               errno == EACCES
                   ? "you may not look into that folder: run as root, or join the broker's group"
                   : "is the broker running, with the plugin, and is this its admin_socket? "
                     "Name another one with --socket");
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Add(findings, Verdict::kProblem, "socket", absl::StrCat(path, " is no socket"),
               "name the plugin's admin_socket with --socket");
  }
  if (access(path.c_str(), R_OK | W_OK) != 0) {
    const group* its_group = getgrgid(status.st_gid);
    return Add(findings, Verdict::kProblem, "socket",
               absl::StrCat(path, " (", OwnerText(status), "): ", Why()),
               absl::StrCat("join its group (usermod -aG ",
                            its_group != nullptr ? its_group->gr_name : absl::StrCat(status.st_gid),
                            " YOU), or set admin_socket_group"));
  }
  if ((status.st_mode & S_IWOTH) != 0) {
    return Add(findings, Verdict::kWarning, "socket",
               absl::StrCat(path, " (", OwnerText(status), ")"),
               "every user of this machine may ask; admin_socket_mode 0660 keeps it to a group");
  }
  Add(findings, Verdict::kGood, "socket", absl::StrCat(path, " (", OwnerText(status), ")"));
}

void CheckPlugin(AdminClient* client, Findings* findings) {
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
  CheckClock(status, absl::Now(), findings);
  CheckSnapshot(status, findings);
  CheckCounters(client, findings);
}

}  // namespace session_status::cli
