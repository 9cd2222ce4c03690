// Client identifiers: their hash, and the form in which they are compared.
//
// The hash is XXH3 (64 bits) with a secret of 192 random bytes per registry. Why: identifiers come
// from the network, so the hash must be keyed or a client could craft collisions; and it sits on
// every look-up, so it must cost few nanoseconds for 20 to 40 bytes. XXH3 with a random secret is
// of the wyhash class: each 16 bytes are mixed by a 64 x 64 -> 128 bit multiplication with secret
// words that nobody outside knows. SipHash would be the textbook choice and costs four times as
// much.
#ifndef SESSION_STATUS_REGISTRY_CLIENT_ID_H_
#define SESSION_STATUS_REGISTRY_CLIENT_ID_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"
#include "registry/session_event.h"

namespace session_status::registry {

// Identifiers up to this length lie in the hot line (UUIDs have 36 characters).
inline constexpr size_t kInlineIdBytes = 40;
inline constexpr size_t kIdWords = kInlineIdBytes / 8;

// An identifier made ready for look-ups. A value; `bytes` is borrowed.
//   length <= 40: `words` holds the bytes, zero padded.
//   longer:       words[0] is not used, words[1] is the hash, words[2..4] the first 24 bytes; the
//                 rest of the comparison needs `bytes`.
struct PreparedId {
  uint64_t hash;
  uint32_t length;
  std::array<uint64_t, kIdWords> words;
  absl::string_view bytes;

  bool is_inline() const { return length <= kInlineIdBytes; }
};

// Hashes with a secret of its own. Immutable after construction; any thread. The methods are inline
// in client_id_inl.h.
class ClientIdHasher {
 public:
  ClientIdHasher();

  uint64_t Hash(const void* bytes, size_t length) const;

  // REQUIRES: id.size() <= kClientIdBytesMax.
  void Prepare(absl::string_view id, PreparedId* out) const;

 private:
  static constexpr size_t kSecretBytes = 192;
  alignas(64) std::array<uint8_t, kSecretBytes> secret_;
};

// The group of an identifier of the form `group@@@device`; empty if it has none.
absl::string_view GroupOf(absl::string_view client_id);

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_CLIENT_ID_H_
