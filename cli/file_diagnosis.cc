#include "cli/file_diagnosis.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "cli/command.h"
#include "cli/file_user.h"
#include "plugin/auth/access_file.h"
#include "plugin/option_check.h"
#include "plugin/store/database_file.h"

namespace session_status::cli {
namespace {

std::string Why() { return std::strerror(errno); }

// A file with a secret: whom it has to be closed to, and how bad it is when it is not.
struct SecretRule {
  const char* option;
  mode_t closed_to;
  Verdict when_open;
  const char* remedy;
};
constexpr SecretRule kSecrets[] = {
    {"access_file", S_IRWXG | S_IRWXO, Verdict::kProblem, "chmod 600 "},
    {"webhook_secret_file", S_IRWXG | S_IRWXO, Verdict::kProblem, "chmod 600 "},
    {"fleet_credentials_file", S_IRWXO, Verdict::kProblem, "chmod o-rwx "},
    {"tls_private_key_file", S_IRWXO, Verdict::kWarning, "chmod o-rwx "},  // taken all the same
};

const SecretRule* RuleOf(absl::string_view option) {
  for (const SecretRule& rule : kSecrets) {
    if (option == rule.option) return &rule;
  }
  return nullptr;
}

bool IsFolder(const std::string& path) {
  struct stat file {};
  return stat(path.c_str(), &file) == 0 && S_ISDIR(file.st_mode);
}

absl::Status ReadSecret(const std::string& option, const std::string& path) {
  if (option != "access_file") return CheckSecretFile(option, path);
  return auth::AccessFile::Load(path, auth::AccessFile::Owner::kAnybodys).status();
}

class FileChecks {
 public:
  FileChecks(const std::string& user_name, Findings* findings)
      : user_(FindBrokerUser(user_name)),
        user_name_(user_.has_value() ? user_->name : user_name),
        findings_(findings) {}

  void CheckFile(const std::string& option, const std::string& path) const {
    struct stat file {};
    if (stat(path.c_str(), &file) != 0) {
      const int error = errno;
      const bool hidden = error == EACCES;
      return Report(hidden ? Verdict::kWarning : Verdict::kProblem, option,
                    absl::StrCat(path, ": ", std::strerror(error)),
                    hidden ? "run as root to have it checked"
                           : absl::StrCat("put the file there, or correct plugin_opt_", option));
    }
    if (S_ISDIR(file.st_mode)) return ReportFolder(option, path);
    if (!S_ISREG(file.st_mode)) {  // to look into a pipe would take for ever
      return Report(Verdict::kProblem, option, absl::StrCat(path, ": not a regular file"),
                    absl::StrCat("correct plugin_opt_", option));
    }
    const SecretRule* rule = RuleOf(option);
    if (rule != nullptr && !IsClosed(*rule, path, file)) return;
    if (!MayRead(option, path, file)) return;
    if (access(path.c_str(), R_OK) != 0) {
      return Report(Verdict::kWarning, option,
                    absl::StrCat(path, ": you may not read it, which is as it should be"),
                    "run as root, or as the broker's user, to have its content checked");
    }
    if (!IsGoodForSomeTime(option, path)) return;
    if (rule == nullptr) return Report(Verdict::kGood, option, absl::StrCat(path, " is there"));
    if (absl::Status s = ReadSecret(option, path); !s.ok()) {
      return Report(Verdict::kProblem, option, std::string(s.message()),
                    "correct it; then SIGHUP makes a running broker read it again");
    }
    Report(Verdict::kGood, option, absl::StrCat(path, " is accepted"));
  }

  // Of a file that CheckFile() has found good; says nothing else.
  void CheckInstancesServed(const PluginLine& line) const {
    std::vector<std::pair<absl::string_view, absl::string_view>> given;
    for (const OptionLine& option : line.options) given.emplace_back(option.name, option.value);
    const std::string unserved = UnservedInstances(given);
    if (unserved.empty()) return;
    Report(Verdict::kWarning, "access_file", Printable(unserved),
           "calls for it are answered InstancePermissionCheckFailed: name it with instance_id, "
           "instances_by_listener or instances_by_username, or take it out of the file");
  }

  void CheckFolderOf(const std::string& option, const std::string& path) const {
    if (IsFolder(path)) return ReportFolder(option, path);
    if (option == "admin_socket" && !MayBecomeSocket(path)) return;
    const std::string folder = std::filesystem::path(path).parent_path().string();
    struct stat status {};
    if (stat(folder.c_str(), &status) != 0) {
      const int error = errno;
      const bool hidden = error == EACCES;
      return Report(hidden ? Verdict::kWarning : Verdict::kProblem, option,
                    absl::StrCat("folder ", folder, ": ", std::strerror(error)),
                    hidden ? "run as root to have it checked"
                           : absl::StrCat("install -d -o ", user_name_, " -m 755 ", folder));
    }
    // A folder is never to be given away: others live in it.
    const std::string advice =
        absl::StrCat("use a folder of the broker's own, for example ",
                     option == "admin_socket" ? "/run/mosquitto" : "/var/lib/mosquitto");
    if (const std::string closed = Closed(path); !closed.empty()) {
      return Report(Verdict::kProblem, option, NotEntered(path, closed), advice);
    }
    if (store::IsOnReadOnlyFileSystem(path)) {
      return Report(
          Verdict::kProblem, option,
          absl::StrCat("folder ", folder, " is on a file system that is mounted read-only"),
          option == "admin_socket"
              ? advice
              : "mount it for writing (after an error the system mounts one read-only: its "
                "log says so); what is kept there is in memory only meanwhile");
    }
    if (user_.has_value() && !Permits(folder, *user_, W_OK)) {
      return Report(Verdict::kProblem, option,
                    absl::StrCat("folder ", folder, " (", OwnerText(status),
                                 ") is not writable for ", user_name_),
                    advice);
    }
    if (absl::EndsWith(option, "_database")) {
      CheckSetAside(option, path);
      if (!CheckDatabase(option, path)) return;
    }
    Report(Verdict::kGood, option, absl::StrCat("folder ", folder, " can take it"));
  }

  bool CheckPlugin(const std::string& where, const std::string& path) const {
    struct stat file {};
    if (stat(path.c_str(), &file) != 0) {
      const int error = errno;
      const bool hidden = error == EACCES;
      Report(hidden ? Verdict::kWarning : Verdict::kProblem, "plugin",
             absl::StrCat(where, ": ", path, ": ", std::strerror(error)),
             hidden ? "run as root to have it checked"
                    : absl::StrCat("install the plugin there, or correct the line; find / -name ",
                                   kPluginFileName));
      return false;
    }
    if (!user_.has_value()) return true;
    constexpr char kWhy[] = "the broker loads plugins as that user, and would not start: ";
    if (const std::string closed = Closed(path); !closed.empty()) {
      Report(VerdictOn(file), "plugin", absl::StrCat(where, ": ", NotEntered(path, closed)),
             absl::StrCat(kWhy, "install it in a folder that he may enter"));
      return false;
    }
    if (Permits(path, *user_, R_OK)) return true;
    Report(VerdictOn(file), "plugin",
           absl::StrCat(where, ": ", path, " (", OwnerText(file), ") is not readable for ",
                        user_name_),
           absl::StrCat(kWhy, "chmod a+r ", path));
    return false;
  }

  // A user other than root can give a file to nobody else, and to groups of his own only.
  void CheckSocketOwner(absl::string_view owner, absl::string_view group) const {
    uid_t uid = 0;
    gid_t gid = 0;
    if (IsGiven(owner) && !absl::SimpleAtoi(owner, &uid)) {
      const passwd* entry = getpwnam(std::string(owner).c_str());
      if (entry == nullptr) return ReportUnknown("admin_socket_owner", owner);
      uid = entry->pw_uid;
    }
    if (IsGiven(group) && !absl::SimpleAtoi(group, &gid)) {
      const struct group* entry = getgrnam(std::string(group).c_str());
      if (entry == nullptr) return ReportUnknown("admin_socket_group", group);
      gid = entry->gr_gid;
    }
    if (!user_.has_value() || user_->uid == 0) return;
    if (IsGiven(owner) && uid != user_->uid) {
      Report(
          Verdict::kProblem, "admin_socket_owner",
          absl::StrCat("the broker runs as ", user_name_, " and cannot give its socket to ", owner),
          "remove the line; admin_socket_group lets others in");
    }
    const std::vector<gid_t>& groups = user_->groups;
    if (IsGiven(group) && std::find(groups.begin(), groups.end(), gid) == groups.end()) {
      Report(Verdict::kProblem, "admin_socket_group",
             absl::StrCat("the broker runs as ", user_name_, ", who is not in group ", group),
             absl::StrCat("usermod -aG ", group, " ", user_name_, ", and restart the broker"));
    }
  }

 private:
  static bool IsGiven(absl::string_view value) { return !value.empty() && value != "none"; }

  void Report(Verdict verdict, const std::string& option, std::string text,
              std::string advice = "") const {
    Add(findings_, verdict, option, std::move(text), std::move(advice));
  }

  void ReportFolder(const std::string& option, const std::string& path) const {
    Report(Verdict::kProblem, option, absl::StrCat(path, " is a folder; name a file in it"),
           absl::StrCat("correct plugin_opt_", option));
  }

  // As the plugin looks at it before it listens.
  bool MayBecomeSocket(const std::string& path) const {
    constexpr size_t kBytesMax = sizeof(sockaddr_un::sun_path) - 1;
    if (path.size() > kBytesMax) {
      Report(Verdict::kProblem, "admin_socket",
             absl::StrCat(path, ": the path of a Unix socket has at most ", kBytesMax,
                          " bytes, this one has ", path.size()),
             "choose a shorter path; the broker would not start");
      return false;
    }
    struct stat file {};
    if (lstat(path.c_str(), &file) != 0 || S_ISSOCK(file.st_mode)) return true;
    Report(Verdict::kProblem, "admin_socket",
           absl::StrCat(path, ": a file that is no socket is in the way"),
           "move it, or choose another path; the broker would not start");
    return false;
  }

  void ReportUnknown(const std::string& option, absl::string_view name) const {
    Report(Verdict::kProblem, option, absl::StrCat("this machine knows no \"", name, "\""),
           "give a name of this system or a number; the broker would not start");
  }

  std::string Closed(const std::string& path) const {
    return user_.has_value() ? ClosedFolder(path, *user_) : std::string();
  }
  std::string NotEntered(const std::string& path, const std::string& folder) const {
    struct stat status {};
    stat(folder.c_str(), &status);
    return absl::StrCat(path, ": ", user_name_, " may not enter ", folder, " (", OwnerText(status),
                        ")");
  }

  bool IsClosed(const SecretRule& rule, const std::string& path, const struct stat& file) const {
    if ((file.st_mode & rule.closed_to) == 0) return true;
    Report(rule.when_open, rule.option,
           absl::StrCat(path, " (", OwnerText(file), ") holds a secret, and others have access"),
           absl::StrCat(rule.remedy, path));
    return rule.when_open == Verdict::kWarning;  // then the rest counts as well
  }

  bool IsGoodForSomeTime(const std::string& option, const std::string& path) const {
    constexpr absl::Duration kRenewedBefore = absl::Hours(14 * 24);  // a person needs some time
    const absl::Time now = absl::Now();
    const absl::optional<CertificateCheck> check = CheckCertificate(option, path, now);
    if (!check.has_value()) return true;
    constexpr char kRenew[] = "renew it; then SIGHUP makes a running broker read it again";
    if (!check->complaint.empty()) {
      Report(Verdict::kProblem, option, check->complaint, kRenew);
      return false;
    }
    const absl::Duration left = check->ends - now;
    if (left >= kRenewedBefore) return true;
    Report(Verdict::kWarning, option,
           absl::StrCat(path, ": a certificate in it expires in ",
                        ShortDuration(absl::ToInt64Milliseconds(left))),
           kRenew);
    return false;
  }

  // Where the plugin moved damaged files, before it began new ones.
  void CheckSetAside(const std::string& option, const std::string& path) const {
    for (const std::string& aside : store::PlacesAside(path)) {
      struct stat file {};
      if (stat(aside.c_str(), &file) != 0) continue;
      Report(
          Verdict::kWarning, option,
          absl::StrCat(aside, " is there: the database was damaged on ",
                       LocalTime(absl::ToUnixMillis(absl::FromTimeT(file.st_ctime))),
                       " or earlier, and a new one was begun"),
          "what was only in it is missing since; is its disk sound? Remove the file, or move it, "
          "when you need it no more");
    }
  }

  // The plugin leaves a file alone that somebody else keeps something in.
  bool MayBecomeDatabase(const std::string& option, const std::string& path) const {
    const absl::Status others = store::CheckIsNotOthers(path);
    if (others.ok()) return true;
    Report(Verdict::kProblem, option, std::string(others.message()),
           absl::StrCat("correct plugin_opt_", option, "; the broker would not start"));
    return false;
  }

  // A file that is there, and what SQLite and the plugin keep beside it.
  bool CheckDatabase(const std::string& option, const std::string& path) const {
    bool good = MayBecomeDatabase(option, path);
    for (const absl::string_view suffix : {"", "-wal", "-shm", "-lock"}) {
      if (suffix == "-lock" && option != "session_database") continue;  // the only one with a lock
      const std::string name = absl::StrCat(path, suffix);
      struct stat file {};
      if (stat(name.c_str(), &file) != 0) continue;
      if (user_.has_value() && !Permits(name, *user_, R_OK | W_OK)) {
        // Before the start the plugin tries its own files, not what SQLite keeps beside them.
        const bool of_sqlite = suffix == "-wal" || suffix == "-shm";
        Report(VerdictOn(file), option,
               absl::StrCat(name, " (", OwnerText(file), ") is not writable for ", user_name_,
                            of_sqlite ? ": what is kept there would be in memory only"
                                      : ": the broker would not start"),
               absl::StrCat("chown ", user_name_, " ", name));
        good = false;
      } else if ((file.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        Report(Verdict::kWarning, option,
               absl::StrCat(name, " (", OwnerText(file),
                            ") is the broker's alone, and others have access"),
               absl::StrCat("chmod 600 ", name));
        good = false;
      }
    }
    return good;
  }

  // Who is not root may have started the broker himself, and then it stays his.
  static Verdict VerdictOn(const struct stat& file) {
    const bool may_be_ours = geteuid() != 0 && file.st_uid == geteuid();
    return may_be_ours ? Verdict::kWarning : Verdict::kProblem;
  }

  bool MayRead(const std::string& option, const std::string& path, const struct stat& file) const {
    if (!user_.has_value()) return true;
    const Verdict verdict = VerdictOn(file);
    if (const std::string closed = Closed(path); !closed.empty()) {
      Report(verdict, option, NotEntered(path, closed),
             "the broker reads it as that user: keep it in a folder that he may enter, for example "
             "/etc/mosquitto");
      return false;
    }
    if (!Permits(path, *user_, R_OK)) {
      Report(verdict, option,
             absl::StrCat(path, " (", OwnerText(file), ") is not readable for ", user_name_,
                          ", whom a broker that root starts becomes before it loads plugins"),
             absl::StrCat("chown ", user_name_, " ", path));
      return false;
    }
    if (option == "access_file" && file.st_uid != user_->uid && file.st_uid != 0) {
      Report(Verdict::kProblem, option,
             absl::StrCat(path, " (", OwnerText(file), ") does not belong to ", user_name_),
             absl::StrCat("chown ", user_name_, " ", path));
      return false;
    }
    return true;
  }

  const absl::optional<FileUser> user_;  // nullopt: unknown here, everything is allowed to him
  const std::string user_name_;
  Findings* const findings_;
};

// Where the socket's mode lets its group in and a folder on the way does not.
bool CheckGroupMayEnter(const std::string& path, const struct stat& socket, Findings* findings) {
  constexpr mode_t kGroupMayAsk = S_IRGRP | S_IWGRP;
  if ((socket.st_mode & kGroupMayAsk) != kGroupMayAsk) return true;
  const std::string group = GroupName(socket.st_gid);
  const std::string closed = ClosedFolder(path, MemberOf(socket.st_gid));
  if (closed.empty()) return true;
  struct stat folder {};
  stat(closed.c_str(), &folder);
  std::string advice = "use a folder of the broker's own, for example /run/mosquitto";
  if (std::filesystem::path(path).parent_path() == closed) {
    advice = absl::StrCat(
        folder.st_gid == socket.st_gid ? "" : absl::StrCat("chgrp ", group, " ", closed, "; "),
        (folder.st_mode & S_IXGRP) != 0 ? "" : absl::StrCat("chmod g+x ", closed, "; "),
        "docs/operations.md has the lines that keep it so");
  }
  Add(findings, Verdict::kWarning, "socket",
      absl::StrCat(path, " (", OwnerText(socket), "): group ", group, " may ask, but cannot enter ",
                   closed, " (", OwnerText(folder), ")"),
      std::move(advice));
  return false;
}

}  // namespace

void CheckFilesOf(const PluginLine& line, const std::string& user_name, Findings* findings) {
  const FileChecks checks(user_name, findings);
  for (const auto& [name, value, where] : line.options) {
    if (value == "none" || !absl::StartsWith(value, "/")) continue;
    if (absl::EndsWith(name, "_file")) {
      checks.CheckFile(name, value);
    } else if (absl::EndsWith(name, "_database") || absl::EndsWith(name, "_path") ||
               name == "admin_socket") {
      checks.CheckFolderOf(name, value);
    }
  }
  checks.CheckInstancesServed(line);
  if (line.Option("admin_socket").empty()) checks.CheckFolderOf("admin_socket", kDefaultSocket);
  checks.CheckSocketOwner(line.Option("admin_socket_owner"), line.Option("admin_socket_group"));
}

bool CheckPluginFile(const PluginLine& line, const std::string& user_name, Findings* findings) {
  return FileChecks(user_name, findings).CheckPlugin(line.where, line.path);
}

void CheckSocket(const std::string& path, bool guarded, Findings* findings) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    const int error = errno;  // whatever is called before it is told may change it
    return Add(findings, Verdict::kProblem, "socket",
               absl::StrCat(path, ": ", std::strerror(error)),
               error == EACCES
                   ? "you may not look into that folder: run as root, or join the broker's group"
                   : "is the broker running, with the plugin, and is this its admin_socket? "
                     "Name another one with --socket");
  }
  if (!S_ISSOCK(status.st_mode)) {
    return Add(
        findings, Verdict::kProblem, "socket", absl::StrCat(path, " is no socket"),
        "name the plugin's admin_socket with --socket; if this is it, move the file or choose "
        "another path");
  }
  if (access(path.c_str(), R_OK | W_OK) != 0) {
    const std::string why = Why();
    return Add(findings, Verdict::kProblem, "socket",
               absl::StrCat(path, " (", OwnerText(status), "): ", why),
               absl::StrCat("join its group (usermod -aG ", GroupName(status.st_gid),
                            " YOU), or set admin_socket_group"));
  }
  if ((status.st_mode & S_IWOTH) != 0 && !guarded) {
    return Add(findings, Verdict::kWarning, "socket",
               absl::StrCat(path, " (", OwnerText(status), ")"),
               "every user of this machine may ask; admin_socket_mode 0660 keeps it to a group");
  }
  if (!CheckGroupMayEnter(path, status, findings)) return;
  Add(findings, Verdict::kGood, "socket", absl::StrCat(path, " (", OwnerText(status), ")"));
}

}  // namespace session_status::cli
