#include "cli/file_user.h"

#include <grp.h>
#include <pwd.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace session_status::cli {
namespace {

constexpr uid_t kNobodyInParticular = static_cast<uid_t>(-1);

bool HasAccessList(const std::string& path) {
  return getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) > 0;
}

std::string ClosedFolderOn(const std::filesystem::path& path, const FileUser& user) {
  std::filesystem::path folder;
  for (const std::filesystem::path& part : path.parent_path()) {
    folder /= part;
    if (!Permits(folder.string(), user, X_OK)) return folder.string();
  }
  return "";
}

}  // namespace

absl::optional<FileUser> FindUser(const std::string& name) {
  const passwd* entry = getpwnam(name.c_str());
  if (entry == nullptr) return absl::nullopt;
  FileUser user{name, entry->pw_uid, std::vector<gid_t>(64)};
  int count = static_cast<int>(user.groups.size());
  if (getgrouplist(name.c_str(), entry->pw_gid, user.groups.data(), &count) < 0) {
    user.groups.resize(static_cast<size_t>(count));  // it said how many there are
    getgrouplist(name.c_str(), entry->pw_gid, user.groups.data(), &count);
  }
  user.groups.resize(static_cast<size_t>(count));
  return user;
}

absl::optional<FileUser> FindBrokerUser(const std::string& name) {
  absl::optional<FileUser> user = FindUser(name);
  return user.has_value() || name != "mosquitto" ? user : FindUser("nobody");
}

FileUser MemberOf(gid_t group) { return {GroupName(group), kNobodyInParticular, {group}}; }

bool Permits(const struct stat& file, const FileUser& user, int rights) {
  if (user.uid == 0) return true;
  const bool in_group =
      std::find(user.groups.begin(), user.groups.end(), file.st_gid) != user.groups.end();
  const int shift = file.st_uid == user.uid ? 6 : in_group ? 3 : 0;
  return (static_cast<int>(file.st_mode >> shift) & rights) == rights;
}

bool Permits(const std::string& path, const FileUser& user, int rights) {
  struct stat file {};
  return stat(path.c_str(), &file) != 0 || Permits(file, user, rights) || HasAccessList(path);
}

std::string ClosedFolder(const std::string& path, const FileUser& user) {
  std::string closed = ClosedFolderOn(path, user);
  if (!closed.empty()) return closed;
  // Links on the way lead through other folders.
  std::error_code error;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, error);
  return error ? "" : ClosedFolderOn(real, user);
}

std::string GroupName(gid_t group) {
  const struct group* entry = getgrgid(group);
  return entry != nullptr ? entry->gr_name : absl::StrCat(group);
}

std::string OwnerText(const struct stat& file) {
  const passwd* user = getpwuid(file.st_uid);
  const std::string name = user != nullptr ? user->pw_name : absl::StrCat(file.st_uid);
  return absl::StrFormat("%s:%s, mode %04o", name, GroupName(file.st_gid), file.st_mode & 07777);
}

}  // namespace session_status::cli
