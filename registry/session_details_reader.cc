#include "registry/session_details_reader.h"

#include <algorithm>
#include <string>

#include "registry/address.h"

namespace session_status::registry {

namespace {

absl::Time FromMillis(uint64_t ms) {
  return ms == 0 ? absl::InfinitePast() : absl::FromUnixMillis(static_cast<int64_t>(ms));
}

void ReadAddress(const SessionTable& table, const Details& d, std::string* address) {
  std::string bytes;
  switch (d.address_kind()) {
    case AddressKind::kNone:
      address->clear();
      break;
    case AddressKind::kIpv4:
      *address = Ipv4Text(d.address());
      break;
    case AddressKind::kIpv6:
      table.strings.Read(d.address(), &bytes);
      *address = Ipv6Text(bytes);
      break;
    case AddressKind::kText:
      table.strings.Read(d.address(), address);
      break;
  }
}

}  // namespace

void ReadDetails(const SessionTable& table, Slot slot, StatusWord word, SessionDetails* details) {
  const Details d = table.index.details(slot).Load();
  details->status = word.now().Unpack();
  details->incarnation = table.index.hot(slot).incarnation_and_length.Load() >> 16;
  details->broker_code = d.broker_code();
  details->connects = d.connects();
  details->connected_at = FromMillis(d.connected_ms());
  details->disconnected_at = FromMillis(d.ended_ms());
  details->session_created_at = FromMillis(d.created_ms());
  details->ended_not_before =
      d.ended_span() == 0
          ? absl::InfinitePast()
          : FromMillis(d.ended_ms() - std::min(d.ended_ms(), d.ended_span() * kEndedSpanUnitMs));
  details->restored = d.restored();
  details->listener_port = d.listener_port();
  details->keepalive_s = d.keepalive_s();
  details->protocol_version = d.protocol_version();
  details->transport = d.transport();
  details->clean_start = d.clean_start();
  ReadAddress(table, d, &details->address);
  table.strings.Read(d.username(), &details->username);
}

}  // namespace session_status::registry
