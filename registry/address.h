// Remote addresses in few bytes: IPv4 in four, IPv6 in sixteen, anything else as its text.
//
// Only text that comes back letter for letter is packed, so packing never changes an answer.
#ifndef SESSION_STATUS_REGISTRY_ADDRESS_H_
#define SESSION_STATUS_REGISTRY_ADDRESS_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "registry/session_record.h"

namespace session_status::registry {

// Borrows `text` when the kind is kText.
struct PackedAddress {
  AddressKind kind = AddressKind::kNone;
  uint32_t ipv4 = 0;
  std::array<char, 16> ipv6{};
  absl::string_view text;

  bool is_interned() const { return kind == AddressKind::kIpv6 || kind == AddressKind::kText; }
  // What to intern. REQUIRES: is_interned().
  absl::string_view bytes() const {
    return kind == AddressKind::kIpv6 ? absl::string_view(ipv6.data(), ipv6.size()) : text;
  }
};

PackedAddress PackAddress(absl::string_view text);

std::string Ipv4Text(uint32_t ipv4);
std::string Ipv6Text(absl::string_view bytes);  // empty unless there are 16 bytes

}  // namespace session_status::registry

#endif  // SESSION_STATUS_REGISTRY_ADDRESS_H_
