// The file that holds a database of ours: what only the system knows of it, nothing of its content.
// Both stores treat their files alike.
//
// Threads: any; values and calls of the system.
#ifndef SESSION_STATUS_PLUGIN_STORE_DATABASE_FILE_H_
#define SESSION_STATUS_PLUGIN_STORE_DATABASE_FILE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace session_status::store {

// PermissionDenied, NotFound or InvalidArgument when the place can never be used as it is: somebody
// has to change the configuration or the folder. Else FailedPrecondition.
absl::Status FileError(const std::string& path, int error);

// InvalidArgument: a folder, a pipe or a device is there, which never holds a database, and to open
// which may take for ever. OK: a file, or nothing.
absl::Status CheckIsFile(const std::string& path);

// What FileError calls never: no such folder, no permission for it or for the file; and what
// CheckIsFile says. OK: nothing of that kind; whether the disk takes it shows when it is used.
absl::Status CheckPlace(const std::string& path);

// Mounted read-only: nobody writes there, so nobody has to be kept out.
bool IsOnReadOnlyFileSystem(const std::string& path);

// Takes the rights on the file, and on what lies beside it, from everybody but its owner. A line
// for the log when others had some; empty: nobody had.
std::string KeepPrivate(const std::string& path);

// For a file that SQLite takes for no database. InvalidArgument: it is another program's,
// Mosquitto's own persistence file or a text, say, or what CheckIsFile says. OK: it may be ours,
// damaged. What is sure to be ours is not required: a disk may have taken any page of it, and a
// broker that nobody looks after has to start all the same.
//
// Not while a connection of this process needs its locks: a descriptor that is closed gives them
// back.
absl::Status CheckIsNotOthers(const std::string& path);

// Moves a damaged file to "<path>.damaged", or "<path>.damaged.2" to ".5" where others lie: what
// was moved before is never touched, and the disk is not filled. The place; or an error that says
// why it is still where it was: "cannot be moved …".
inline constexpr int kAsideMax = 5;
absl::StatusOr<std::string> MoveAside(const std::string& path);
// Where files were moved to that are still there, by number.
std::vector<std::string> PlacesAside(const std::string& path);

// The file that a connection was opened from, and the write-ahead log that it has beside it. A name
// may come to mean another file: a backup is put back, somebody removes it.
class OpenedFile {
 public:
  // The connection is open and has its log.
  explicit OpenedFile(std::string path);

  // False: the file at the path is another one by now, or gone.
  bool IsInPlace() const { return IdentityOf(path_) == file_; }

  // Once the connection to a file that is not in place is closed. SQLite leaves the log where it is
  // then, and would apply it to the file that has come.
  void RemoveLogLeftBehind() const;

 private:
  using Identity = std::pair<uint64_t, uint64_t>;  // device, inode; zeros: no file
  static Identity IdentityOf(const std::string& path);
  std::string LogPath() const { return path_ + "-wal"; }

  std::string path_;
  Identity file_;
  Identity log_;
};

}  // namespace session_status::store

#endif  // SESSION_STATUS_PLUGIN_STORE_DATABASE_FILE_H_
