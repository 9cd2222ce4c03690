#include "plugin/store/database_file.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace session_status::store {
namespace {

constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

}  // namespace

absl::Status FileError(const std::string& path, int error) {
  const std::string text = absl::StrCat(path, ": ", std::strerror(error));
  switch (error) {
    case ENOENT:
      return absl::NotFoundError(text);
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(text);
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return absl::InvalidArgumentError(text);
    default:
      return absl::FailedPreconditionError(text);
  }
}

absl::Status CheckPlace(const std::string& path) {
  struct stat file {};
  const bool is_there = stat(path.c_str(), &file) == 0;
  if (is_there && S_ISDIR(file.st_mode)) return FileError(path, EISDIR);
  absl::Status status;
  // SQLite makes files beside it, so the folder counts as well.
  if (access(FolderOf(path).c_str(), W_OK | X_OK) != 0 ||
      (is_there && access(path.c_str(), R_OK | W_OK) != 0)) {
    status = FileError(path, errno);
  }
  return absl::IsFailedPrecondition(status) ? absl::OkStatus() : status;
}

bool IsOnReadOnlyFileSystem(const std::string& path) {
  struct statvfs system {};
  return statvfs(FolderOf(path).c_str(), &system) == 0 && (system.f_flag & ST_RDONLY) != 0;
}

std::string KeepPrivate(const std::string& path) {
  mode_t open_to_others = 0;
  bool closed = true;
  for (const char* suffix : {"", "-wal", "-shm", "-lock"}) {
    const std::string name = path + suffix;
    struct stat file {};
    if (stat(name.c_str(), &file) != 0 || (file.st_mode & kOthers) == 0) continue;
    open_to_others |= file.st_mode;
    // By name: a descriptor of our own would, when it is closed, give back the locks that SQLite has.
    if (chmod(name.c_str(), file.st_mode & 07777 & ~kOthers) != 0) closed = false;
  }
  if (open_to_others == 0) return "";
  return absl::StrFormat(
      "%s: others had access to it (mode %04o)%s", path, open_to_others & 0777,
      closed ? "; that is mended" : " and have it still: only its owner can change that");
}

std::string PlaceAside(const std::string& path) { return absl::StrCat(path, ".damaged"); }

bool MoveAside(const std::string& path) {
  bool moved = true;
  for (const char* suffix : {"-wal", ""}) {
    const std::string from = absl::StrCat(path, suffix);
    const std::string to = absl::StrCat(PlaceAside(path), suffix);
    unlink(to.c_str());
    if (std::rename(from.c_str(), to.c_str()) != 0 && errno != ENOENT) moved = false;
  }
  unlink(absl::StrCat(path, "-shm").c_str());
  return moved;
}

OpenedFile::OpenedFile(std::string path)
    : path_(std::move(path)), file_(IdentityOf(path_)), log_(IdentityOf(LogPath())) {}

void OpenedFile::RemoveLogLeftBehind() const {
  // One that came with the other file is that one's.
  if (log_ != Identity() && IdentityOf(LogPath()) == log_) unlink(LogPath().c_str());
}

OpenedFile::Identity OpenedFile::IdentityOf(const std::string& path) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0) return {};
  return {file.st_dev, file.st_ino};
}

}  // namespace session_status::store
