#include "plugin/auth/sts.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugin/auth/json_tree.h"

namespace session_status::auth {
namespace {

constexpr size_t kRandomHexSize = 24;  // 96 random bits
constexpr size_t kTagHexSize = 16;     // 64 bits: a guess is not worth its request
constexpr size_t kTokenMacSize = 32;
constexpr size_t kTokenTextMax = 8192;

// One secret, three uses; each text begins with its own word and a NUL, so that none is another's.
constexpr absl::string_view kKeyIdUse("key-id\0", 7);
constexpr absl::string_view kSecretUse("secret\0", 7);
constexpr absl::string_view kTokenUse("token\0", 6);

bool ComputeFor(const KeyedMac& mac, absl::string_view use, absl::string_view text,
                MacBytes* bytes) {
  return mac.Compute(absl::StrCat(use, text), bytes);
}

bool AppendKeyIdTag(const KeyedMac& mac, absl::string_view random_hex, std::string* out) {
  MacBytes bytes;
  if (!ComputeFor(mac, kKeyIdUse, random_hex, &bytes)) return false;
  AppendLowerHex(absl::MakeConstSpan(bytes).first(kTagHexSize / 2), out);
  return true;
}

std::string TokenPayload(absl::string_view key_id, const User& user,
                         absl::optional<absl::string_view> policy, absl::Time expires_at) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  const auto text = [&writer](const char* name, absl::string_view value) {
    writer.Key(name);
    writer.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  };
  writer.StartObject();
  text("key", key_id);
  text("account", user.account->id);
  text("user", user.name);
  writer.Key("expires");
  writer.Int64(absl::ToUnixSeconds(expires_at));
  if (policy.has_value()) text("policy", *policy);
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize());
}

// Checks the token's own signature and hands out its payload.
bool OpenToken(const KeyedMac& mac, absl::string_view token, std::string* payload) {
  if (token.size() > kTokenTextMax) return false;
  std::string bytes;
  if (!DecodeBase64(token, &bytes) || bytes.size() <= kTokenMacSize) return false;
  const absl::string_view all(bytes);
  const absl::string_view signed_part = all.substr(0, all.size() - kTokenMacSize);
  MacBytes expected;
  if (!ComputeFor(mac, kTokenUse, signed_part, &expected)) return false;
  const absl::string_view expected_text(reinterpret_cast<const char*>(expected.data()),
                                        kTokenMacSize);
  if (!EqualInConstantTime(expected_text, all.substr(signed_part.size()))) return false;
  *payload = std::string(signed_part);
  return true;
}

absl::string_view Text(const JsonNode& node, absl::string_view name) {
  const JsonNode* found = node.Find(name);
  return found == nullptr ? absl::string_view() : absl::string_view(found->text);
}

absl::Status CheckIssue(const AccessFile& file, const User* user, absl::Duration ttl,
                        absl::optional<absl::string_view> session_policy) {
  if (file.sts_mac() == nullptr) {
    return absl::FailedPreconditionError("the access file has no \"sts\" secret");
  }
  if (user == nullptr) return absl::NotFoundError("no such user in that account");
  if (ttl < kSessionTtlMin || ttl > kSessionTtlMax) {
    return absl::InvalidArgumentError(absl::StrCat("the time to live must be from ",
                                                   absl::FormatDuration(kSessionTtlMin), " to ",
                                                   absl::FormatDuration(kSessionTtlMax)));
  }
  if (!session_policy.has_value()) return absl::OkStatus();
  if (session_policy->size() > kSessionPolicyBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a session policy has at most ", kSessionPolicyBytesMax, " bytes"));
  }
  return ParsePolicyText(*session_policy, "session").status();
}

}  // namespace

absl::StatusOr<SessionCredentials> IssueSession(const AccessFile& file,
                                                absl::string_view account_id,
                                                absl::string_view user_name, absl::Duration ttl,
                                                absl::optional<absl::string_view> session_policy,
                                                absl::Time now) {
  const User* user = file.FindUser(account_id, user_name);
  absl::Status status = CheckIssue(file, user, ttl, session_policy);
  if (!status.ok()) return status;
  const KeyedMac& mac = *file.sts_mac();

  std::array<uint8_t, kRandomHexSize / 2> random;
  std::string id;
  bool done = FillRandom(absl::MakeSpan(random));
  AppendLowerHex(random, &id);
  done = done && AppendKeyIdTag(mac, std::string(id), &id);

  SessionCredentials credentials;
  credentials.access_key_id = absl::StrCat(kTemporaryKeyPrefix, id);
  credentials.expires_at = absl::FromUnixSeconds(absl::ToUnixSeconds(now + ttl));
  absl::optional<Secret> secret;
  if (done) secret = TemporaryKeySecret(mac, credentials.access_key_id);
  std::string token =
      TokenPayload(credentials.access_key_id, *user, session_policy, credentials.expires_at);
  MacBytes bytes;
  if (!secret.has_value() || !ComputeFor(mac, kTokenUse, token, &bytes)) {
    return absl::InternalError("the crypto library failed");
  }
  credentials.access_key_secret = std::string(secret->reveal());
  token.append(reinterpret_cast<const char*>(bytes.data()), kTokenMacSize);
  AppendBase64(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(token.data()), token.size()),
               &credentials.security_token);
  return credentials;
}

bool IsTemporaryKeyId(absl::string_view access_key_id) {
  return absl::StartsWith(access_key_id, kTemporaryKeyPrefix);
}

absl::optional<Secret> TemporaryKeySecret(const KeyedMac& sts_mac,
                                          absl::string_view access_key_id) {
  if (!IsTemporaryKeyId(access_key_id)) return absl::nullopt;
  const absl::string_view id = access_key_id.substr(kTemporaryKeyPrefix.size());
  if (id.size() != kRandomHexSize + kTagHexSize) return absl::nullopt;
  std::string tag;
  MacBytes bytes;
  if (!AppendKeyIdTag(sts_mac, id.substr(0, kRandomHexSize), &tag) ||
      !EqualInConstantTime(tag, id.substr(kRandomHexSize)) ||
      !ComputeFor(sts_mac, kSecretUse, access_key_id, &bytes)) {
    return absl::nullopt;
  }
  std::string text;
  AppendBase64(bytes, &text);
  return Secret(text);
}

TokenVerdict VerifyToken(const AccessFile& file, absl::string_view token,
                         absl::string_view access_key_id, absl::Time now, Session* session) {
  std::string payload;
  if (file.sts_mac() == nullptr || !OpenToken(*file.sts_mac(), token, &payload)) {
    return TokenVerdict::kMalformed;
  }
  const absl::StatusOr<JsonDocument> document = JsonDocument::Parse(payload);
  if (!document.ok()) return TokenVerdict::kMalformed;
  const JsonNode& root = document->root();
  const JsonNode* expires = root.Find("expires");
  if (expires == nullptr) return TokenVerdict::kMalformed;
  if (Text(root, "key") != access_key_id) return TokenVerdict::kMismatch;
  if (now >= absl::FromUnixSeconds(static_cast<int64_t>(expires->number))) {
    return TokenVerdict::kExpired;
  }
  session->user = file.FindUser(Text(root, "account"), Text(root, "user"));
  if (session->user == nullptr) return TokenVerdict::kNoAccount;
  session->policy = nullptr;
  const JsonNode* policy_text = root.Find("policy");
  if (policy_text == nullptr) return TokenVerdict::kValid;
  // One that is empty, or no text, is refused like any that cannot be parsed: it was meant to
  // narrow.
  absl::StatusOr<Policy> policy = ParsePolicyText(policy_text->text, "session");
  // Checked when it was issued: only another version of this server could disagree.
  if (!policy.ok()) return TokenVerdict::kMalformed;
  session->policy = std::make_shared<const Policy>(*std::move(policy));
  return TokenVerdict::kValid;
}

}  // namespace session_status::auth
