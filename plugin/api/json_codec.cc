#include "plugin/api/json_codec.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "plugin/http/json_allocator.h"
#include "plugin/http/json_writer.h"
#include "plugin/http/lone_surrogate.h"

namespace session_status::api {
namespace {

// ---- reading ------------------------------------------------------------------------------------

using Value = http::JsonValue;

// One member of a request and how to take its value. `name` is the member's, for the message.
template <typename Message>
struct Member {
  absl::string_view name;  // in JSON's spelling; that of the .proto is taken as well
  absl::Status (*read)(absl::string_view name, const Value&, Message*);
};

absl::string_view View(const Value& v) { return {v.GetString(), v.GetStringLength()}; }

// Bounded by the listener's body limit; the iterative parser keeps deep nesting off the stack.
constexpr unsigned kParseFlags =
    rapidjson::kParseValidateEncodingFlag | rapidjson::kParseIterativeFlag;

constexpr size_t kNameShownMax = 64;

// "client_id" of "clientId".
bool IsProtoSpelling(absl::string_view text, absl::string_view json_name) {
  for (const char c : json_name) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !absl::ConsumePrefix(&text, "_")) {
      return false;
    }
    if (text.empty() || text[0] != absl::ascii_tolower(static_cast<unsigned char>(c))) return false;
    text.remove_prefix(1);
  }
  return text.empty();
}

template <typename Message>
absl::Status NoSuchMember(absl::string_view name, absl::Span<const Member<Message>> members) {
  const std::string shown =
      name.size() <= kNameShownMax ? absl::StrCat("\"", name, "\"") : "of such a length";
  const std::string there = absl::StrJoin(
      members, ", ",
      [](std::string* out, const Member<Message>& member) { absl::StrAppend(out, member.name); });
  return absl::InvalidArgumentError(absl::StrCat("JSON: there is no member ", shown, "; ",
                                                 there.empty() ? "it takes none" : "there are ",
                                                 there));
}

absl::Status ParseObject(absl::string_view json, http::JsonDocument* document) {
  document->Parse<kParseFlags>(json.data(), json.size());
  if (document->HasParseError()) {
    return absl::InvalidArgumentError(
        absl::StrCat("JSON, byte ", document->GetErrorOffset(), ": ",
                     rapidjson::GetParseError_En(document->GetParseError())));
  }
  if (const size_t at = http::FindLoneSurrogate(json); at != absl::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat("JSON, byte ", at, ": ", http::kLoneSurrogate));
  }
  if (!document->IsObject()) return absl::InvalidArgumentError("JSON: an object is expected");
  return absl::OkStatus();
}

constexpr size_t kMembersMax = 64;  // bits of `seen`

template <typename Message>
absl::Status ReadMembers(absl::string_view json, absl::Span<const Member<Message>> members,
                         Message* message) {
  char first_block[4096];  // a batch of ten needs no allocation
  http::JsonPool allocator(first_block, sizeof first_block);
  http::JsonDocument document(&allocator);
  if (absl::Status s = ParseObject(json, &document); !s.ok()) return s;
  uint64_t seen = 0;  // bit i: the member i of the table
  for (const auto& entry : std::as_const(document).GetObject()) {
    const absl::string_view name = View(entry.name);
    const auto member =
        std::find_if(members.begin(), members.end(), [name](const Member<Message>& m) {
          return name == m.name || IsProtoSpelling(name, m.name);
        });
    // A misspelt filter must not give everybody.
    if (member == members.end()) return NoSuchMember(name, members);
    const uint64_t bit = uint64_t{1} << (member - members.begin());
    if ((seen & bit) != 0) {  // which of the two is meant?
      return absl::InvalidArgumentError(absl::StrCat("JSON: ", member->name, " is given twice"));
    }
    seen |= bit;
    if (entry.value.IsNull()) continue;
    if (absl::Status s = member->read(member->name, entry.value, message); !s.ok()) return s;
  }
  return absl::OkStatus();
}

template <typename Message, size_t N>
absl::Status ReadObject(absl::string_view json, const Member<Message> (&members)[N],
                        Message* message) {
  static_assert(N <= kMembersMax);
  return ReadMembers<Message>(json, members, message);
}

// Of a message that has no members.
template <typename Message>
absl::Status ReadEmpty(absl::string_view json, Message* message) {
  return ReadMembers<Message>(json, {}, message);
}

absl::Status Wrong(absl::string_view member, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat("JSON: ", member, " must be ", expected));
}

// Readers of one value each. `name` is the member's, for the message.
absl::Status Take(absl::string_view name, const Value& value, std::string* out) {
  if (!value.IsString()) return Wrong(name, "a string");
  out->assign(value.GetString(), value.GetStringLength());
  return absl::OkStatus();
}

absl::Status Take(absl::string_view name, const Value& value,
                  google::protobuf::RepeatedPtrField<std::string>* out) {
  if (!value.IsArray()) return Wrong(name, "an array of strings");
  out->Clear();
  out->Reserve(static_cast<int>(value.Size()));
  for (const Value& element : value.GetArray()) {
    if (!element.IsString()) return Wrong(absl::StrCat(name, "[", out->size(), "]"), "a string");
    out->Add()->assign(element.GetString(), element.GetStringLength());
  }
  return absl::OkStatus();
}

absl::Status Take(absl::string_view name, const Value& value, bool* out) {
  if (!value.IsBool()) return Wrong(name, "true or false");
  *out = value.GetBool();
  return absl::OkStatus();
}

absl::Status Take(absl::string_view name, const Value& value, int64_t* out) {
  if (value.IsInt64()) {
    *out = value.GetInt64();
  } else if (!value.IsString() || !absl::SimpleAtoi(View(value), out)) {
    return Wrong(name, "a whole number, or a string that holds one");
  }
  return absl::OkStatus();
}

absl::Status Take(absl::string_view name, const Value& value, uint64_t* out) {
  if (value.IsUint64()) {
    *out = value.GetUint64();
  } else if (!value.IsString() || !absl::SimpleAtoi(View(value), out)) {
    return Wrong(name, "a whole number of at least 0, or a string that holds one");
  }
  return absl::OkStatus();
}

absl::Status Take(absl::string_view name, const Value& value, uint32_t* out) {
  uint64_t wide = 0;
  if (absl::Status s = Take(name, value, &wide); !s.ok()) return s;
  if (wide > std::numeric_limits<uint32_t>::max()) return Wrong(name, "below 2^32");
  *out = static_cast<uint32_t>(wide);
  return absl::OkStatus();
}

template <typename Message, typename T>
absl::Status Put(absl::string_view name, const Value& value, Message* message,
                 void (Message::*set)(T)) {
  T taken{};
  if (absl::Status s = Take(name, value, &taken); !s.ok()) return s;
  (message->*set)(taken);
  return absl::OkStatus();
}

template <typename Message, typename T>
absl::Status Put(absl::string_view name, const Value& value, Message* message,
                 T* (Message::*mutable_member)()) {
  return Take(name, value, (message->*mutable_member)());
}

// What a table names: the reader of the member that this accessor sets.
template <auto kAccessor, typename Message>
absl::Status Field(absl::string_view name, const Value& value, Message* message) {
  return Put(name, value, message, kAccessor);
}

// The same for a list of strings, whose accessor has a namesake that takes an index.
template <typename Message,
          google::protobuf::RepeatedPtrField<std::string>* (Message::*kAccessor)()>
absl::Status Strings(absl::string_view name, const Value& value, Message* message) {
  return Put(name, value, message, kAccessor);
}

// "A, B, C": the names of values 0 to `last`.
template <typename Enum>
std::string NamesUpTo(Enum last, const std::string& (*name_of)(Enum)) {
  std::string names;
  for (int i = 0; i <= last; ++i) {
    const std::string& name = name_of(static_cast<Enum>(i));
    if (!name.empty()) absl::StrAppend(&names, names.empty() ? "" : ", ", name);
  }
  return names;
}

// A list of values by name or number. `kLast`, `kParse`, `kNameOf`: the generated Enum_MAX,
// Enum_Parse and Enum_Name.
template <typename Message, google::protobuf::RepeatedField<int>* (Message::*kAccessor)(),
          typename Enum, Enum kLast, bool (*kParse)(google::protobuf::ConstStringParam, Enum*),
          const std::string& (*kNameOf)(Enum)>
absl::Status Enums(absl::string_view name, const Value& value, Message* message) {
  if (!value.IsArray()) return Wrong(name, "an array of names");
  google::protobuf::RepeatedField<int>* const out = (message->*kAccessor)();
  out->Clear();
  for (const Value& element : value.GetArray()) {
    Enum parsed{};
    if (element.IsInt()) {
      out->Add(element.GetInt());
    } else if (element.IsString() &&
               kParse(std::string(element.GetString(), element.GetStringLength()), &parsed)) {
      out->Add(parsed);
    } else {
      return Wrong(name, absl::StrCat("an array of names out of ", NamesUpTo(kLast, kNameOf)));
    }
  }
  return absl::OkStatus();
}

// ---- writing ------------------------------------------------------------------------------------

// Writes members and leaves out those at their default, as canonical protobuf JSON may.
class ObjectWriter {
 public:
  explicit ObjectWriter(http::JsonWriter* out) : out_(out) { out_->StartObject(); }
  // Writes nothing, and so throws nothing, while an exception is on its way: the text goes with it.
  ~ObjectWriter() noexcept(false) {
    if (std::uncaught_exceptions() == exceptions_) out_->EndObject();
  }
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
  // A value without a name, of a newer peer, is written as its number: protobuf's JSON mapping.
  template <typename Enum, typename NameOf>
  void EnumName(absl::string_view name, Enum value, NameOf name_of) {
    if (value == 0) return;
    out_->Key(name);
    if (const std::string& known = name_of(value); !known.empty()) {
      out_->String(known);
    } else {
      out_->Int64(value);
    }
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
  const int exceptions_ = std::uncaught_exceptions();
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
  object.String("node", message.node());
}

void Write(const pb::FleetView& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.String("node", message.node());
  object.EnumName("source", message.source(), pb::AnswerSource_Name<pb::AnswerSource>);
  if (message.has_others_age_ms()) object.PresentInt64("othersAgeMs", message.others_age_ms());
}

void Write(const pb::FleetSummary& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.String("name", message.name());
  object.String("node", message.node());
  object.String("state", message.state());
  object.Uint("nodes", message.nodes());
  object.Uint("nodesAlive", message.nodes_alive());
  object.Uint64("online", message.online());
  if (message.has_others_age_ms()) object.PresentInt64("othersAgeMs", message.others_age_ms());
}

void Write(const pb::FleetNode& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.String("name", message.name());
  object.Uint("number", message.number());
  object.Bool("self", message.self());
  object.Bool("alive", message.alive());
  if (message.has_last_alive_age_ms()) {
    object.PresentInt64("lastAliveAgeMs", message.last_alive_age_ms());
  }
  object.Uint64("online", message.online());
  object.Bool("left", message.left());
}

}  // namespace

absl::Status ReadJson(absl::string_view json, pb::BatchQuerySessionByClientIdsRequest* message) {
  using M = pb::BatchQuerySessionByClientIdsRequest;
  static constexpr Member<M> kMembers[] = {{"instanceId", Field<&M::mutable_instance_id>},
                                           {"clientIds", Strings<M, &M::mutable_client_ids>}};
  return ReadObject(json, kMembers, message);
}

absl::Status ReadJson(absl::string_view json, pb::QuerySessionByClientIdRequest* message) {
  using M = pb::QuerySessionByClientIdRequest;
  static constexpr Member<M> kMembers[] = {{"instanceId", Field<&M::mutable_instance_id>},
                                           {"clientId", Field<&M::mutable_client_id>}};
  return ReadObject(json, kMembers, message);
}

absl::Status ReadJson(absl::string_view json, pb::GetServerStatusRequest* message) {
  return ReadEmpty(json, message);
}
absl::Status ReadJson(absl::string_view json, pb::GetCountsRequest* message) {
  return ReadEmpty(json, message);
}
absl::Status ReadJson(absl::string_view json, pb::GetFleetRequest* message) {
  return ReadEmpty(json, message);
}
absl::Status ReadJson(absl::string_view json, pb::GetAuditRequest* message) {
  return ReadEmpty(json, message);
}

absl::Status ReadJson(absl::string_view json, pb::ListSessionsRequest* message) {
  using M = pb::ListSessionsRequest;
  static constexpr Member<M> kMembers[] = {
      {"instanceId", Field<&M::mutable_instance_id>},
      {"pageSize", Field<&M::set_page_size>},
      {"cursor", Field<&M::mutable_cursor>},
      {"states", Enums<M, &M::mutable_states, pb::SessionState, pb::SessionState_MAX,
                       pb::SessionState_Parse, pb::SessionState_Name>},
      {"clientIdPrefix", Field<&M::mutable_client_id_prefix>},
      {"group", Field<&M::mutable_group>},
      {"address", Field<&M::mutable_address>},
      {"protocolVersion", Field<&M::mutable_protocol_version>},
      {"listenerPort", Field<&M::set_listener_port>},
      {"endReasons", Enums<M, &M::mutable_end_reasons, pb::EndReason, pb::EndReason_MAX,
                           pb::EndReason_Parse, pb::EndReason_Name>},
      {"connectedFromMs", Field<&M::set_connected_from_ms>},
      {"connectedUntilMs", Field<&M::set_connected_until_ms>},
      {"disconnectedFromMs", Field<&M::set_disconnected_from_ms>},
      {"disconnectedUntilMs", Field<&M::set_disconnected_until_ms>},
      {"fields", Strings<M, &M::mutable_fields>},
      {"closeCursor", Field<&M::set_close_cursor>},
  };
  return ReadObject(json, kMembers, message);
}

absl::Status ReadJson(absl::string_view json, pb::WatchSessionsRequest* message) {
  using M = pb::WatchSessionsRequest;
  static constexpr Member<M> kMembers[] = {
      {"instanceId", Field<&M::mutable_instance_id>},
      {"afterSequence", Field<&M::set_after_sequence>},
      {"feedEpoch", Field<&M::set_feed_epoch>},
      {"clientIds", Strings<M, &M::mutable_client_ids>},
      {"clientIdPrefix", Field<&M::mutable_client_id_prefix>},
      {"group", Field<&M::mutable_group>},
      {"kinds", Enums<M, &M::mutable_kinds, pb::ChangeKind, pb::ChangeKind_MAX,
                      pb::ChangeKind_Parse, pb::ChangeKind_Name>},
  };
  return ReadObject(json, kMembers, message);
}

absl::Status ReadJson(absl::string_view json, pb::GetHistoryRequest* message) {
  using M = pb::GetHistoryRequest;
  static constexpr Member<M> kMembers[] = {
      {"instanceId", Field<&M::mutable_instance_id>},
      {"clientId", Field<&M::mutable_client_id>},
      {"limit", Field<&M::set_limit>},
      {"stored", Field<&M::set_stored>},
      {"fromMs", Field<&M::set_from_ms>},
      {"untilMs", Field<&M::set_until_ms>},
  };
  return ReadObject(json, kMembers, message);
}

absl::Status ReadJson(absl::string_view json, pb::ListFlappersRequest* message) {
  using M = pb::ListFlappersRequest;
  static constexpr Member<M> kMembers[] = {{"instanceId", Field<&M::mutable_instance_id>},
                                           {"limit", Field<&M::set_limit>}};
  return ReadObject(json, kMembers, message);
}

void WriteJson(const pb::BatchQuerySessionByClientIdsResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  ObjectWriter object(&writer);
  if (message.has_snapshot()) Write(message.snapshot(), object.Member("snapshot"));
  if (message.sessions_size() != 0) {
    http::JsonWriter* array = object.Member("sessions");
    array->StartArray();
    for (const pb::OnlineStatus& session : message.sessions()) Write(session, array);
    array->EndArray();
  }
  if (message.has_fleet()) Write(message.fleet(), object.Member("fleet"));
}

namespace {

void Write(const pb::QuerySessionByClientIdResponse& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.String("clientId", message.client_id());
  if (message.has_online()) object.PresentBool("online", message.online());
  object.EnumName("state", message.state(), pb::SessionState_Name<pb::SessionState>);
  object.Uint64("incarnation", message.incarnation());
  if (message.has_connected_at_ms())
    object.PresentInt64("connectedAtMs", message.connected_at_ms());
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
  if (message.has_ended_not_before_ms()) {
    object.PresentInt64("endedNotBeforeMs", message.ended_not_before_ms());
  }
  if (message.has_ended_not_after_ms()) {
    object.PresentInt64("endedNotAfterMs", message.ended_not_after_ms());
  }
  object.Bool("restored", message.restored());
  object.EnumName("source", message.source(), pb::AnswerSource_Name<pb::AnswerSource>);
  object.String("node", message.node());
  if (message.has_fleet()) Write(message.fleet(), object.Member("fleet"));
}

void Write(const pb::StateCounts& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.Uint64("online", message.online());
  object.Uint64("offlineSessionKept", message.offline_session_kept());
  object.Uint64("offline", message.offline());
}

template <typename Element, typename WriteElement>
void Array(ObjectWriter* object, absl::string_view name,
           const google::protobuf::RepeatedPtrField<Element>& elements, WriteElement write) {
  if (elements.empty()) return;
  http::JsonWriter* array = object->Member(name);
  array->StartArray();
  for (const Element& element : elements) write(element, array);
  array->EndArray();
}

}  // namespace

void WriteJson(const pb::QuerySessionByClientIdResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  Write(message, &writer);
}

void WriteJson(const pb::ListSessionsResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  ObjectWriter object(&writer);
  Array(&object, "sessions", message.sessions(),
        [](const pb::QuerySessionByClientIdResponse& s, http::JsonWriter* w) { Write(s, w); });
  object.String("nextCursor", message.next_cursor());
  object.Uint64("sequence", message.sequence());
  object.Int64("feedEpoch", message.feed_epoch());
  object.Int64("takenAtMs", message.taken_at_ms());
}

void WriteJson(const pb::GetCountsResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  ObjectWriter object(&writer);
  if (message.has_sessions()) Write(message.sessions(), object.Member("sessions"));
  Array(&object, "endsByReason", message.ends_by_reason(),
        [](const pb::ReasonCount& m, http::JsonWriter* w) {
          ObjectWriter row(w);
          row.EnumName("reason", m.reason(), pb::EndReason_Name<pb::EndReason>);
          row.Uint64("count", m.count());
        });
  Array(&object, "onlineByProtocol", message.online_by_protocol(),
        [](const pb::ProtocolCount& m, http::JsonWriter* w) {
          ObjectWriter row(w);
          row.String("protocolVersion", m.protocol_version());
          row.Uint64("online", m.online());
        });
  Array(&object, "onlineByListener", message.online_by_listener(),
        [](const pb::ListenerCount& m, http::JsonWriter* w) {
          ObjectWriter row(w);
          row.Uint("listenerPort", m.listener_port());
          row.Uint64("online", m.online());
        });
  Array(&object, "groups", message.groups(), [](const pb::GroupCount& m, http::JsonWriter* w) {
    ObjectWriter row(w);
    row.String("group", m.group());
    if (m.has_sessions()) Write(m.sessions(), row.Member("sessions"));
  });
  object.Uint64("connects", message.connects());
  object.Uint64("takeovers", message.takeovers());
  object.Uint64("sequence", message.sequence());
  object.Int64("feedEpoch", message.feed_epoch());
  object.Uint64("onlineElsewhere", message.online_elsewhere());
}

void WriteJson(const pb::GetFleetResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  ObjectWriter object(&writer);
  if (message.has_summary()) Write(message.summary(), object.Member("summary"));
  Array(&object, "nodes", message.nodes(),
        [](const pb::FleetNode& m, http::JsonWriter* w) { Write(m, w); });
  object.String("engine", message.engine());
  object.Bool("ready", message.ready());
  object.Bool("direct", message.direct());
  object.Int64("leaseMs", message.lease_ms());
  object.Uint64("ownSessions", message.own_sessions());
  object.Uint64("otherSessions", message.other_sessions());
  object.Uint64("queuedChanges", message.queued_changes());
  object.Uint("shards", message.shards());
  object.Uint("shardsLoading", message.shards_loading());
  object.Uint64("eventsWritten", message.events_written());
  object.Uint64("entriesRead", message.entries_read());
  object.Uint64("resends", message.resends());
  object.Uint64("loads", message.loads());
  object.Uint64("takenOver", message.taken_over());
  object.Uint64("kicks", message.kicks());
  object.Uint64("engineErrors", message.engine_errors());
  object.Uint64("writeErrors", message.write_errors());
  object.String("lastError", message.last_error());
  object.String("warning", message.warning());
}

namespace {

void Write(const pb::SessionChange& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.Uint64("sequence", message.sequence());
  object.EnumName("kind", message.kind(), pb::ChangeKind_Name<pb::ChangeKind>);
  object.String("clientId", message.client_id());
  object.EnumName("state", message.state(), pb::SessionState_Name<pb::SessionState>);
  object.EnumName("endReason", message.end_reason(), pb::EndReason_Name<pb::EndReason>);
  object.Uint64("incarnation", message.incarnation());
  object.Int64("timeMs", message.time_ms());
  object.Bool("takenOver", message.taken_over());
  object.Uint("brokerCode", message.broker_code());
  object.String("address", message.address());
  object.Uint("listenerPort", message.listener_port());
  object.String("protocolVersion", message.protocol_version());
  object.EnumName("transport", message.transport(), pb::Transport_Name<pb::Transport>);
  object.Int64("notBeforeMs", message.not_before_ms());
}

void Write(const pb::Flapper& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.String("clientId", message.client_id());
  object.Uint64("score", message.score());
  object.Uint64("scoreError", message.score_error());
  object.Uint64("flaps", message.flaps());
  object.Int64("firstFlapMs", message.first_flap_ms());
  object.Int64("lastFlapMs", message.last_flap_ms());
  object.EnumName("lastReason", message.last_reason(), pb::EndReason_Name<pb::EndReason>);
  object.String("address", message.address());
}

void Write(const pb::AuditRepair& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.Int64("timeMs", message.time_ms());
  object.String("clientId", message.client_id());
  object.EnumName("before", message.before(), pb::SessionState_Name<pb::SessionState>);
  object.EnumName("after", message.after(), pb::SessionState_Name<pb::SessionState>);
  object.Uint64("incarnation", message.incarnation());
}

void Write(const pb::ControlStatus& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.Uint64("requests", message.requests());
  object.Uint64("refused", message.refused());
  object.Uint64("answered", message.answered());
  object.Uint64("dropped", message.dropped());
  object.Uint64("waiting", message.waiting());
}

void Write(const pb::TopicStatus& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.Uint64("published", message.published());
  object.Uint64("coalesced", message.coalesced());
  object.Uint64("skipped", message.skipped());
  object.Uint64("missedChanges", message.missed_changes());
}

void Write(const pb::WebhookStatus& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.Uint64("deliveredEvents", message.delivered_events());
  object.Uint64("deliveredBatches", message.delivered_batches());
  object.Uint64("failedPosts", message.failed_posts());
  object.Uint64("rejectedEvents", message.rejected_events());
  object.Uint64("droppedChanges", message.dropped_changes());
  object.Uint64("behindChanges", message.behind_changes());
  object.Uint64("failuresInARow", message.failures_in_a_row());
}

void Write(const pb::ReloadStatus& message, http::JsonWriter* out) {
  ObjectWriter object(out);
  object.String("name", message.name());
  object.Bool("failed", message.failed());
  object.Int64("atMs", message.at_ms());
  object.Int64("modifiedAtMs", message.modified_at_ms());
}

}  // namespace

void WriteJson(const pb::GetHistoryResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  ObjectWriter object(&writer);
  object.String("clientId", message.client_id());
  Array(&object, "entries", message.entries(),
        [](const pb::SessionChange& m, http::JsonWriter* w) { Write(m, w); });
  object.Uint64("flaps", message.flaps());
  if (message.has_dropped_before_ms()) {
    object.PresentInt64("droppedBeforeMs", message.dropped_before_ms());
  }
  object.Int64("completeUntilMs", message.complete_until_ms());
  object.Bool("disabled", message.disabled());
}

void WriteJson(const pb::ListFlappersResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  ObjectWriter object(&writer);
  Array(&object, "flappers", message.flappers(),
        [](const pb::Flapper& m, http::JsonWriter* w) { Write(m, w); });
  object.Uint64("flapsTotal", message.flaps_total());
  object.Int64("halfLifeMs", message.half_life_ms());
  object.Bool("disabled", message.disabled());
}

void WriteJson(const pb::GetAuditResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  ObjectWriter object(&writer);
  object.Bool("enabled", message.enabled());
  object.Bool("seesBrokerTable", message.sees_broker_table());
  object.Int64("periodMs", message.period_ms());
  object.Uint64("passes", message.passes());
  object.Int64("lastPassAtMs", message.last_pass_at_ms());
  object.Int64("lastPassMs", message.last_pass_ms());
  object.Uint64("checks", message.checks());
  object.Uint64("undecidable", message.undecidable());
  object.Uint64("walks", message.walks());
  object.Uint64("walkedClients", message.walked_clients());
  object.Bool("walkComplete", message.walk_complete());
  object.Uint64("tracked", message.tracked());
  object.Uint64("registered", message.registered());
  object.Uint64("repairedEnds", message.repaired_ends());
  object.Uint64("repairedConnects", message.repaired_connects());
  object.Uint64("foundExpired", message.found_expired());
  Array(&object, "repairs", message.repairs(),
        [](const pb::AuditRepair& m, http::JsonWriter* w) { Write(m, w); });
  object.Uint64("sliceUsMax", message.slice_us_max());
  object.Uint64("sliceUsMean", message.slice_us_mean());
}

void WriteJson(const pb::GetServerStatusResponse& message, std::string* out) {
  http::JsonWriter writer(out);
  ObjectWriter object(&writer);
  object.String("version", message.version());
  object.String("broker", message.broker());
  object.String("instanceId", message.instance_id());
  object.Int64("startedAtMs", message.started_at_ms());
  object.Int64("uptimeMs", message.uptime_ms());
  if (message.has_sessions()) Write(message.sessions(), object.Member("sessions"));
  object.Uint64("connects", message.connects());
  object.Uint64("takeovers", message.takeovers());
  object.Uint64("staleEvents", message.stale_events());
  object.Uint64("sequence", message.sequence());
  if (message.has_snapshot()) Write(message.snapshot(), object.Member("snapshot"));
  object.Int64("snapshotRefreshMs", message.snapshot_refresh_ms());
  object.Uint64("registryMemoryBytes", message.registry_memory_bytes());
  object.Int64("offlineGraceMs", message.offline_grace_ms());
  object.Int64("clockAheadMs", message.clock_ahead_ms());
  if (message.has_session_store()) {
    const pb::SessionStore& store = message.session_store();
    ObjectWriter member(object.Member("sessionStore"));
    member.Bool("failing", store.failing());
    member.Int64("completeUntilMs", store.complete_until_ms());
    member.Uint64("queueBytes", store.queue_bytes());
    member.Uint64("dropped", store.dropped());
    member.Uint64("failures", store.failures());
    member.Uint64("restored", store.restored());
  }
  if (message.has_control()) Write(message.control(), object.Member("control"));
  if (message.has_topics()) Write(message.topics(), object.Member("topics"));
  if (message.has_webhook()) Write(message.webhook(), object.Member("webhook"));
  if (message.has_fleet()) Write(message.fleet(), object.Member("fleet"));
  Array(&object, "reloads", message.reloads(),
        [](const pb::ReloadStatus& m, http::JsonWriter* w) { Write(m, w); });
}

}  // namespace session_status::api
