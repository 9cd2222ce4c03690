#include "plugin/api/json_codec.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "plugin/http/json_writer.h"

namespace session_status::api {
namespace {

// ---- reading ------------------------------------------------------------------------------------

// One member of a request: its two accepted spellings and how to take its value.
template <typename Message>
struct Member {
  absl::string_view json_name;
  absl::string_view proto_name;
  absl::Status (*read)(const rapidjson::Value&, Message*);
};

absl::string_view View(const rapidjson::Value& v) { return {v.GetString(), v.GetStringLength()}; }

// Bounded by the listener's body limit; the iterative parser keeps deep nesting off the stack.
constexpr unsigned kParseFlags =
    rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;

template <typename Message, size_t N>
absl::Status ReadObject(absl::string_view json, const Member<Message> (&members)[N],
                        Message* message) {
  char first_block[4096];  // a batch of ten needs no allocation
  rapidjson::MemoryPoolAllocator<> allocator(first_block, sizeof first_block);
  rapidjson::Document document(&allocator);
  document.Parse<kParseFlags>(json.data(), json.size());
  if (document.HasParseError()) {
    return absl::InvalidArgumentError(
        absl::StrCat("JSON, byte ", document.GetErrorOffset(), ": ",
                     rapidjson::GetParseError_En(document.GetParseError())));
  }
  if (!document.IsObject()) return absl::InvalidArgumentError("JSON: an object is expected");
  for (const auto& entry : document.GetObject()) {
    if (entry.value.IsNull()) continue;
    for (const Member<Message>& member : members) {
      const absl::string_view name = View(entry.name);
      if (name != member.json_name && name != member.proto_name) continue;
      if (absl::Status s = member.read(entry.value, message); !s.ok()) return s;
    }
  }
  return absl::OkStatus();
}

absl::Status Wrong(absl::string_view member, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat("JSON: ", member, " must be ", expected));
}

template <typename Message>
absl::Status ReadInstanceId(const rapidjson::Value& value, Message* message) {
  if (!value.IsString()) return Wrong("instanceId", "a string");
  message->set_instance_id(value.GetString(), value.GetStringLength());
  return absl::OkStatus();
}

absl::Status ReadClientIds(const rapidjson::Value& value,
                           pb::BatchQuerySessionByClientIdsRequest* message) {
  if (!value.IsArray()) return Wrong("clientIds", "an array of strings");
  message->mutable_client_ids()->Clear();
  message->mutable_client_ids()->Reserve(static_cast<int>(value.Size()));
  for (const rapidjson::Value& id : value.GetArray()) {
    if (!id.IsString()) {
      return Wrong(absl::StrCat("clientIds[", message->client_ids_size(), "]"), "a string");
    }
    message->add_client_ids(id.GetString(), id.GetStringLength());
  }
  return absl::OkStatus();
}

absl::Status ReadClientId(const rapidjson::Value& value,
                          pb::QuerySessionByClientIdRequest* message) {
  if (!value.IsString()) return Wrong("clientId", "a string");
  message->set_client_id(value.GetString(), value.GetStringLength());
  return absl::OkStatus();
}

// ---- writing ------------------------------------------------------------------------------------

// Writes members and leaves out those at their default, as canonical protobuf JSON may.
class ObjectWriter {
 public:
  explicit ObjectWriter(http::JsonWriter* out) : out_(out) { out_->StartObject(); }
  ~ObjectWriter() { out_->EndObject(); }
  ObjectWriter(const ObjectWriter&) = delete;
  ObjectWriter& operator=(const ObjectWriter&) = delete;

  void String(absl::string_view name, absl::string_view value) {
    if (!value.empty()) out_->Key(name), out_->String(value);
  }
  void Bool(absl::string_view name, bool value) {
    if (value) PresentBool(name, value);
  }
  void PresentBool(absl::string_view name, bool value) { out_->Key(name), out_->Bool(value); }
  void Uint(absl::string_view name, uint32_t value) {
    if (value != 0) PresentUint(name, value);
  }
  void PresentUint(absl::string_view name, uint32_t value) { out_->Key(name), out_->Uint(value); }
  void Uint64(absl::string_view name, uint64_t value) {
    if (value != 0) Text(name, absl::AlphaNum(value));
  }
  void Int64(absl::string_view name, int64_t value) {
    if (value != 0) PresentInt64(name, value);
  }
  void PresentInt64(absl::string_view name, int64_t value) { Text(name, absl::AlphaNum(value)); }
  template <typename Enum, typename NameOf>
  void EnumName(absl::string_view name, Enum value, NameOf name_of) {
    if (value != 0) out_->Key(name), out_->String(name_of(value));
  }
  http::JsonWriter* Member(absl::string_view name) {
    out_->Key(name);
    return out_;
  }

 private:
  void Text(absl::string_view name, const absl::AlphaNum& value) {
    out_->Key(name);
    out_->String(value.Piece());
  }
  http::JsonWriter* out_;
};

void Write(const pb::Snapshot& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.Uint64("sequence", message.sequence());
  object.Int64("takenAtMs", message.taken_at_ms());
  object.Int64("ageMs", message.age_ms());
}

void Write(const pb::OnlineStatus& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.String("clientId", message.client_id());
  if (message.has_online()) object.PresentBool("online", message.online());
  object.EnumName("state", message.state(), pb::SessionState_Name<pb::SessionState>);
  object.EnumName("endReason", message.end_reason(), pb::EndReason_Name<pb::EndReason>);
  if (message.has_error()) {
    ObjectWriter error(object.Member("error"));
    error.String("code", message.error().code());
    error.String("message", message.error().message());
  }
}

}  // namespace

absl::Status ReadJson(absl::string_view json, pb::BatchQuerySessionByClientIdsRequest* message) {
  using Message = pb::BatchQuerySessionByClientIdsRequest;
  static constexpr Member<Message> kMembers[] = {
      {"instanceId", "instance_id", ReadInstanceId<Message>},
      {"clientIds", "client_ids", ReadClientIds}};
  return ReadObject(json, kMembers, message);
}

absl::Status ReadJson(absl::string_view json, pb::QuerySessionByClientIdRequest* message) {
  using Message = pb::QuerySessionByClientIdRequest;
  static constexpr Member<Message> kMembers[] = {
      {"instanceId", "instance_id", ReadInstanceId<Message>},
      {"clientId", "client_id", ReadClientId}};
  return ReadObject(json, kMembers, message);
}

absl::Status ReadJson(absl::string_view json, pb::GetServerStatusRequest* message) {
  static constexpr Member<pb::GetServerStatusRequest> kNoMembers[] = {
      {"", "", [](const rapidjson::Value&, pb::GetServerStatusRequest*) {
         return absl::OkStatus();
       }}};
  return ReadObject(json, kNoMembers, message);
}

void WriteJson(const pb::BatchQuerySessionByClientIdsResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  ObjectWriter object(&writer);
  if (message.has_snapshot()) Write(message.snapshot(), object.Member("snapshot"));
  if (message.sessions_size() == 0) return;
  http::JsonWriter* array = object.Member("sessions");
  array->StartArray();
  for (const pb::OnlineStatus& session : message.sessions()) Write(session, array);
  array->EndArray();
}

void WriteJson(const pb::QuerySessionByClientIdResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  ObjectWriter object(&writer);
  object.String("clientId", message.client_id());
  if (message.has_online()) object.PresentBool("online", message.online());
  object.EnumName("state", message.state(), pb::SessionState_Name<pb::SessionState>);
  object.Uint64("incarnation", message.incarnation());
  if (message.has_connected_at_ms()) object.PresentInt64("connectedAtMs", message.connected_at_ms());
  if (message.has_last_seen_at_ms()) object.PresentInt64("lastSeenAtMs", message.last_seen_at_ms());
  if (message.has_disconnected_at_ms()) {
    object.PresentInt64("disconnectedAtMs", message.disconnected_at_ms());
  }
  if (message.has_session_created_at_ms()) {
    object.PresentInt64("sessionCreatedAtMs", message.session_created_at_ms());
  }
  object.EnumName("endReason", message.end_reason(), pb::EndReason_Name<pb::EndReason>);
  object.Uint("brokerCode", message.broker_code());
  object.String("address", message.address());
  object.Uint("listenerPort", message.listener_port());
  object.String("protocolVersion", message.protocol_version());
  object.EnumName("transport", message.transport(), pb::Transport_Name<pb::Transport>);
  object.Uint("keepaliveS", message.keepalive_s());
  object.String("username", message.username());
  if (message.has_clean_start()) object.PresentBool("cleanStart", message.clean_start());
  object.Uint("connects", message.connects());
  if (message.has_detection_bound_s()) {
    object.PresentUint("detectionBoundS", message.detection_bound_s());
  }
  object.Bool("silentDeathUndetected", message.silent_death_undetected());
}

void WriteJson(const pb::GetServerStatusResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  ObjectWriter object(&writer);
  object.String("version", message.version());
  object.String("broker", message.broker());
  object.String("instanceId", message.instance_id());
  object.Int64("startedAtMs", message.started_at_ms());
  object.Int64("uptimeMs", message.uptime_ms());
  if (message.has_sessions()) {
    ObjectWriter sessions(object.Member("sessions"));
    sessions.Uint64("online", message.sessions().online());
    sessions.Uint64("offlineSessionKept", message.sessions().offline_session_kept());
    sessions.Uint64("offline", message.sessions().offline());
  }
  object.Uint64("connects", message.connects());
  object.Uint64("takeovers", message.takeovers());
  object.Uint64("staleEvents", message.stale_events());
  object.Uint64("sequence", message.sequence());
  if (message.has_snapshot()) Write(message.snapshot(), object.Member("snapshot"));
  object.Int64("snapshotRefreshMs", message.snapshot_refresh_ms());
  object.Uint64("registryMemoryBytes", message.registry_memory_bytes());
}

}  // namespace session_status::api
