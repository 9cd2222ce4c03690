#include "plugin/auth/access_file.h"

#include <algorithm>
#include <new>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "plugin/auth/signature_rpc.h"

namespace session_status::auth {
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
  const auto wiper = absl::MakeCleanup([&text] { os::WipeSecret(&text); });
  absl::Time modified_at;
  absl::Status status = os::ReadSecretFile(path, {kFileBytesMax, owner}, &text, &modified_at);
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
