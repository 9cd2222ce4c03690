#include "plugin/http/json_string.h"

#include "plugin/http/bytes16.h"
#include "plugin/http/json_writer.h"

namespace session_status::http {

bool IsPlainInJson(absl::string_view text) {
  return !AnyByteOf(text,
                    [](Bytes16 c) -> Bytes16 { return (c < 0x20) | (c == '"') | (c == '\\'); });
}

void AddJsonString(absl::string_view text, text::TextRoom* out) {
  if (IsPlainInJson(text)) {
    out->Add('"');
    out->Add(text);
    out->Add('"');
    return;
  }
  std::string escaped;
  JsonWriter(&escaped).String(text);
  out->Add(escaped);
}

}  // namespace session_status::http
