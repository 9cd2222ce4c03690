#include "plugin/store/database_file.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "plugin/text/utf8.h"

namespace session_status::store {
namespace {

constexpr mode_t kOthers = S_IRWXG | S_IRWXO;

std::string FolderOf(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

bool IsThere(const std::string& path) {
  struct stat file {};
  return lstat(path.c_str(), &file) == 0;
}

std::string PlaceAside(const std::string& path, int number) {
  return number == 1 ? absl::StrCat(path, ".damaged") : absl::StrCat(path, ".damaged.", number);
}

bool IsTaken(const std::string& place) { return IsThere(place) || IsThere(place + "-wal"); }

// Enough to tell a text from a database with a page of text in it.
constexpr size_t kLookedAtBytes = 64 << 10;

constexpr absl::string_view kSqliteMagic("SQLite format 3\0", 16);
constexpr absl::string_view kMosquittoMagic("\0\xB5\0mosquitto db", 15);
constexpr int64_t kLeastPageBytes = 512;  // of any SQLite database

// Without control characters alone, memory that was erased to ones would be a text as well.
bool IsText(absl::string_view content) {
  const bool has_controls = std::any_of(content.begin(), content.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c)) &&
           !absl::ascii_isspace(static_cast<unsigned char>(c));
  });
  return !has_controls && text::IsUtf8Prefix(content);
}

// What a file is that begins with `content`, if it cannot be a database, however damaged. nullptr:
// it can.
const char* WhatElse(absl::string_view content, int64_t bytes) {
  const absl::string_view head = content.substr(0, kSqliteMagic.size());
  // One that was cut off, or whose first page never came to the disk, is ours, whatever its size.
  // What was never written is zeros or, of flash memory, ones.
  if (absl::StartsWith(kSqliteMagic, head)) return nullptr;
  for (const char never_written : {'\0', '\xFF'}) {
    if (head.find_first_not_of(never_written) == absl::string_view::npos) return nullptr;
  }
  if (absl::StartsWith(content, kMosquittoMagic)) return "Mosquitto's own persistence file";
  if (IsText(content)) return "a text file";
  return bytes % kLeastPageBytes != 0 ? "no SQLite database" : nullptr;
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

absl::Status CheckIsFile(const std::string& path) {
  struct stat file {};
  if (stat(path.c_str(), &file) != 0 || S_ISREG(file.st_mode)) return absl::OkStatus();
  if (S_ISDIR(file.st_mode)) return FileError(path, EISDIR);
  return absl::InvalidArgumentError(absl::StrCat(path, ": not a regular file"));
}

absl::Status CheckPlace(const std::string& path) {
  absl::Status status = CheckIsFile(path);
  if (!status.ok()) return status;
  // SQLite makes files beside it, so the folder counts as well.
  if (access(FolderOf(path).c_str(), W_OK | X_OK) != 0 ||
      (access(path.c_str(), R_OK | W_OK) != 0 && errno != ENOENT)) {
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
    // By name: a descriptor of our own would, when it is closed, give back the locks that SQLite
    // has.
    if (chmod(name.c_str(), file.st_mode & 07777 & ~kOthers) != 0) closed = false;
  }
  if (open_to_others == 0) return "";
  return absl::StrFormat(
      "%s: others had access to it (mode %04o)%s", path, open_to_others & 0777,
      closed ? "; that is mended" : " and have it still: only its owner can change that");
}

absl::Status CheckIsNotOthers(const std::string& path) {
  if (absl::Status s = CheckIsFile(path); !s.ok()) return s;
  std::string content(kLookedAtBytes, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<size_t>(file.gcount()));
  struct stat info {};
  if (content.empty() || stat(path.c_str(), &info) != 0) return absl::OkStatus();
  const char* const what = WhatElse(content, info.st_size);
  if (what == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": is ", what,
                   ", and stays as it is; give the database a path of its own, where no file has "
                   "to be (one that was the database before something overwrote it has to be "
                   "moved away by hand)"));
}

std::vector<std::string> PlacesAside(const std::string& path) {
  std::vector<std::string> taken;
  for (int number = 1; number <= kAsideMax; ++number) {
    const std::string place = PlaceAside(path, number);
    if (IsTaken(place)) taken.push_back(place);
  }
  return taken;
}

absl::StatusOr<std::string> MoveAside(const std::string& path) {
  std::string place;
  for (int number = 1;; ++number) {
    if (number > kAsideMax) {
      return absl::ResourceExhaustedError(absl::StrCat("cannot be moved aside, as ", kAsideMax,
                                                       " are there already, up to ", place));
    }
    place = PlaceAside(path, number);
    if (!IsTaken(place)) break;
  }
  for (const char* suffix : {"-wal", ""}) {
    if (std::rename((path + suffix).c_str(), (place + suffix).c_str()) == 0 || errno == ENOENT) {
      continue;
    }
    return absl::FailedPreconditionError(
        absl::StrCat("cannot be moved to ", place, suffix, ": ", std::strerror(errno)));
  }
  unlink(absl::StrCat(path, "-shm").c_str());
  return place;
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
