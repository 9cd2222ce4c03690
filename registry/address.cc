#include "registry/address.h"

#include <arpa/inet.h>

#include <cstring>

namespace session_status::registry {

namespace {

// Dotted decimal as everybody writes it: no leading zeros, nothing around it. By hand because every
// connect comes here and the library's way back to text costs more than the whole event.
bool ParseIpv4(absl::string_view text, uint32_t* ipv4) {
  unsigned char bytes[4];
  size_t at = 0;
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && (at >= text.size() || text[at++] != '.')) return false;
    const size_t first = at;
    unsigned value = 0;
    while (at < text.size() && at - first < 3 && text[at] >= '0' && text[at] <= '9') {
      value = value * 10 + static_cast<unsigned>(text[at++] - '0');
    }
    if (at == first || value > 255 || (text[first] == '0' && at - first > 1)) return false;
    bytes[i] = static_cast<unsigned char>(value);
  }
  std::memcpy(ipv4, bytes, sizeof bytes);
  return at == text.size();
}

}  // namespace

PackedAddress PackAddress(absl::string_view text) {
  PackedAddress packed;
  packed.text = text;
  if (text.empty()) return packed;
  if (ParseIpv4(text, &packed.ipv4)) {
    packed.kind = AddressKind::kIpv4;
    return packed;
  }
  packed.kind = AddressKind::kText;
  char z[INET6_ADDRSTRLEN];  // inet_pton wants a terminated string
  if (text.size() >= sizeof z) return packed;
  std::memcpy(z, text.data(), text.size());
  z[text.size()] = '\0';
  char again[INET6_ADDRSTRLEN];
  if (inet_pton(AF_INET6, z, packed.ipv6.data()) == 1 &&
      inet_ntop(AF_INET6, packed.ipv6.data(), again, sizeof again) != nullptr && text == again) {
    packed.kind = AddressKind::kIpv6;
  }
  return packed;
}

std::string Ipv4Text(uint32_t ipv4) {
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &ipv4, text, sizeof text) == nullptr ? "" : text;
}

std::string Ipv6Text(absl::string_view bytes) {
  char text[INET6_ADDRSTRLEN];
  if (bytes.size() != 16) return "";
  return inet_ntop(AF_INET6, bytes.data(), text, sizeof text) == nullptr ? "" : text;
}

}  // namespace session_status::registry
