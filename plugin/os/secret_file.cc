#include "plugin/os/secret_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"

namespace session_status::os {
namespace {

absl::Status FileError(const std::string& path, absl::string_view problem) {
  return absl::FailedPreconditionError(absl::StrCat(path, ": ", problem));
}

absl::Status CheckFile(const std::string& path, const struct stat& file,
                       const SecretFileRule& rule) {
  if (!S_ISREG(file.st_mode)) return FileError(path, "not a regular file");
  if (rule.open_to_group && (file.st_mode & S_IRWXO) != 0) {
    return FileError(path, "holds secrets, but is open to other users: chmod o-rwx it");
  }
  if (!rule.open_to_group && (file.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return FileError(path, "holds secrets, but others than its owner have access: chmod 600 it");
  }
  if (file.st_size > static_cast<off_t>(rule.bytes_max)) {
    return FileError(path, absl::StrCat("larger than ", rule.bytes_max, " bytes"));
  }
  if (rule.owner == FileOwner::kAnybodys) return absl::OkStatus();
  if (file.st_uid != geteuid() && file.st_uid != 0) {
    return FileError(path, "belongs to neither this process' user nor root");
  }
  return absl::OkStatus();
}

}  // namespace

// The checks are made on the open file: nobody can exchange it in between.
absl::Status ReadSecretFile(const std::string& path, const SecretFileRule& rule, std::string* text,
                            absl::Time* modified_at) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return FileError(path, strerror(errno));
  const auto closer = absl::MakeCleanup([fd] { close(fd); });
  struct stat file;
  if (fstat(fd, &file) != 0) return FileError(path, strerror(errno));
  if (absl::Status status = CheckFile(path, file, rule); !status.ok()) return status;
  if (modified_at != nullptr) *modified_at = absl::TimeFromTimespec(file.st_mtim);
  // One byte more than the size shows a file that grows while it is read.
  text->resize(static_cast<size_t>(file.st_size) + 1);
  size_t size = 0;
  while (size < text->size()) {
    const ssize_t got = read(fd, text->data() + size, text->size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(path, strerror(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size == text->size()) return FileError(path, "changed while it was read");
  text->resize(size);
  return absl::OkStatus();
}

void WipeSecret(std::string* text) {
  explicit_bzero(text->data(), text->size());
  text->clear();
}

}  // namespace session_status::os
