#include "plugin/api/batch_json.h"

#include <array>
#include <charconv>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "plugin/api/fleet_messages.h"
#include "plugin/http/json_writer.h"

namespace session_status::api {
namespace {

using registry::SessionStatus;

using Ids = absl::InlinedVector<absl::string_view, 16>;  // a batch of ten needs no allocation

// Printable ASCII but for what JSON, or protobuf's JSON, escapes.
constexpr std::array<bool, 256> PlainCharacters() {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x7f; ++c) plain[static_cast<size_t>(c)] = true;
  for (const char c : {'"', '\\', '<', '>', '&', '\''}) plain[static_cast<size_t>(c)] = false;
  return plain;
}
constexpr std::array<bool, 256> kPlain = PlainCharacters();

bool ReadIds(absl::string_view json, Ids* ids) {
  if (!absl::ConsumePrefix(&json, "{\"clientIds\":[") || !absl::ConsumeSuffix(&json, "]}")) {
    return false;
  }
  while (absl::ConsumePrefix(&json, "\"")) {
    size_t size = 0;
    while (size < json.size() && kPlain[static_cast<unsigned char>(json[size])]) ++size;
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

// What follows an identifier, for each state and reason: made once, copied afterwards.
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
    return static_cast<size_t>(state * registry::kEndReasonCount + reason);
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
    return text + "}";
  }

  std::array<std::string, registry::kSessionStateCount * registry::kEndReasonCount> text_;
};

// 64-bit numbers are strings in protobuf's JSON, and a zero is left out.
void AppendMember(absl::string_view name, int64_t value, std::string* out) {
  if (value == 0) return;
  if (out->back() != '{') out->push_back(',');
  char digits[24];
  const char* end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out->append("\"").append(name.data(), name.size()).append("\":\"");
  out->append(digits, static_cast<size_t>(end - digits)).append("\"");
}

// A node's name is the operator's and may hold anything.
void AppendText(absl::string_view text, std::string* out) {
  http::JsonWriter writer(out);
  writer.String(text);
}

// Into the element that was just closed.
void AppendNode(absl::string_view node, std::string* out) {
  out->pop_back();
  out->append(",\"node\":");
  AppendText(node, out);
  out->append("}");
}

void AppendFleet(const registry::OthersView& others, const registry::OthersCut& cut, absl::Time now,
                 std::string* out) {
  out->append(",\"fleet\":{\"node\":");
  AppendText(others.node(), out);
  out->append(",\"source\":\"")
      .append(pb::AnswerSource_Name(static_cast<pb::AnswerSource>(cut.source)))
      .append("\"");
  if (cut.as_of > absl::InfinitePast()) {
    absl::StrAppend(out, ",\"othersAgeMs\":\"", AgeMs(cut.as_of, now), "\"");
  }
  out->append("}");
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
  out->append("{\"snapshot\":{");
  AppendMember("sequence", static_cast<int64_t>(cut.own.sequence), out);
  AppendMember("takenAtMs", absl::ToUnixMillis(cut.own.taken_at), out);
  AppendMember("ageMs", absl::ToInt64Milliseconds(cut.own.age(now)), out);
  out->append("},\"sessions\":[");
  for (size_t i = 0; i < ids.size(); ++i) {
    out->append(i == 0 ? "{\"clientId\":\"" : ",{\"clientId\":\"");
    out->append(ids[i].data(), ids[i].size());
    out->append(endings.Of(statuses[i]));
    if (cut.fleet && !cut.nodes[i].empty()) AppendNode(cut.nodes[i], out);
  }
  out->append("]");
  if (cut.fleet) AppendFleet(*service.view().others(), cut.others, now, out);
  out->append("}");
  return true;
}

}  // namespace session_status::api
