#include "plugin/api/batch_json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "plugin/api/fleet_messages.h"
#include "plugin/http/bytes16.h"
#include "plugin/http/json_writer.h"
#include "plugin/text/text_room.h"

namespace session_status::api {
namespace {

using registry::SessionStatus;

// Room for what stands around the sessions, and around each of them, when nothing unusual is said.
constexpr size_t kFrameBytes = 160;
constexpr size_t kItemBytes = 96;

using Ids = absl::InlinedVector<absl::string_view, 16>;  // a batch of ten needs no allocation

// Where the first byte is that is not printable ASCII, or that JSON, or protobuf's JSON, escapes;
// text.size() when there is none.
size_t FindStrange(absl::string_view text) {
  constexpr size_t kStep = sizeof(http::Bytes16);
  for (size_t at = 0; at < text.size(); at += kStep) {
    char rest[kStep] = {};  // zeros are strange: they mark the end
    const bool whole = text.size() - at >= kStep;
    if (!whole) std::copy(text.begin() + static_cast<ptrdiff_t>(at), text.end(), rest);
    const http::Bytes16 c = http::LoadBytes16(whole ? text.data() + at : rest);
    const http::Bytes16 strange = (c < 0x20) | (c > 0x7e) | (c == '"') | (c == '\\') | (c == '<') |
                                  (c == '>') | (c == '&') | (c == '\'');
    if (http::AnyByte(strange)) return at + http::FirstByte(strange);
  }
  return text.size();
}

bool ReadIds(absl::string_view json, Ids* ids) {
  if (!absl::ConsumePrefix(&json, "{\"clientIds\":[") || !absl::ConsumeSuffix(&json, "]}")) {
    return false;
  }
  while (absl::ConsumePrefix(&json, "\"")) {
    const size_t size = FindStrange(json);
    if (size == json.size() || json[size] != '"') return false;
    if (size == 0 || size > registry::kClientIdBytesMax || ids->size() == kBatchIdsMax)
      return false;
    ids->push_back(json.substr(0, size));
    json.remove_prefix(size + 1);
    if (json.empty()) return true;
    if (!absl::ConsumePrefix(&json, ",")) return false;
  }
  return false;
}

// What follows an identifier, but for the closing brace, for each state and reason:
// made once, copied afterwards.
class Endings {
 public:
  Endings() {
    for (int state = 0; state < registry::kSessionStateCount; ++state) {
      for (int reason = 0; reason < registry::kEndReasonCount; ++reason) {
        text_[Index(state, reason)] = Make(state, reason);
      }
    }
  }
  const std::string& Of(const SessionStatus& status) const {
    return text_[Index(static_cast<int>(status.state), static_cast<int>(status.reason))];
  }

 private:
  static size_t Index(int state, int reason) {
    return static_cast<size_t>(state) * registry::kEndReasonCount + static_cast<size_t>(reason);
  }
  static std::string Make(int state, int reason) {
    SessionStatus status;
    status.state = static_cast<registry::SessionState>(state);
    std::string text = status.online() ? "\",\"online\":true" : "\",\"online\":false";
    if (state != 0) {
      absl::StrAppend(&text, ",\"state\":\"",
                      pb::SessionState_Name(static_cast<pb::SessionState>(state)), "\"");
    }
    if (reason != 0) {
      absl::StrAppend(&text, ",\"endReason\":\"",
                      pb::EndReason_Name(static_cast<pb::EndReason>(reason)), "\"");
    }
    return text;
  }

  std::array<std::string, size_t{registry::kSessionStateCount} * registry::kEndReasonCount> text_;
};

// 64-bit numbers are strings in protobuf's JSON, and a zero is left out.
void AddMember(absl::string_view name, int64_t value, bool* first, text::TextRoom* out) {
  if (value == 0) return;
  if (!*first) out->Add(',');
  *first = false;
  char digits[24];
  const char* end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out->Add('"');
  out->Add(name);
  out->Add("\":\"");
  out->Add({digits, static_cast<size_t>(end - digits)});
  out->Add('"');
}

// A node's name is the operator's and may hold anything.
void AddText(absl::string_view text, text::TextRoom* out) {
  std::string quoted;
  http::JsonWriter(&quoted).String(text);
  out->Add(quoted);
}

void AddFleet(const registry::OthersView& others, const registry::OthersCut& cut, absl::Time now,
              text::TextRoom* out) {
  out->Add(",\"fleet\":{\"node\":");
  AddText(others.node(), out);
  out->Add(",\"source\":\"");
  out->Add(pb::AnswerSource_Name(static_cast<pb::AnswerSource>(cut.source)));
  out->Add('"');
  if (cut.as_of > absl::InfinitePast()) {
    out->Add(absl::StrCat(",\"othersAgeMs\":\"", AgeMs(cut.as_of, now), "\""));
  }
  out->Add('}');
}

}  // namespace

bool AnswerPlainJsonBatch(const Service& service, absl::string_view message, absl::Time now,
                          std::string* out) {
  static const Endings endings;
  Ids ids;
  if (!ReadIds(message, &ids)) return false;
  absl::InlinedVector<SessionStatus, 16> statuses(ids.size());
  const registry::WholeCut cut =
      service.view().QuerySnapshot(absl::MakeConstSpan(ids), absl::MakeSpan(statuses));
  size_t bytes = kFrameBytes + ids.size() * kItemBytes;
  for (const absl::string_view id : ids) bytes += id.size();
  text::TextRoom room(bytes, out);
  room.Add("{\"snapshot\":{");
  bool first = true;
  AddMember("sequence", static_cast<int64_t>(cut.own.sequence), &first, &room);
  AddMember("takenAtMs", absl::ToUnixMillis(cut.own.taken_at), &first, &room);
  AddMember("ageMs", absl::ToInt64Milliseconds(cut.own.age(now)), &first, &room);
  room.Add("},\"sessions\":[");
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i != 0) room.Add(',');
    room.Add("{\"clientId\":\"");
    room.Add(ids[i]);
    room.Add(endings.Of(statuses[i]));
    if (cut.fleet && !cut.nodes[i].empty()) {
      room.Add(",\"node\":");
      AddText(cut.nodes[i], &room);
    }
    room.Add('}');
  }
  room.Add(']');
  if (cut.fleet) AddFleet(*service.view().others(), cut.others, now, &room);
  room.Add('}');
  return true;
}

}  // namespace session_status::api
