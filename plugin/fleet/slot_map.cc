#include "plugin/fleet/slot_map.h"

#include <algorithm>
#include <boost/crc.hpp>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace session_status::fleet {

uint16_t HashSlot(absl::string_view key) {
  if (const size_t open = key.find('{'); open != absl::string_view::npos) {
    const size_t close = key.find('}', open + 1);
    if (close != absl::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  // CRC-16/XMODEM, as the specification of Redis Cluster says.
  boost::crc_optimal<16, 0x1021, 0, 0, false, false> crc;
  crc.process_bytes(key.data(), key.size());
  return static_cast<uint16_t>(crc.checksum() % kHashSlots);
}

uint16_t SlotMap::IndexOf(const EngineAddress::HostPort& primary) {
  const auto it = std::find(primaries_.begin(), primaries_.end(), primary);
  const auto index = static_cast<uint16_t>(it - primaries_.begin());
  if (it != primaries_.end()) return index;
  if (primaries_.size() == kPrimariesMax) return kNobodyHolds;
  primaries_.push_back(primary);
  return index;
}

void SlotMap::Replace(const std::vector<Range>& ranges) {
  primaries_.clear();
  std::fill(owner_.begin(), owner_.end(), kNobodyHolds);
  for (const Range& range : ranges) {
    const uint16_t index = IndexOf(range.primary);
    for (size_t slot = range.first; slot <= range.last && slot < kHashSlots; ++slot) {
      owner_[slot] = index;
    }
  }
}

void SlotMap::Move(uint16_t slot, const EngineAddress::HostPort& to) {
  if (slot >= kHashSlots) return;
  if (const uint16_t index = IndexOf(to); index != kNobodyHolds) owner_[slot] = index;
}

const EngineAddress::HostPort* SlotMap::Find(uint16_t slot) const {
  if (slot >= kHashSlots || owner_[slot] == kNobodyHolds) return nullptr;
  return &primaries_[owner_[slot]];
}

bool ParseRange(const Reply& entry, const std::string& asked_host, SlotMap::Range* out) {
  if (entry.size() < 3 || entry[2].size() < 2) return false;
  const int64_t first = entry[0].integer();
  const int64_t last = entry[1].integer();
  const int64_t port = entry[2][1].integer();
  if (first < 0 || last < first || last >= kHashSlots || port < 1 || port > UINT16_MAX) {
    return false;
  }
  // Left out: the one that was asked. "?": it does not know its own.
  const absl::string_view host = entry[2][0].text();
  if (host == "?") return false;
  out->first = static_cast<uint16_t>(first);
  out->last = static_cast<uint16_t>(last);
  out->primary = {host.empty() ? asked_host : std::string(host), static_cast<uint16_t>(port)};
  return true;
}

std::optional<Redirect> ParseRedirect(absl::string_view error, const std::string& asked_host) {
  const std::vector<absl::string_view> words = absl::StrSplit(error, ' ');
  if (words.size() < 3 || (words[0] != "MOVED" && words[0] != "ASK")) return std::nullopt;
  const size_t colon = words[2].rfind(':');  // the last: a host may be an IPv6 address
  uint32_t slot = 0;
  uint32_t port = 0;
  if (colon == absl::string_view::npos || !absl::SimpleAtoi(words[1], &slot) ||
      !absl::SimpleAtoi(words[2].substr(colon + 1), &port) || slot >= kHashSlots || port == 0 ||
      port > UINT16_MAX) {
    return std::nullopt;
  }
  Redirect redirect;
  redirect.ask = words[0] == "ASK";
  redirect.slot = static_cast<uint16_t>(slot);
  redirect.target.host = colon == 0 ? asked_host : std::string(words[2].substr(0, colon));
  redirect.target.port = static_cast<uint16_t>(port);
  return redirect;
}

bool MeansTryLater(absl::string_view error) {
  return absl::StartsWith(error, "TRYAGAIN") || absl::StartsWith(error, "MOVED") ||
         absl::StartsWith(error, "ASK ") || absl::StartsWith(error, "CLUSTERDOWN");
}

}  // namespace session_status::fleet
