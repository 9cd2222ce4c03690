// Who may call: accounts → users → access keys, and the policies of each user. One JSON file, read
// as a whole into an immutable value. docs/access.md describes the format for operators.
//
// Threads:   an AccessFile is const after Parse(); any. AccessStore: see there.
// Ownership: pointers between the parts live as long as the AccessFile; hold its shared_ptr for as
//            long as you use one.
// Errors:    a Status with line and column; never with a secret or any other value of the file.
#ifndef SESSION_STATUS_PLUGIN_AUTH_ACCESS_FILE_H_
#define SESSION_STATUS_PLUGIN_AUTH_ACCESS_FILE_H_

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/auth/access_policy.h"
#include "plugin/auth/keyed_mac.h"
#include "plugin/os/mutex.h"
#include "plugin/os/secret_file.h"

namespace session_status::auth {

struct Account {
  std::string id;
  std::string name;                    // for people; may be empty
  std::vector<std::string> instances;  // that the account owns; "*": all of this server

  bool Owns(absl::string_view instance_id) const;
  bool Names(absl::string_view instance_id) const;  // owns it, and not by "*"
};

// A user of an account. The account's owner is one too, by the reserved name "root".
struct User {
  const Account* account = nullptr;
  std::string name;
  bool owner = false;  // needs no policy
  std::vector<const Policy*> policies;
};

inline constexpr absl::string_view kOwnerName = "root";
inline constexpr absl::string_view kTemporaryKeyPrefix = "STS.";  // of key ids made by sts.h

class AccessKey {
 public:
  AccessKey(absl::string_view id, absl::string_view secret, bool active, const User* user);

  const std::string& id() const { return id_; }
  bool active() const { return active_; }
  const User& user() const { return *user_; }
  const KeyedMac& rpc_mac() const { return rpc_mac_; }    // V1
  const KeyedMac& acs3_mac() const { return acs3_mac_; }  // V3

 private:
  const std::string id_;
  const bool active_;
  const User* const user_;
  const KeyedMac rpc_mac_;
  const KeyedMac acs3_mac_;
};

class AccessFile {
 public:
  static constexpr size_t kFileBytesMax = size_t{16} << 20;  // about 50,000 users
  static constexpr size_t kKeysPerUserMax = 2;               // one in use, one for rotation
  static constexpr size_t kNameBytesMax = 128;
  static constexpr size_t kSecretBytesMin = 8;
  static constexpr size_t kStsSecretBytesMin = 32;  // as long as the MAC that it keys

  static absl::StatusOr<std::shared_ptr<const AccessFile>> Parse(
      absl::string_view text, absl::Time modified_at = absl::InfinitePast());

  // A tool that root runs on the file of another user takes anybody's.
  using Owner = os::FileOwner;

  // Reads a file that only its owner can read or write: this process' user or root. Everything
  // else is refused (FailedPrecondition), because the file holds secrets.
  static absl::StatusOr<std::shared_ptr<const AccessFile>> Load(const std::string& path,
                                                                Owner owner = Owner::kOursOrRoot);

  const AccessKey* FindKey(absl::string_view id) const;
  const User* FindUser(absl::string_view account_id, absl::string_view name) const;
  const KeyedMac* sts_mac() const { return sts_mac_.get(); }  // nullptr: no temporary keys

  const std::deque<Account>& all_accounts() const { return accounts_; }  // in the file's order
  // Of the file that this was read from, when it was read; InfinitePast: of none.
  absl::Time modified_at() const { return modified_at_; }
  size_t accounts() const { return accounts_.size(); }
  size_t users() const { return users_.size(); }
  size_t keys() const { return keys_.size(); }

 private:
  friend class AccessFileReader;
  AccessFile() = default;

  // Deques: elements stay where they are.
  std::deque<Account> accounts_;
  std::deque<User> users_;
  std::deque<Policy> policies_;
  std::deque<AccessKey> keys_;
  std::unordered_map<absl::string_view, const AccessKey*, absl::Hash<absl::string_view>>
      keys_by_id_;
  using AccountAndUser = std::pair<absl::string_view, absl::string_view>;
  std::unordered_map<AccountAndUser, const User*, absl::Hash<AccountAndUser>> users_by_name_;
  std::unique_ptr<KeyedMac> sts_mac_;
  absl::Time modified_at_;
};

// The access file in force.
//
// Threads: Current(): any; a lock for the copy of one pointer. Reload(): one thread at a time; the
//          file is read and parsed outside that lock.
class AccessStore {
 public:
  explicit AccessStore(std::string path) : path_(std::move(path)) {}

  // Replaces the whole at once. A file that cannot be read or parsed, or for which there is no
  // memory, leaves the old one in force; the status says why. Throws std::bad_alloc when there
  // is no memory for that either.
  absl::Status Reload();

  // nullptr before the first successful Reload().
  std::shared_ptr<const AccessFile> Current() const;

  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  mutable os::Mutex mu_;
  std::shared_ptr<const AccessFile> current_ ABSL_GUARDED_BY(mu_);
};

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_ACCESS_FILE_H_
