#include "plugin/listing/session_filter.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "plugin/feed/change.h"

namespace session_status::listing {
namespace {

absl::Status SetBits(absl::string_view member, const google::protobuf::RepeatedField<int>& values,
                     int count, uint32_t* bits) {
  for (const int value : values) {
    if (value < 0 || value >= count) {
      return absl::InvalidArgumentError(absl::StrCat(member, ": there is no value ", value));
    }
    *bits |= uint32_t{1} << value;
  }
  return absl::OkStatus();
}

absl::Status CheckRange(absl::string_view name, bool both, int64_t from_ms, int64_t until_ms) {
  if (!both || from_ms <= until_ms) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, "FromMs is later than ", name, "UntilMs: nobody would be listed"));
}

bool ParseProtocol(absl::string_view text, registry::ProtocolVersion* out) {
  using registry::ProtocolVersion;
  if (text.empty()) return true;
  if (text == "3.1") return *out = ProtocolVersion::kMqtt31, true;
  if (text == "3.1.1") return *out = ProtocolVersion::kMqtt311, true;
  if (text == "5" || text == "5.0") return *out = ProtocolVersion::kMqtt5, true;
  return false;
}

// False for a client without a numeric address.
bool IsIn(const text::AddressBlock& addresses, absl::string_view address) {
  const absl::optional<text::AddressBlock> one = text::ParseAddressBlock(address);
  return one.has_value() && addresses.Contains(*one);
}

}  // namespace

absl::StatusOr<SessionFilter> SessionFilter::Make(const pb::ListSessionsRequest& r) {
  SessionFilter f;
  if (absl::Status s = SetBits("states", r.states(), registry::kSessionStateCount, &f.states_);
      !s.ok()) {
    return s;
  }
  if ((f.states_ & 1) != 0) {
    return absl::InvalidArgumentError(
        "states: SESSION_STATE_UNKNOWN: a session that is listed is known");
  }
  if (absl::Status s =
          SetBits("endReasons", r.end_reasons(), registry::kEndReasonCount, &f.reasons_);
      !s.ok()) {
    return s;
  }
  if (!r.address().empty()) {
    f.addresses_ = text::ParseAddressBlock(r.address());
    if (!f.addresses_.has_value()) {
      return absl::InvalidArgumentError(
          "address must be an address, or a network such as 10.0.0.0/8 or 2001:db8::/32");
    }
  }
  if (!ParseProtocol(r.protocol_version(), &f.protocol_)) {
    return absl::InvalidArgumentError("protocolVersion must be 3.1, 3.1.1 or 5");
  }
  if (r.listener_port() > 65'535) {
    return absl::InvalidArgumentError("listenerPort must be below 65536");
  }
  if (absl::Status s =
          CheckRange("connected", r.has_connected_from_ms() && r.has_connected_until_ms(),
                     r.connected_from_ms(), r.connected_until_ms());
      !s.ok()) {
    return s;
  }
  if (absl::Status s =
          CheckRange("disconnected", r.has_disconnected_from_ms() && r.has_disconnected_until_ms(),
                     r.disconnected_from_ms(), r.disconnected_until_ms());
      !s.ok()) {
    return s;
  }
  f.listener_port_ = static_cast<uint16_t>(r.listener_port());
  f.prefix_ = r.client_id_prefix();
  f.group_ = r.group();
  if (r.has_connected_from_ms()) f.connected_.from = absl::FromUnixMillis(r.connected_from_ms());
  if (r.has_connected_until_ms()) f.connected_.until = absl::FromUnixMillis(r.connected_until_ms());
  f.connected_.set = r.has_connected_from_ms() || r.has_connected_until_ms();
  if (r.has_disconnected_from_ms()) {
    f.disconnected_.from = absl::FromUnixMillis(r.disconnected_from_ms());
  }
  if (r.has_disconnected_until_ms()) {
    f.disconnected_.until = absl::FromUnixMillis(r.disconnected_until_ms());
  }
  f.disconnected_.set = r.has_disconnected_from_ms() || r.has_disconnected_until_ms();
  return f;
}

bool SessionFilter::Wants(absl::string_view id, const registry::SessionDetails& d) const {
  const auto has = [](uint32_t bits, auto value) {
    return bits == 0 || (bits >> static_cast<unsigned>(value) & 1) != 0;
  };
  return has(states_, d.status.state) && has(reasons_, d.status.reason) &&
         absl::StartsWith(id, prefix_) && (group_.empty() || feed::GroupOf(id) == group_) &&
         (protocol_ == registry::ProtocolVersion::kUnknown || d.protocol_version == protocol_) &&
         (listener_port_ == 0 || d.listener_port == listener_port_) &&
         connected_.Contains(d.connected_at) && disconnected_.Contains(d.disconnected_at) &&
         (!addresses_.has_value() || IsIn(*addresses_, d.address));
}

}  // namespace session_status::listing
