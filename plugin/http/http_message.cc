#include "plugin/http/http_message.h"

#include "absl/strings/match.h"

namespace session_status::http {

const Header* Request::FindHeader(absl::string_view name) const {
  for (const Header& header : headers) {
    if (absl::EqualsIgnoreCase(header.name, name)) return &header;
  }
  return nullptr;
}

void Reply::Clear() {
  status = 200;
  content_type = "application/json";
  headers.clear();
  body.clear();
  stream.reset();
  close = false;
}

}  // namespace session_status::http
