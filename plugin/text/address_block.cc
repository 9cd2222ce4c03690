#include "plugin/text/address_block.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"

namespace session_status::text {
namespace {

constexpr int kMappedBits = 96;  // ::ffff:0:0/96 holds IPv4

bool ReadAddress(absl::string_view text, AddressBlock* block, int* bits_before) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof buffer || absl::StrContains(text, '\0')) return false;
  *std::copy(text.begin(), text.end(), buffer) = '\0';
  *bits_before = 0;
  if (inet_pton(AF_INET6, buffer, block->bytes.data()) == 1) return true;
  *bits_before = kMappedBits;
  block->bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  return inet_pton(AF_INET, buffer, block->bytes.data() + kMappedBits / 8) == 1;
}

}  // namespace

bool AddressBlock::Contains(const AddressBlock& address) const {
  if (address.prefix_bits < prefix_bits) return false;
  const size_t whole = static_cast<size_t>(prefix_bits / 8);
  if (std::memcmp(bytes.data(), address.bytes.data(), whole) != 0) return false;
  const int rest = prefix_bits % 8;
  if (rest == 0) return true;
  const int shift = 8 - rest;
  return (bytes[whole] >> shift) == (address.bytes[whole] >> shift);
}

absl::optional<AddressBlock> ParseAddressBlock(absl::string_view text) {
  AddressBlock block;
  const size_t slash = text.find('/');
  int bits_before = 0;
  if (!ReadAddress(text.substr(0, slash), &block, &bits_before)) return absl::nullopt;
  if (slash == absl::string_view::npos) return block;
  const absl::string_view digits = text.substr(slash + 1);
  int bits = 0;
  // By itself the library would also take " 8" and "+8".
  if (digits.find_first_not_of("0123456789") != absl::string_view::npos ||
      !absl::SimpleAtoi(digits, &bits) || bits > 128 - bits_before) {
    return absl::nullopt;
  }
  block.prefix_bits = bits_before + bits;
  return block;
}

}  // namespace session_status::text
