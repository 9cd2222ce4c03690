// Keeps two processes from using one file: an advisory lock on "<path>-lock" beside it, which the
// system gives back when the process ends, however it ends. Not on the file itself, so that readers
// (backup, sqlite3) are not shut out.
//
// Threads: one.
// Errors:  Unavailable when another process has it; PermissionDenied, NotFound or
//          InvalidArgument when the place can never be used; else FailedPrecondition.
#ifndef SESSION_STATUS_PLUGIN_STORE_FILE_LOCK_H_
#define SESSION_STATUS_PLUGIN_STORE_FILE_LOCK_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace session_status::store {

class FileLock {
 public:
  static absl::StatusOr<FileLock> Take(const std::string& path);
  ~FileLock();
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_FILE_LOCK_H_
