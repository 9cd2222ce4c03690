#include "plugin/webhook/signer.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace session_status::webhook {
namespace {

absl::Status FileError(const std::string& path, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("\"", path, "\": ", what));
}

absl::Status CheckFile(const std::string& path) {
  struct stat file;
  if (stat(path.c_str(), &file) != 0) return FileError(path, strerror(errno));
  if (!S_ISREG(file.st_mode)) return FileError(path, "not a regular file");
  if ((file.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return FileError(path, "others can read the secret; chmod 600 it");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Signer>> Signer::Load(const std::string& path) {
  if (absl::Status s = CheckFile(path); !s.ok()) return s;
  std::ifstream file(path, std::ios::binary);
  const auth::Secret text(std::string(std::istreambuf_iterator<char>(file), {}));
  if (file.bad() || !file) return FileError(path, "cannot be read");
  absl::string_view key = text.reveal();
  while (absl::ConsumeSuffix(&key, "\n") || absl::ConsumeSuffix(&key, "\r")) {
  }
  std::string decoded;
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
  auto signer = std::make_unique<Signer>(key);
  const auth::Secret wiped(std::move(decoded));
  return signer;
}

std::string Signer::Sign(absl::string_view id, int64_t timestamp, absl::string_view body) const {
  auth::MacBytes mac;
  if (!mac_.Compute(absl::StrCat(id, ".", timestamp, ".", body), &mac)) return "";
  std::string signature = "v1,";
  auth::AppendBase64(absl::MakeConstSpan(mac), &signature);
  return signature;
}

}  // namespace session_status::webhook
