#include "plugin/feed/change_json.h"

#include "absl/strings/str_cat.h"
#include "plugin/http/json_writer.h"

namespace session_status::feed {
namespace {

using http::JsonWriter;

// The wire's enum repeats our numbers, so that a cast is the whole translation; those of the
// registry are held to the wire's in plugin/api/service.cc.
static_assert(pb::ChangeKind_MAX == kChangeKindCount - 1);

// Members at their default are left out; 64-bit numbers are strings.
void Text(JsonWriter* w, absl::string_view name, absl::string_view value) {
  if (!value.empty()) w->Key(name), w->String(value);
}
void Number(JsonWriter* w, absl::string_view name, uint32_t value) {
  if (value != 0) w->Key(name), w->Uint(value);
}
template <typename Integer>
void Number64(JsonWriter* w, absl::string_view name, Integer value) {
  if (value != 0) w->Key(name), w->String(absl::AlphaNum(value).Piece());
}

}  // namespace

void WriteChangeJson(const Change& c, std::string* out) {
  JsonWriter w(out);
  w.StartObject();
  Number64(&w, "sequence", c.sequence);
  if (c.kind != ChangeKind::kUnspecified) {
    Text(&w, "kind", pb::ChangeKind_Name(static_cast<pb::ChangeKind>(c.kind)));
  }
  Text(&w, "clientId", c.client_id);
  if (c.after != registry::SessionState::kUnknown) {
    Text(&w, "state", pb::SessionState_Name(static_cast<pb::SessionState>(c.after)));
  }
  if (c.reason != registry::EndReason::kNone) {
    Text(&w, "endReason", pb::EndReason_Name(static_cast<pb::EndReason>(c.reason)));
  }
  Number64(&w, "incarnation", c.incarnation);
  Number64(&w, "timeMs", c.time_ms);
  if (c.taken_over()) w.Key("takenOver"), w.Bool(true);
  Number(&w, "brokerCode", c.broker_code);
  Text(&w, "address", c.address);
  Number(&w, "listenerPort", c.listener_port);
  Text(&w, "protocolVersion", ProtocolName(c.protocol_version));
  if (c.transport != registry::Transport::kUnknown) {
    Text(&w, "transport", pb::Transport_Name(static_cast<pb::Transport>(c.transport)));
  }
  w.EndObject();
}

void WritePositionJson(uint64_t sequence, int64_t epoch, std::string* out, uint32_t heartbeat_ms) {
  JsonWriter w(out);
  w.StartObject();
  Number64(&w, "sequence", sequence);
  Number64(&w, "feedEpoch", epoch);
  Number(&w, "heartbeatMs", heartbeat_ms);
  w.EndObject();
}

void WriteGapJson(uint64_t missed_after, uint64_t restart_sequence, int64_t epoch,
                  std::string* out) {
  JsonWriter w(out);
  w.StartObject();
  Number64(&w, "missedAfter", missed_after);
  Number64(&w, "restartSequence", restart_sequence);
  Number64(&w, "feedEpoch", epoch);
  w.EndObject();
}

void FillChange(const Change& c, pb::SessionChange* out) {
  out->set_sequence(c.sequence);
  out->set_kind(static_cast<pb::ChangeKind>(c.kind));
  out->set_client_id(c.client_id.data(), c.client_id.size());
  out->set_state(static_cast<pb::SessionState>(c.after));
  out->set_end_reason(static_cast<pb::EndReason>(c.reason));
  out->set_incarnation(c.incarnation);
  out->set_time_ms(c.time_ms);
  out->set_taken_over(c.taken_over());
  out->set_broker_code(c.broker_code);
  out->set_address(c.address.data(), c.address.size());
  out->set_listener_port(c.listener_port);
  const absl::string_view protocol = ProtocolName(c.protocol_version);
  out->set_protocol_version(protocol.data(), protocol.size());
  out->set_transport(static_cast<pb::Transport>(c.transport));
}

}  // namespace session_status::feed
