#include "plugin/store/file_lock.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "plugin/store/database_file.h"

namespace session_status::store {
namespace {

// The same lock under every name of the file.
std::string RealPath(const std::string& path) {
  char resolved[PATH_MAX];
  return realpath(path.c_str(), resolved) != nullptr ? resolved : path;
}

}  // namespace

absl::StatusOr<FileLock> FileLock::Take(const std::string& path) {
  const std::string name = absl::StrCat(RealPath(path), "-lock");
  const int fd = open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return FileError(name, errno);
  FileLock lock(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno != EWOULDBLOCK) return FileError(name, errno);
  return absl::UnavailableError(absl::StrCat(path, ": another process is using it"));
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace session_status::store
