// AccessFile::Parse of access_file.h: the JSON tree into accounts, users, keys and policies.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugin/auth/access_file.h"
#include "plugin/auth/json_tree.h"

namespace session_status::auth {

using Kind = JsonNode::Kind;

namespace {
// The sample in docs/access.md once had this for sts.secret, and it is long enough to be taken for
// one: whoever reads it there could sign temporary credentials of a server that copied the sample.
constexpr absl::string_view kPublishedStsSecret =
    "at least 32 bytes; openssl rand -base64 32 makes one";
}  // namespace

class AccessFileReader {
 public:
  AccessFileReader(const JsonDocument& document, absl::Time modified_at)
      : document_(document), file_(new AccessFile) {
    file_->modified_at_ = modified_at;
  }

  absl::StatusOr<std::shared_ptr<const AccessFile>> Read() {
    const JsonNode& root = document_.root();
    if (absl::Status status = ReadRoot(root); !status.ok()) return status;
    return std::shared_ptr<const AccessFile>(std::move(file_));
  }

 private:
  using Policies = std::unordered_map<std::string, const Policy*>;

  absl::Status ReadRoot(const JsonNode& root) {
    if (root.kind != Kind::kObject) return document_.ErrorAt(root, "must be an object");
    absl::Status status =
        document_.CheckNames(root, "the access file", {"version", "sts", "accounts"});
    if (!status.ok()) return status;
    const JsonNode* version = root.Find("version");
    if (version == nullptr || version->kind != Kind::kNumber || version->number != 1) {
      return document_.ErrorAt(version == nullptr ? root : *version,
                               "the access file needs \"version\": 1");
    }
    if (const JsonNode* sts = root.Find("sts"); sts != nullptr) {
      status = ReadSts(*sts);
      if (!status.ok()) return status;
    }
    const JsonNode* accounts = root.Find("accounts");
    if (accounts == nullptr) return document_.ErrorAt(root, "\"accounts\" is missing");
    return ForEach(*accounts, "accounts",
                   [this](const JsonNode& account) { return ReadAccount(account); });
  }

  absl::Status ReadSts(const JsonNode& node) {
    if (node.kind != Kind::kObject) return document_.ErrorAt(node, "sts must be an object");
    absl::Status status = document_.CheckNames(node, "sts", {"secret"});
    if (!status.ok()) return status;
    absl::string_view secret;
    status = ReadText(node, "secret", AccessFile::kStsSecretBytesMin, 4096, &secret);
    if (!status.ok()) return status;
    if (secret == kPublishedStsSecret) {
      return document_.ErrorAt(*node.Find("secret"),
                               "this secret stood in a public example; put one of your own here: "
                               "openssl rand -base64 32 makes it");
    }
    file_->sts_mac_ = std::make_unique<KeyedMac>(MacKind::kHmacSha256, secret);
    return absl::OkStatus();
  }

  absl::Status ReadAccount(const JsonNode& node) {
    absl::Status status = document_.CheckNames(
        node, "an account", {"id", "name", "instances", "access_keys", "policies", "users"});
    if (!status.ok()) return status;
    Account& account = file_->accounts_.emplace_back();
    if (status = ReadName(node, "id", &account.id); !status.ok()) return status;
    if (const JsonNode* name = node.Find("name"); name != nullptr) {
      if (status = ReadName(node, "name", &account.name); !status.ok()) return status;
    }
    if (status = ReadInstances(node, &account); !status.ok()) return status;

    User& owner = file_->users_.emplace_back();
    owner.account = &account;
    owner.name = std::string(kOwnerName);
    owner.owner = true;
    if (!AddUser(owner)) return document_.ErrorAt(node, "this account id is here twice");
    if (status = ReadKeys(node, &owner); !status.ok()) return status;

    Policies shared;
    if (status = ReadPolicies(node, &shared); !status.ok()) return status;
    const JsonNode* users = node.Find("users");
    if (users == nullptr) return absl::OkStatus();
    return ForEach(*users, "users",
                   [&, this](const JsonNode& user) { return ReadUser(user, account, shared); });
  }

  absl::Status ReadInstances(const JsonNode& node, Account* account) {
    const JsonNode* instances = node.Find("instances");
    if (instances == nullptr || instances->kind != Kind::kArray) {
      return document_.ErrorAt(node, "an account needs \"instances\", a list");
    }
    for (const JsonNode& instance : instances->elements) {
      if (instance.kind != Kind::kString || instance.text.empty() ||
          instance.text.size() > AccessFile::kNameBytesMax) {
        return document_.ErrorAt(instance, "an instance is a non-empty string");
      }
      account->instances.push_back(instance.text);
    }
    return absl::OkStatus();
  }

  absl::Status ReadPolicies(const JsonNode& node, Policies* shared) {
    const JsonNode* policies = node.Find("policies");
    if (policies == nullptr) return absl::OkStatus();
    if (policies->kind != Kind::kObject) {
      return document_.ErrorAt(*policies, "policies must be an object: name and policy");
    }
    for (size_t i = 0; i < policies->elements.size(); ++i) {
      const std::string& name = policies->names[i].first;
      absl::StatusOr<const Policy*> policy = AddPolicy(policies->elements[i], name);
      if (!policy.ok()) return policy.status();
      shared->emplace(name, *policy);
    }
    return absl::OkStatus();
  }

  absl::Status ReadUser(const JsonNode& node, const Account& account, const Policies& shared) {
    absl::Status status = document_.CheckNames(node, "a user", {"name", "policies", "access_keys"});
    if (!status.ok()) return status;
    User& user = file_->users_.emplace_back();
    user.account = &account;
    if (status = ReadName(node, "name", &user.name); !status.ok()) return status;
    if (user.name == kOwnerName) {
      return document_.ErrorAt(*node.Find("name"), "\"root\" is the account's owner");
    }
    if (!AddUser(user)) return document_.ErrorAt(node, "this user is here twice");
    if (status = ReadKeys(node, &user); !status.ok()) return status;
    const JsonNode* policies = node.Find("policies");
    if (policies == nullptr) return absl::OkStatus();
    if (policies->kind != Kind::kArray) {
      return document_.ErrorAt(*policies, "a user's policies are a list");
    }
    for (const JsonNode& policy : policies->elements) {
      if (status = AttachPolicy(policy, shared, &user); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // A policy is named, or stands in place.
  absl::Status AttachPolicy(const JsonNode& node, const Policies& shared, User* user) {
    if (node.kind == Kind::kString) {
      const auto found = shared.find(node.text);
      if (found == shared.end()) {
        return document_.ErrorAt(node, "the account has no policy of this name");
      }
      user->policies.push_back(found->second);
      return absl::OkStatus();
    }
    absl::StatusOr<const Policy*> policy =
        AddPolicy(node, absl::StrCat(user->name, "#", user->policies.size() + 1));
    if (!policy.ok()) return policy.status();
    user->policies.push_back(*policy);
    return absl::OkStatus();
  }

  absl::StatusOr<const Policy*> AddPolicy(const JsonNode& node, absl::string_view name) {
    absl::StatusOr<Policy> policy = ParsePolicy(document_, node, name);
    if (!policy.ok()) return policy.status();
    return &file_->policies_.emplace_back(*std::move(policy));
  }

  absl::Status ReadKeys(const JsonNode& node, const User* user) {
    const JsonNode* keys = node.Find("access_keys");
    if (keys == nullptr) return absl::OkStatus();
    if (keys->elements.size() > AccessFile::kKeysPerUserMax) {
      return document_.ErrorAt(
          *keys, absl::StrCat("a user has at most ", AccessFile::kKeysPerUserMax, " access keys"));
    }
    return ForEach(*keys, "access_keys",
                   [this, user](const JsonNode& key) { return ReadKey(key, user); });
  }

  absl::Status ReadKey(const JsonNode& node, const User* user) {
    absl::Status status = document_.CheckNames(node, "an access key", {"id", "secret", "status"});
    if (!status.ok()) return status;
    std::string id;
    if (status = ReadName(node, "id", &id); !status.ok()) return status;
    if (absl::StrContains(id, ',') || absl::StartsWith(id, kTemporaryKeyPrefix)) {
      return document_.ErrorAt(*node.Find("id"),
                               "an access key's id has no comma and does not begin with STS.");
    }
    absl::string_view secret;
    status = ReadText(node, "secret", AccessFile::kSecretBytesMin, 4096, &secret);
    if (!status.ok()) return status;
    bool active = true;
    if (const JsonNode* word = node.Find("status"); word != nullptr) {
      active = word->text == "Active";
      if (word->kind != Kind::kString || (!active && word->text != "Inactive")) {
        return document_.ErrorAt(*word, "status must be \"Active\" or \"Inactive\"");
      }
    }
    const AccessKey& key = file_->keys_.emplace_back(id, secret, active, user);
    if (!file_->keys_by_id_.emplace(key.id(), &key).second) {
      return document_.ErrorAt(*node.Find("id"), "this access key's id is here twice");
    }
    return absl::OkStatus();
  }

  bool AddUser(const User& user) {
    return file_->users_by_name_
        .emplace(std::make_pair(absl::string_view(user.account->id), absl::string_view(user.name)),
                 &user)
        .second;
  }

  absl::Status ReadName(const JsonNode& node, absl::string_view member, std::string* out) {
    absl::string_view text;
    absl::Status status = ReadText(node, member, 1, AccessFile::kNameBytesMax, &text);
    if (status.ok()) *out = std::string(text);
    return status;
  }

  absl::Status ReadText(const JsonNode& node, absl::string_view member, size_t bytes_min,
                        size_t bytes_max, absl::string_view* out) {
    const JsonNode* text = node.Find(member);
    if (text == nullptr)
      return document_.ErrorAt(node, absl::StrCat("\"", member, "\" is missing"));
    if (text->kind != Kind::kString || text->text.size() < bytes_min ||
        text->text.size() > bytes_max || absl::StrContains(text->text, '\0')) {
      return document_.ErrorAt(*text, absl::StrCat(member, " must be a string of ", bytes_min,
                                                   " to ", bytes_max, " bytes"));
    }
    *out = text->text;
    return absl::OkStatus();
  }

  template <typename Read>
  absl::Status ForEach(const JsonNode& node, absl::string_view what, Read read) {
    if (node.kind != Kind::kArray) {
      return document_.ErrorAt(node, absl::StrCat(what, " must be a list"));
    }
    for (const JsonNode& element : node.elements) {
      if (element.kind != Kind::kObject) return document_.ErrorAt(element, "must be an object");
      if (absl::Status status = read(element); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  const JsonDocument& document_;
  std::unique_ptr<AccessFile> file_;
};

absl::StatusOr<std::shared_ptr<const AccessFile>> AccessFile::Parse(absl::string_view text,
                                                                    absl::Time modified_at) {
  absl::StatusOr<JsonDocument> document = JsonDocument::Parse(text);
  if (!document.ok()) return document.status();
  return AccessFileReader(*document, modified_at).Read();
}

}  // namespace session_status::auth
