// Keeps two processes from using one file: an advisory lock on "<path>-lock" beside it, which the
// system gives back when the process ends, however it ends. Not on the file itself, so that readers
// (backup, sqlite3) are not shut out.
//
// The lock's file can say one thing that a full disk takes as well, as it needs no room: that
// something is still to be written. It has a length of one byte then, none of them stored, and a
// time.
//
// Threads: one.
// Errors:  Unavailable when another process has it; PermissionDenied, NotFound or
//          InvalidArgument when the place can never be used; else FailedPrecondition.
#ifndef SESSION_STATUS_PLUGIN_STORE_FILE_LOCK_H_
#define SESSION_STATUS_PLUGIN_STORE_FILE_LOCK_H_

#include <cstdint>
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

  // Milliseconds since 1970 up to which something is still to be written, as it was noted last; 0:
  // nothing.
  int64_t UnwrittenUntilMs() const;
  // Does what it can: a disk that takes nothing at all does not take this.
  void NoteUnwritten(int64_t until_ms) const;

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_FILE_LOCK_H_
