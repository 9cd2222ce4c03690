#include "plugin/auth/access_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "plugin/auth/signature_rpc.h"

namespace session_status::auth {
namespace {

absl::Status FileError(const std::string& path, absl::string_view problem) {
  return absl::FailedPreconditionError(absl::StrCat(path, ": ", problem));
}

absl::Status CheckOwnerOnly(const std::string& path, const struct stat& file,
                            AccessFile::Owner owner) {
  if (!S_ISREG(file.st_mode)) return FileError(path, "not a regular file");
  if ((file.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return FileError(path, "holds secrets, but others than its owner have access: chmod 600 it");
  }
  if (file.st_size > static_cast<off_t>(AccessFile::kFileBytesMax)) {
    return FileError(path, absl::StrCat("larger than ", AccessFile::kFileBytesMax, " bytes"));
  }
  if (owner == AccessFile::Owner::kAnybodys) return absl::OkStatus();
  if (file.st_uid != geteuid() && file.st_uid != 0) {
    return FileError(path, "belongs to neither this process' user nor root");
  }
  return absl::OkStatus();
}

// The checks are made on the open file: nobody can exchange it in between.
absl::Status ReadOwnerOnlyFile(const std::string& path, AccessFile::Owner owner, std::string* text,
                               absl::Time* modified_at) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return FileError(path, std::strerror(errno));
  const auto closer = absl::MakeCleanup([fd] { close(fd); });
  struct stat file;
  if (fstat(fd, &file) != 0) return FileError(path, std::strerror(errno));
  if (absl::Status status = CheckOwnerOnly(path, file, owner); !status.ok()) return status;
  *modified_at = absl::TimeFromTimespec(file.st_mtim);
  // One byte more than the size shows a file that grows while it is read.
  text->resize(static_cast<size_t>(file.st_size) + 1);
  size_t size = 0;
  while (size < text->size()) {
    const ssize_t got = read(fd, text->data() + size, text->size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(path, std::strerror(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size == text->size()) return FileError(path, "changed while it was read");
  text->resize(size);
  return absl::OkStatus();
}

}  // namespace

bool Account::Owns(absl::string_view instance_id) const {
  return std::any_of(instances.begin(), instances.end(), [instance_id](const std::string& own) {
    return own == "*" || own == instance_id;
  });
}

bool Account::Names(absl::string_view instance_id) const {
  return std::find(instances.begin(), instances.end(), instance_id) != instances.end();
}

AccessKey::AccessKey(absl::string_view id, absl::string_view secret, bool active, const User* user)
    : id_(id),
      active_(active),
      user_(user),
      rpc_mac_(MacKind::kHmacSha1, Secret(RpcMacKey(secret)).reveal()),
      acs3_mac_(MacKind::kHmacSha256, secret) {}

absl::StatusOr<std::shared_ptr<const AccessFile>> AccessFile::Load(const std::string& path,
                                                                   Owner owner) {
  std::string text;
  const auto wiper = absl::MakeCleanup([&text] { OPENSSL_cleanse(text.data(), text.size()); });
  absl::Time modified_at;
  absl::Status status = ReadOwnerOnlyFile(path, owner, &text, &modified_at);
  if (!status.ok()) return status;
  absl::StatusOr<std::shared_ptr<const AccessFile>> file = Parse(text, modified_at);
  if (!file.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ", file.status().message()));
  }
  return file;
}

const AccessKey* AccessFile::FindKey(absl::string_view id) const {
  const auto found = keys_by_id_.find(id);
  return found == keys_by_id_.end() ? nullptr : found->second;
}

const User* AccessFile::FindUser(absl::string_view account_id, absl::string_view name) const {
  const auto found = users_by_name_.find(std::make_pair(account_id, name));
  return found == users_by_name_.end() ? nullptr : found->second;
}

absl::Status AccessStore::Reload() {
  absl::StatusOr<std::shared_ptr<const AccessFile>> file;
  try {
    file = AccessFile::Load(path_);
  } catch (const std::bad_alloc&) {
    return absl::ResourceExhaustedError(absl::StrCat(path_, ": out of memory"));
  }
  if (!file.ok()) return file.status();
  std::shared_ptr<const AccessFile> old = *std::move(file);
  {
    os::MutexLock lock(&mu_);
    current_.swap(old);
  }
  return absl::OkStatus();  // the old one, if this was its last user, goes here and not in the lock
}

std::shared_ptr<const AccessFile> AccessStore::Current() const {
  os::MutexLock lock(&mu_);
  return current_;
}

}  // namespace session_status::auth
