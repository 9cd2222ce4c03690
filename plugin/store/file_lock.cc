#include "plugin/store/file_lock.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
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

int64_t FileLock::UnwrittenUntilMs() const {
  struct stat file {};
  if (fstat(fd_, &file) != 0 || file.st_size == 0) return 0;
  return absl::ToUnixMillis(absl::TimeFromTimespec(file.st_mtim));
}

void FileLock::NoteUnwritten(int64_t until_ms) const {
  if (ftruncate(fd_, until_ms == 0 ? 0 : 1) != 0 || until_ms == 0) return;
  const timespec times[] = {{0, UTIME_OMIT}, absl::ToTimespec(absl::FromUnixMillis(until_ms))};
  static_cast<void>(
      futimens(fd_, times));  // else it has the time of the system, which is no earlier
}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace session_status::store
