#include "plugin/transport/request_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "plugin/http/bytes16.h"

namespace session_status::transport {
namespace {

namespace beast_http = boost::beast::http;

// A hexadecimal chunk size of more digits is an attack: 8 already reach 4 GiB.
constexpr size_t kChunkSizeDigitsMax = 8;

absl::string_view View(boost::beast::string_view text) { return {text.data(), text.size()}; }

boost::beast::error_code Stop() { return make_error_code(beast_http::error::bad_field); }

// Space and control characters were refused by the scanner and by Beast; left are letters beyond
// ASCII.
bool IsAscii(absl::string_view text) {
  return !http::AnyByteOf(text, [](http::Bytes16 c) -> http::Bytes16 { return c & 0x80; });
}

// host [ ":" port ]; an empty value is legal when the target has no authority.
bool IsHost(absl::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
           absl::string_view("-._~%!$&'()*+;=:[]").find(c) != absl::string_view::npos;
  });
}

}  // namespace

void RequestParser::BeastParser::on_request_impl(beast_http::verb, beast_view method,
                                                 beast_view target, int version, error_code& ec) {
  owner_.OnRequestLine(View(method), View(target), version);
  if (owner_.refusal_.status != 0) ec = Stop();
}

void RequestParser::BeastParser::on_field_impl(beast_http::field field, beast_view name,
                                               beast_view value, error_code& ec) {
  if (owner_.head_complete_) return;  // a trailer: read and dropped
  owner_.OnField(field, View(name), View(value));
  if (owner_.refusal_.status != 0) ec = Stop();
}

void RequestParser::BeastParser::on_chunk_header_impl(std::uint64_t size, beast_view,
                                                      error_code& ec) {
  owner_.chunk_left_ = size;
  if (size <= owner_.limits_.body_bytes_max - owner_.body_bytes_) return;
  owner_.Refuse(413, "body too large");
  ec = Stop();
}

std::size_t RequestParser::BeastParser::on_chunk_body_impl(std::uint64_t, beast_view body,
                                                           error_code&) {
  std::memmove(owner_.data_ + owner_.body_ + owner_.body_bytes_, body.data(), body.size());
  owner_.body_bytes_ += body.size();
  owner_.chunk_left_ -= body.size();
  return body.size();
}

void RequestParser::Reset() {
  scanner_.Reset();
  beast_.reset();
  refusal_ = {};
  head_ = raw_ = body_ = body_bytes_ = content_length_ = 0;
  chunk_left_ = 0;
  version_ = host_count_ = 0;
  head_complete_ = has_content_length_ = chunked_ = has_chunk_ = false;
  expects_continue_ = is_head_ = false;
  method_ = target_ = authority_ = host_ = {};
  headers_.clear();
}

RequestParser::Progress RequestParser::Parse(char* data, size_t* size) {
  data_ = data;
  if (!head_complete_) {
    const Progress head = ParseHead(data, *size);
    if (head != Progress::kComplete) return head;
  }
  if (chunked_) return ParseChunks(data, size);
  if (*size - body_ < content_length_) {
    body_bytes_ = *size - body_;
    raw_ = *size;
    return Progress::kNeedMore;
  }
  body_bytes_ = content_length_;
  raw_ = body_ + content_length_;
  return Progress::kComplete;
}

RequestParser::Progress RequestParser::ParseHead(char* data, size_t size) {
  // One empty line before a request is tolerated, as RFC 9112 section 2.2 asks.
  if (head_ == 0 && size >= 1 && data[0] == '\r') {
    if (size < 2) return Progress::kNeedMore;
    if (data[1] != '\n') return Refuse(400, "control character in header");
    head_ = 2;
  }
  const absl::string_view block(data + head_, size - head_);
  const HeadScanner::Limits limits = {limits_.request_line_bytes_max, limits_.header_bytes_max,
                                      limits_.header_count_max + 1};
  const HeadScanner::Result scanned = scanner_.Scan(block, limits);
  if (scanned == HeadScanner::Result::kNeedMore) return Progress::kNeedMore;
  if (scanned == HeadScanner::Result::kRefused) {
    refusal_ = scanner_.refusal();
    ReadRequestLine(data);
    return Progress::kRefused;
  }

  const size_t head_bytes = scanner_.block_bytes();
  beast_.emplace(*this);
  beast_->header_limit(static_cast<uint32_t>(std::min<size_t>(
      limits_.request_line_bytes_max + limits_.header_bytes_max + 64, UINT32_MAX)));
  beast_->body_limit(limits_.body_bytes_max);
  BeastParser::error_code ec;
  const size_t used = beast_->put(boost::asio::const_buffer(data + head_, head_bytes), ec);
  // Our own reason comes first; then Beast's, whose texts are not for clients.
  const Progress checked = CheckHead();
  if (checked != Progress::kComplete) return checked;
  if (ec == beast_http::error::body_limit) return Refuse(413, "body too large");
  if (ec == beast_http::error::bad_version) return Refuse(400, "malformed request line");
  if (ec || used != head_bytes || !beast_->is_header_done()) {
    return Refuse(400, version_ == 0 ? "malformed request line" : "malformed header line");
  }
  head_complete_ = true;
  body_ = raw_ = head_ + head_bytes;
  return Progress::kComplete;
}

void RequestParser::GiveUp(char* data) {
  data_ = data;
  if (!head_complete_ && refusal_.status == 0) ReadRequestLine(data);
}

// For the answer to a header that is refused unparsed: its path says which surface was asked.
void RequestParser::ReadRequestLine(const char* data) {
  if (scanner_.first_line_bytes() == 0) return;
  beast_.emplace(*this);
  BeastParser::error_code ignored;
  beast_->put(boost::asio::const_buffer(data + head_, scanner_.first_line_bytes() + 2), ignored);
}

void RequestParser::OnRequestLine(absl::string_view method, absl::string_view target, int version) {
  version_ = version;
  method_ = PieceOf(method);
  is_head_ = method == "HEAD";
  // Beast tells of HTTP/1.0 and 1.1 only; every other version is its bad_version.
  if (method == "CONNECT") {
    Refuse(405, "CONNECT is not answered here");
  } else if (!AcceptTarget(target)) {
    Refuse(400, "malformed request target");
  }
}

// Takes origin-form, absolute-form (the authority must then be that of Host) and `OPTIONS *`.
bool RequestParser::AcceptTarget(absl::string_view target) {
  if (!IsAscii(target) || target.find('#') != absl::string_view::npos) return false;
  if (!target.empty() && target.front() == '/') {
    target_ = PieceOf(target);
    return true;
  }
  if (target == "*") {
    target_ = PieceOf(target);
    return method_.size == 7 && std::memcmp(data_ + method_.begin, "OPTIONS", 7) == 0;
  }
  const size_t scheme = absl::StartsWithIgnoreCase(target, "http://")    ? 7
                        : absl::StartsWithIgnoreCase(target, "https://") ? 8
                                                                         : 0;
  if (scheme == 0) return false;
  const absl::string_view rest = target.substr(scheme);
  const size_t path = std::min(rest.find_first_of("/?"), rest.size());
  if (path == 0 || !IsHost(rest.substr(0, path))) return false;
  if (path < rest.size() && rest[path] == '?') return false;  // no path at all before a query
  authority_ = PieceOf(rest.substr(0, path));
  target_ = PieceOf(rest.substr(path));
  return true;
}

void RequestParser::OnField(beast_http::field field, absl::string_view name,
                            absl::string_view value) {
  headers_.push_back({PieceOf(name), PieceOf(value)});
  switch (field) {
    case beast_http::field::host:
      host_ = PieceOf(value);
      if (++host_count_ > 1) Refuse(400, "more than one Host");
      if (!IsHost(value)) Refuse(400, "malformed Host");
      break;
    case beast_http::field::content_length: {
      uint64_t length = 0;
      const bool digits = !value.empty() && value.size() <= 19 &&
                          std::all_of(value.begin(), value.end(), absl::ascii_isdigit) &&
                          absl::SimpleAtoi(value, &length);
      if (has_content_length_) {
        Refuse(400, "more than one Content-Length");
      } else if (!digits) {
        Refuse(400, "malformed Content-Length");
      } else if (length > limits_.body_bytes_max) {
        // Said here, before the rest of the header: no rule below can make it acceptable.
        Refuse(413, "body too large");
      }
      has_content_length_ = true;
      content_length_ = length;
      break;
    }
    case beast_http::field::transfer_encoding:
      if (chunked_) Refuse(400, "more than one Transfer-Encoding");
      if (!absl::EqualsIgnoreCase(value, "chunked")) {
        Refuse(501, "only the transfer coding chunked is supported");
      }
      chunked_ = true;
      break;
    case beast_http::field::expect:
      if (absl::EqualsIgnoreCase(value, "100-continue")) {
        expects_continue_ = version_ == 11;
      } else {
        Refuse(417, "only the expectation 100-continue is supported");
      }
      break;
    default:
      break;
  }
  if (chunked_ && has_content_length_) {
    Refuse(400, "both Content-Length and Transfer-Encoding");
  } else if (chunked_ && version_ == 10) {
    Refuse(400, "Transfer-Encoding in HTTP/1.0");
  }
}

RequestParser::Progress RequestParser::CheckHead() {
  if (refusal_.status != 0) return Progress::kRefused;
  if (version_ == 11 && host_count_ == 0 && beast_->is_header_done()) {
    return Refuse(400, "Host is missing");
  }
  if (authority_.size > 0 && host_count_ > 0 &&
      !absl::EqualsIgnoreCase(absl::string_view(data_ + authority_.begin, authority_.size),
                              absl::string_view(data_ + host_.begin, host_.size))) {
    return Refuse(400, "Host differs from the request target");
  }
  return Progress::kComplete;
}

RequestParser::Progress RequestParser::ParseChunks(char* data, size_t* size) {
  while (!beast_->is_done()) {
    if (chunk_left_ == 0) {
      const Progress header = CheckChunkHeader(absl::string_view(data + raw_, *size - raw_));
      if (header == Progress::kRefused) return header;
      if (header == Progress::kNeedMore) break;
    } else if (raw_ == *size) {
      break;
    }
    BeastParser::error_code ec;
    raw_ += beast_->put(boost::asio::const_buffer(data + raw_, *size - raw_), ec);
    if (refusal_.status != 0) return Progress::kRefused;
    if (ec == beast_http::error::body_limit) return Refuse(413, "body too large");
    if (ec) return Refuse(400, "malformed chunked body");
    has_chunk_ = true;
  }
  if (beast_->is_done()) return Progress::kComplete;
  // Close the gap that the framing left, so that the buffer need not hold more than the body.
  const size_t body_end = body_ + body_bytes_;
  std::memmove(data + body_end, data + raw_, *size - raw_);
  *size -= raw_ - body_end;
  raw_ = body_end;
  return Progress::kNeedMore;
}

RequestParser::Progress RequestParser::CheckChunkHeader(absl::string_view bytes) {
  if (has_chunk_) {
    if (absl::StartsWith(bytes, "\r\n")) {
      bytes.remove_prefix(2);
    } else {
      return bytes.empty() || bytes == "\r" ? Progress::kNeedMore
                                            : Refuse(400, "chunk longer than its size");
    }
  }
  const auto digits_end = std::find_if_not(bytes.begin(), bytes.end(), absl::ascii_isxdigit);
  const auto digits = static_cast<size_t>(digits_end - bytes.begin());
  if (digits > kChunkSizeDigitsMax) return Refuse(400, "chunk size too large");
  if (digits == bytes.size()) return Progress::kNeedMore;
  if (digits == 0 || (bytes[digits] != '\r' && bytes[digits] != ';')) {
    return Refuse(400, "malformed chunk size");
  }
  const absl::string_view rest = bytes.substr(digits);
  const size_t lf = rest.substr(0, limits_.chunk_extension_bytes_max + 2).find('\n');
  const bool complete = lf != absl::string_view::npos;
  if (!complete && rest.size() > limits_.chunk_extension_bytes_max) {
    return Refuse(400, "chunk extension too large");
  }
  const absl::string_view extension = rest.substr(0, complete ? lf - 1 : rest.size());
  // An incomplete one may end with the CR of its line end.
  const bool ends_with_cr = !complete && extension.back() == '\r';
  if (HasControlCharacter(extension.substr(0, extension.size() - (ends_with_cr ? 1 : 0))) ||
      (complete && rest[lf - 1] != '\r')) {
    return Refuse(400, "malformed chunk extension");
  }
  if (!complete) return Progress::kNeedMore;
  const bool last = bytes.substr(0, digits).find_first_not_of('0') == absl::string_view::npos;
  return last ? CheckTrailers(rest.substr(lf + 1)) : Progress::kComplete;
}

RequestParser::Progress RequestParser::CheckTrailers(absl::string_view bytes) {
  HeadScanner scanner;
  const HeadScanner::Limits limits = {0, limits_.trailer_bytes_max, limits_.header_count_max + 1};
  switch (scanner.Scan(bytes, limits)) {
    case HeadScanner::Result::kNeedMore:
      return Progress::kNeedMore;
    case HeadScanner::Result::kComplete:
      return Progress::kComplete;
    case HeadScanner::Result::kRefused:
      break;
  }
  refusal_ = scanner.refusal();
  return Progress::kRefused;
}

bool RequestParser::keep_alive() const { return beast_.has_value() && beast_->keep_alive(); }

void RequestParser::Fill(const char* data, std::vector<http::Header>* headers,
                         http::Request* request) const {
  const auto view = [data](Piece piece) {
    return absl::string_view(data + piece.begin, piece.size);
  };
  headers->clear();
  for (const HeaderPieces& header : headers_) {
    headers->push_back({view(header.name), view(header.value)});
  }
  request->headers = absl::MakeConstSpan(*headers);
  request->method = view(method_);
  request->target = view(target_);
  if (authority_.size > 0 && target_.size == 0) request->target = "/";
  const size_t query = std::min(request->target.find('?'), request->target.size());
  request->path = request->target.substr(0, query);
  request->query =
      query < request->target.size() ? request->target.substr(query + 1) : absl::string_view();
  request->body = absl::string_view(data + body_, head_complete_ ? body_bytes_ : 0);
}

}  // namespace session_status::transport
