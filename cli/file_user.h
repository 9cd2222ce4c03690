// What another user of this machine may do with a file, by its owner, group and mode: so root can
// judge for the broker's user without becoming him.
//
// Threads: one (getpwnam).
// Errors:  none; what cannot be looked at, or has an access list (ACL) of its own, counts as
//          allowed: only the system knows better.
#ifndef SESSION_STATUS_CLI_FILE_USER_H_
#define SESSION_STATUS_CLI_FILE_USER_H_

#include <sys/stat.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/types/optional.h"

namespace session_status::cli {

struct FileUser {
  std::string name;
  uid_t uid = 0;
  std::vector<gid_t> groups;
};

// nullopt: this machine has no such user.
absl::optional<FileUser> FindUser(const std::string& name);

// Whom the broker becomes when root starts it with "user NAME": as it does, nobody
// where there is no user mosquitto.
absl::optional<FileUser> FindBrokerUser(const std::string& name);

// Somebody who is nothing but a member of this group.
FileUser MemberOf(gid_t group);

// `rights`: of R_OK, W_OK and X_OK.
bool Permits(const struct stat& file, const FileUser& user, int rights);
bool Permits(const std::string& path, const FileUser& user, int rights);

// The first folder on the way to `path` that the user may not enter; empty: the way is free.
std::string ClosedFolder(const std::string& path, const FileUser& user);

std::string GroupName(gid_t group);              // or its number
std::string OwnerText(const struct stat& file);  // "root:mosquitto, mode 0640"

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_FILE_USER_H_
