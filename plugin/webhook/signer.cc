#include "plugin/webhook/signer.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "plugin/os/secret_file.h"

namespace session_status::webhook {
namespace {

// Room for the longest secret in base64, and for line ends.
constexpr size_t kFileBytesMax = 2 * kSecretBytesMax;

absl::Status FileError(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", what));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Signer>> Signer::Load(const std::string& path) {
  std::string text;
  std::string decoded;
  const auto wiper = absl::MakeCleanup([&] {
    os::WipeSecret(&text);
    os::WipeSecret(&decoded);
  });
  if (absl::Status s = os::ReadSecretFile(path, {kFileBytesMax}, &text); !s.ok()) return s;
  absl::string_view key = text;
  while (absl::ConsumeSuffix(&key, "\n") || absl::ConsumeSuffix(&key, "\r")) {
  }
  if (absl::ConsumePrefix(&key, "whsec_")) {
    if (!auth::DecodeBase64(key, &decoded)) {
      return FileError(path, "what follows whsec_ is not base64");
    }
    key = decoded;
  }
  if (key.size() < kSecretBytesMin || key.size() > kSecretBytesMax) {
    return FileError(
        path, absl::StrCat("the secret has ", key.size(), " bytes; it takes ", kSecretBytesMin,
                           " to ", kSecretBytesMax, ", for example from: openssl rand -base64 32"));
  }
  return std::make_unique<Signer>(key);
}

std::string Signer::Sign(absl::string_view id, int64_t timestamp, absl::string_view body) const {
  auth::MacBytes mac;
  if (!mac_.Compute(absl::StrCat(id, ".", timestamp, ".", body), &mac)) return "";
  std::string signature = "v1,";
  auth::AppendBase64(absl::MakeConstSpan(mac), &signature);
  return signature;
}

}  // namespace session_status::webhook
