// IP addresses and blocks of them (CIDR): "10.1.2.3", "10.0.0.0/8", "2001:db8::/32".
//
// Threads: values; any.
#ifndef SESSION_STATUS_PLUGIN_TEXT_ADDRESS_BLOCK_H_
#define SESSION_STATUS_PLUGIN_TEXT_ADDRESS_BLOCK_H_

#include <array>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/optional.h"

namespace session_status::text {

// An address alone is a block of one. IPv4 and IPv4-mapped IPv6 are the same.
struct AddressBlock {
  std::array<uint8_t, 16> bytes{};
  int prefix_bits = 128;
  bool Contains(const AddressBlock& address) const;
};

// nullopt when `text` is anything else, if only a blank, a sign or a NUL more. Allocates nothing.
absl::optional<AddressBlock> ParseAddressBlock(absl::string_view text);

}  // namespace session_status::text

#endif  // SESSION_STATUS_PLUGIN_TEXT_ADDRESS_BLOCK_H_
