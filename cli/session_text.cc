#include "cli/session_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "cli/command.h"
#include "cli/words.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {
namespace {

using google::protobuf::FieldDescriptor;

const google::protobuf::Descriptor& Session() {
  return *::mosquitto_session_status::v1::QuerySessionByClientIdResponse::descriptor();
}

std::string EnumCell(const google::protobuf::EnumValueDescriptor& value) {
  if (value.type() == ::mosquitto_session_status::v1::SessionState_descriptor()) {
    return StateText(value.number());
  }
  return absl::StrReplaceAll(EnumWords(value.type()).WordOf(value.number()), {{"_", " "}});
}

// In a fleet a query says who answered and where the client is; a listing is of one node.
bool IsOfQueriesOnly(absl::string_view field) { return field == "source" || field == "node"; }

}  // namespace

std::vector<std::string> SessionFieldNames() {
  std::vector<std::string> names;
  for (int i = 0; i < Session().field_count(); ++i) {
    const FieldDescriptor* field = Session().field(i);
    if (!field->is_repeated() && field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE &&
        !IsOfQueriesOnly(field->json_name())) {
      names.push_back(field->json_name());
    }
  }
  return names;
}

std::string SessionCell(const google::protobuf::Message& session, const std::string& name) {
  const FieldDescriptor* field = Session().FindFieldByCamelcaseName(name);
  const auto* reflection = session.GetReflection();
  if (field == nullptr || !reflection->HasField(session, field)) return "";
  switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return Printable(reflection->GetString(session, field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection->GetBool(session, field) ? "yes" : "no";
    case FieldDescriptor::CPPTYPE_ENUM:
      return EnumCell(*reflection->GetEnum(session, field));
    case FieldDescriptor::CPPTYPE_INT64:  // all of them are moments
      return LocalTime(reflection->GetInt64(session, field));
    case FieldDescriptor::CPPTYPE_UINT64:
      return absl::StrCat(reflection->GetUInt64(session, field));
    case FieldDescriptor::CPPTYPE_UINT32:
      return absl::StrCat(reflection->GetUInt32(session, field));
    case FieldDescriptor::CPPTYPE_INT32:
      return absl::StrCat(reflection->GetInt32(session, field));
    default:
      return "";
  }
}

std::string BrokerCodeNote(uint32_t code, absl::string_view label) {
  constexpr uint32_t kNone = 0xFFFF;
  return code == kNone ? "" : absl::StrCat(" (", label, code, ")");
}

std::string MomentText(int64_t not_before_ms, int64_t time_ms) {
  if (time_ms == 0) return "not known";
  if (not_before_ms == 0) return LocalTime(time_ms);
  return absl::StrCat("between ", LocalTime(not_before_ms), " and ", LocalTime(time_ms));
}

std::string SessionHeading(const std::string& field) {
  if (field == "clientId") return "CLIENT";
  std::string heading;
  for (const char c : absl::StripSuffix(field, "Ms")) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c))) heading.push_back(' ');
    heading.push_back(absl::ascii_toupper(static_cast<unsigned char>(c)));
  }
  return heading;
}

}  // namespace session_status::cli
