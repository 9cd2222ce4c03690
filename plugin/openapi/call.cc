#include "plugin/openapi/call.h"

#include "absl/strings/ascii.h"

namespace session_status::openapi {

absl::string_view Call::HeaderText(absl::string_view name) const {
  const http::Header* header = request.FindHeader(name);
  return header == nullptr ? absl::string_view() : absl::StripAsciiWhitespace(header->value);
}

absl::string_view Call::account_id() const {
  return session.user == nullptr ? kUnsignedAccount : absl::string_view(session.user->account->id);
}

absl::string_view Call::user_name() const {
  return session.user == nullptr ? kUnsignedAccount : absl::string_view(session.user->name);
}

}  // namespace session_status::openapi
