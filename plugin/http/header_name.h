// The name of a header of a reply: a literal, checked when the program is compiled, so that no
// reply has to be searched for names that would break its framing.
//
// Errors: a name that is no token of RFC 9110, or one that the listener itself writes, does not
//         compile.
#ifndef SESSION_STATUS_PLUGIN_HTTP_HEADER_NAME_H_
#define SESSION_STATUS_PLUGIN_HTTP_HEADER_NAME_H_

#include "absl/strings/string_view.h"

namespace session_status::http {

constexpr char LowerAscii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr bool IsTokenByte(char c) {
  const char lower = LowerAscii(c);
  if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9')) return true;
  for (const char sign :
       {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) {
    if (c == sign) return true;
  }
  return false;
}

// Whether a handler may name a header so.
constexpr bool IsReplyHeaderName(absl::string_view name) {
  for (const char c : name) {
    if (!IsTokenByte(c)) return false;
  }
  for (const absl::string_view ours :
       {"content-length", "content-type", "transfer-encoding", "connection", "date"}) {
    size_t same = 0;
    while (same < ours.size() && same < name.size() && LowerAscii(name[same]) == ours[same]) ++same;
    if (same == ours.size() && same == name.size()) return false;
  }
  return !name.empty();
}

class HeaderName {
 public:
  consteval HeaderName(const char* name) : text_(name) {  // NOLINT: implicit, literals are names
    if (!IsReplyHeaderName(text_)) throw "not the name of a header that a reply may have";
  }
  constexpr absl::string_view text() const { return text_; }

 private:
  absl::string_view text_;
};

}  // namespace session_status::http

#endif  // SESSION_STATUS_PLUGIN_HTTP_HEADER_NAME_H_
