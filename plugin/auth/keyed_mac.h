// Message authentication codes and digests over OpenSSL's EVP interface.
//
// A KeyedMac holds one secret in prepared form: the key schedule is made once, and a call re-starts
// a prepared context instead of setting the key again (HMAC-SHA1 of a 700-byte string: about half
// the time). Contexts wait in a pool inside the object, so a thread nearly always finds one,
// and all of them go when the key goes: nothing secret outlives the access file it came from.
//
// Threads: Compute() and the functions: any; lock-free but for memory allocation when more
//          threads than the pool has slots use one key at once. Construction and
//          destruction: one thread.
// Errors:  Compute() returns false when the crypto library fails (out of memory); callers refuse.
//          Constructors throw std::bad_alloc then: what exists can compute when there is memory.
#ifndef SESSION_STATUS_PLUGIN_AUTH_KEYED_MAC_H_
#define SESSION_STATUS_PLUGIN_AUTH_KEYED_MAC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/os/object_pool.h"

typedef struct evp_mac_ctx_st EVP_MAC_CTX;
typedef struct evp_md_ctx_st EVP_MD_CTX;

namespace session_status::auth {

// Bytes that are wiped when they go. Neither printable nor comparable on purpose.
class Secret {
 public:
  Secret() = default;
  explicit Secret(absl::string_view bytes) : bytes_(bytes) {}
  ~Secret();
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  absl::string_view reveal() const { return bytes_; }
  bool empty() const { return bytes_.empty(); }

 private:
  void Wipe();
  std::string bytes_;
};

enum class MacKind : uint8_t { kHmacSha1, kHmacSha256 };

constexpr size_t MacSize(MacKind kind) { return kind == MacKind::kHmacSha1 ? 20 : 32; }
inline constexpr size_t kMacSizeMax = 32;
using MacBytes = std::array<uint8_t, kMacSizeMax>;

class KeyedMac {
 public:
  KeyedMac(MacKind kind, absl::string_view key);
  KeyedMac(const KeyedMac&) = delete;
  KeyedMac& operator=(const KeyedMac&) = delete;

  // Fills the first MacSize(kind()) bytes of `*mac`; leaves the others alone.
  bool Compute(absl::string_view message, MacBytes* mac) const;
  MacKind kind() const { return kind_; }

 private:
  struct ContextDeleter {
    void operator()(EVP_MAC_CTX* context) const;
  };
  using Contexts = os::ObjectPool<EVP_MAC_CTX, ContextDeleter>;

  const MacKind kind_;
  const Contexts::Pointer prototype_;  // keyed and never computed with; copied when none waits
  mutable Contexts contexts_;
};

inline constexpr absl::string_view kSha256HexOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// SHA-256 of one text after the other, in one context that is prepared once.
//
// Threads: one at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  // Appends the lower-case hexadecimal digest of `data`. False when the crypto library fails.
  bool AppendHex(absl::string_view data, std::string* out);

 private:
  EVP_MD_CTX* const context_;
};

void AppendLowerHex(absl::Span<const uint8_t> bytes, std::string* out);

// Compares a text with the base64 or the lower-case hexadecimal form of `bytes`, without telling by
// its duration where the first difference is. At most kMacSizeMax bytes.
bool EqualsBase64(absl::string_view text, absl::Span<const uint8_t> bytes);
bool EqualsLowerHex(absl::string_view text, absl::Span<const uint8_t> bytes);

// Standard base64 with padding; decoding accepts exactly what encoding makes.
void AppendBase64(absl::Span<const uint8_t> bytes, std::string* out);
bool DecodeBase64(absl::string_view text, std::string* bytes);

// Compares without telling by its duration where the first difference is. The lengths may differ
// openly: they are not secret.
bool EqualInConstantTime(absl::string_view a, absl::string_view b);

// Fills `out` from the operating system's generator by way of OpenSSL.
bool FillRandom(absl::Span<uint8_t> out);

}  // namespace session_status::auth

#endif  // SESSION_STATUS_PLUGIN_AUTH_KEYED_MAC_H_
