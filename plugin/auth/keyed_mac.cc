#include "plugin/auth/keyed_mac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

#include "plugin/http/bytes16.h"

namespace session_status::auth {
namespace {

void WriteLowerHex(absl::Span<const uint8_t> bytes, char* out) {
  constexpr size_t kStep = sizeof(http::Bytes16);
  size_t at = 0;
  for (; at + kStep <= bytes.size(); at += kStep) {
    http::WriteHex(http::LoadBytes16(reinterpret_cast<const char*>(&bytes[at])), 'a', out + 2 * at);
  }
  if (at == bytes.size()) return;
  char rest[kStep] = {};
  char digits[2 * kStep];
  std::copy(bytes.begin() + at, bytes.end(), rest);
  http::WriteHex(http::LoadBytes16(rest), 'a', digits);
  std::copy(digits, digits + 2 * (bytes.size() - at), out + 2 * at);
}

struct MdDeleter {
  void operator()(EVP_MD* md) const { EVP_MD_free(md); }
};

// The library tells "no memory" by a null pointer.
template <typename T>
T* OrThrow(T* made) {
  if (made == nullptr) throw std::bad_alloc();
  return made;
}

// Fetched once: a fetch takes locks inside the library and costs more than the digest. What throws
// is tried again by the next call.
const EVP_MD* Sha256Digest() {
  static const std::unique_ptr<EVP_MD, MdDeleter> md(
      OrThrow(EVP_MD_fetch(nullptr, "SHA256", nullptr)));
  return md.get();
}

// nullptr: no memory.
EVP_MD_CTX* NewSha256Context() {
  const EVP_MD* const digest = Sha256Digest();
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  if (context != nullptr && EVP_DigestInit_ex2(context, digest, nullptr) == 1) return context;
  EVP_MD_CTX_free(context);
  return nullptr;
}

// nullptr: no memory.
EVP_MAC_CTX* NewContext(MacKind kind, absl::string_view key) {
  EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  if (mac == nullptr) return nullptr;
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
  EVP_MAC_free(mac);  // the context holds its own reference
  if (context == nullptr) return nullptr;
  char digest[] = "SHA256";
  if (kind == MacKind::kHmacSha1) digest[3] = '1', digest[4] = '\0';
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  // An empty HMAC key is a key: the library wants a pointer to tell it from "keep the old one".
  const char* bytes = key.empty() ? "" : key.data();
  if (EVP_MAC_init(context, reinterpret_cast<const unsigned char*>(bytes), key.size(),
                   parameters) != 1) {
    EVP_MAC_CTX_free(context);
    return nullptr;
  }
  return context;
}

}  // namespace

Secret::~Secret() { Wipe(); }

Secret::Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.Wipe(); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Wipe();
    bytes_ = std::move(other.bytes_);
    other.Wipe();
  }
  return *this;
}

void Secret::Wipe() {
  OPENSSL_cleanse(bytes_.data(), bytes_.size());
  bytes_.clear();
}

void KeyedMac::ContextDeleter::operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }

KeyedMac::KeyedMac(MacKind kind, absl::string_view key)
    : kind_(kind),
      prototype_(OrThrow(NewContext(kind, key))),
      contexts_([this] { return Contexts::Pointer(EVP_MAC_CTX_dup(prototype_.get())); }) {}

bool KeyedMac::Compute(absl::string_view message, MacBytes* mac) const {
  const Contexts::Lease lease = contexts_.Take();
  if (!lease) return false;
  EVP_MAC_CTX* const context = lease.get();
  size_t size = 0;
  return EVP_MAC_init(context, nullptr, 0, nullptr) == 1 &&
         EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(message.data()),
                        message.size()) == 1 &&
         EVP_MAC_final(context, mac->data(), &size, mac->size()) == 1 && size == MacSize(kind_);
}

Sha256::Sha256() : context_(OrThrow(NewSha256Context())) {}

Sha256::~Sha256() { EVP_MD_CTX_free(context_); }

bool Sha256::AppendHex(absl::string_view data, std::string* out) {
  uint8_t digest[32];
  // Without a name the digest of the constructor is started again.
  if (EVP_DigestInit_ex2(context_, nullptr, nullptr) != 1 ||
      EVP_DigestUpdate(context_, data.data(), data.size()) != 1 ||
      EVP_DigestFinal_ex(context_, digest, nullptr) != 1) {
    return false;
  }
  AppendLowerHex(digest, out);
  return true;
}

void AppendLowerHex(absl::Span<const uint8_t> bytes, std::string* out) {
  const size_t begin = out->size();
  out->resize(begin + 2 * bytes.size());
  WriteLowerHex(bytes, &(*out)[begin]);
}

bool EqualsBase64(absl::string_view text, absl::Span<const uint8_t> bytes) {
  unsigned char expected[(kMacSizeMax + 2) / 3 * 4 + 1];
  if (bytes.size() > kMacSizeMax) return false;
  const int size = EVP_EncodeBlock(expected, bytes.data(), static_cast<int>(bytes.size()));
  return EqualInConstantTime(
      text, absl::string_view(reinterpret_cast<char*>(expected), static_cast<size_t>(size)));
}

bool EqualsLowerHex(absl::string_view text, absl::Span<const uint8_t> bytes) {
  char expected[2 * kMacSizeMax];
  if (bytes.size() > kMacSizeMax) return false;
  WriteLowerHex(bytes, expected);
  return EqualInConstantTime(text, absl::string_view(expected, 2 * bytes.size()));
}

void AppendBase64(absl::Span<const uint8_t> bytes, std::string* out) {
  const size_t begin = out->size();
  out->resize(begin + (bytes.size() + 2) / 3 * 4 + 1);  // EVP_EncodeBlock ends with a NUL
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out->data()) + begin,
                                   bytes.data(), static_cast<int>(bytes.size()));
  out->resize(begin + static_cast<size_t>(size));
}

bool DecodeBase64(absl::string_view text, std::string* bytes) {
  if (text.size() % 4 != 0) return false;
  std::string decoded(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return false;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  decoded.resize(static_cast<size_t>(size) - padding);
  // The library is lenient (white space, stray bits); only the canonical text is accepted here.
  std::string again;
  AppendBase64(
      absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(decoded.data()), decoded.size()),
      &again);
  if (again != text) return false;
  *bytes = std::move(decoded);
  return true;
}

bool EqualInConstantTime(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool FillRandom(absl::Span<uint8_t> out) {
  return RAND_bytes(out.data(), static_cast<int>(out.size())) == 1;
}

}  // namespace session_status::auth
