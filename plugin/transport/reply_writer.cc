#include "plugin/transport/reply_writer.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "plugin/text/text_room.h"
#include "plugin/transport/head_scanner.h"

namespace session_status::transport {
namespace {

struct StatusRow {
  int status;
  absl::string_view reason;
};

constexpr StatusRow kStatuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

// Names of headers were checked when they were compiled (http/header_name.h).
bool IsSafe(const http::Reply& reply) {
  if (reply.status < 200 || reply.status > 599 || HasControlCharacter(reply.content_type)) {
    return false;
  }
  return std::none_of(reply.headers.begin(), reply.headers.end(),
                      [](const auto& header) { return HasControlCharacter(header.second); });
}

bool HasBody(int status) { return status != 204 && status != 304; }

void AddNumber(size_t number, text::TextRoom* out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  out->Add({digits, static_cast<size_t>(end - digits)});
}

}  // namespace

absl::string_view ReasonPhrase(int status) {
  for (const StatusRow& row : kStatuses) {
    if (row.status == status) return row.reason;
  }
  return "Unknown";
}

void ReplyWriter::SetNow(absl::Time now) {
  const int64_t second = absl::ToUnixSeconds(now);
  if (second == second_) return;
  second_ = second;
  // With what every reply says besides: no browser is to guess that an answer is a script.
  common_lines_ =
      absl::FormatTime("Date: %a, %d %b %Y %H:%M:%S GMT\r\nX-Content-Type-Options: nosniff\r\n",
                       now, absl::UTCTimeZone());
  ok_prefix_ = absl::StrCat("HTTP/1.1 200 OK\r\n", common_lines_, "Content-Type: ");
}

void ReplyWriter::AppendHead(const http::Reply& reply, const Framing& framing, std::string* out) {
  constexpr size_t kBytesExpected = 320;
  text::TextRoom room(kBytesExpected, out);
  if (reply.status == 200) {
    room.Add(ok_prefix_);
  } else {
    room.Add(absl::StrCat("HTTP/1.1 ", reply.status, " ", ReasonPhrase(reply.status), "\r\n",
                          common_lines_, "Content-Type: "));
  }
  room.Add(reply.content_type);
  if (framing.body == Body::kChunked) {
    room.Add("\r\nTransfer-Encoding: chunked\r\n");
  } else if ((framing.body == Body::kWhole || framing.body == Body::kNone) &&
             HasBody(reply.status)) {
    room.Add("\r\nContent-Length: ");
    AddNumber(reply.body.size(), &room);
    room.Add("\r\n");
  } else {
    room.Add("\r\n");
  }
  for (const auto& [name, value] : reply.headers) {
    room.Add(name);
    room.Add(": ");
    room.Add(value);
    room.Add("\r\n");
  }
  if (framing.close) {
    room.Add("Connection: close\r\n");
  } else if (framing.keep_alive_named) {
    room.Add("Connection: keep-alive\r\n");
  }
  room.Add("\r\n");
}

bool ReplyWriter::Append(const http::Reply& reply, const Framing& framing, std::string* out) {
  if (!IsSafe(reply)) {
    http::Reply broken;
    broken.status = 500;
    broken.body = R"({"code":"internal","message":"the reply was not fit to send"})";
    Framing whole = framing;
    whole.body =
        whole.body == Body::kNone || whole.body == Body::kNoneOfStream ? Body::kNone : Body::kWhole;
    whole.close = true;
    AppendHead(broken, whole, out);
    if (whole.body == Body::kWhole) out->append(broken.body);
    return false;
  }
  AppendHead(reply, framing, out);
  const bool none = framing.body == Body::kNone || framing.body == Body::kNoneOfStream;
  if (none || reply.body.empty() || !HasBody(reply.status)) return true;
  if (framing.body == Body::kChunked) {
    AppendChunk(reply.body, out);
  } else {
    out->append(reply.body);
  }
  return true;
}

void ReplyWriter::AppendChunk(absl::string_view bytes, std::string* out) {
  if (bytes.empty()) return;  // an empty chunk would end the body
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof(digits), bytes.size(), 16).ptr;
  out->append(digits, static_cast<size_t>(end - digits));
  out->append("\r\n");
  out->append(bytes.data(), bytes.size());
  out->append("\r\n");
}

}  // namespace session_status::transport
