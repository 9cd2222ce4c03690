#include "plugin/http/http_message.h"

namespace session_status::http {

const Header* Request::FindHeader(absl::string_view name) const {
  for (const Header& header : headers) {
    if (SameHeaderName(header.name, name)) return &header;
  }
  return nullptr;
}

void ReplyHeaders::emplace_back(HeaderName name, absl::string_view value) {
  if (size_ == entries_.size()) entries_.emplace_back();
  value_type& entry = entries_[size_++];
  entry.first = name.text();
  entry.second.assign(value.data(), value.size());
}

void Reply::Clear() {
  status = 200;
  content_type = "application/json";
  headers.clear();
  body.clear();
  stream.reset();
  close = false;
  not_served = false;
}

}  // namespace session_status::http
