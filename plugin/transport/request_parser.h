// Bytes → one http::Request. Boost.Beast's basic_parser does the parsing; this class bounds what
// it sees and adds the framing rules that Beast leaves to the application (RFC 9112): exactly one
// Host in HTTP/1.1, Transfer-Encoding exactly `chunked`, once, not in 1.0, not with Content-Length;
// one Content-Length of digits; chunk sizes of at most 8 digits; bounded extensions and trailers.
//
// No copy, no allocation: the request stays where it was received, a chunked body is moved together
// in place, and positions are kept as offsets, because the bytes may move between two calls.
//
// Threads: one at a time.
// Errors:  kRefused with a reason; the bytes after it are not to be read as requests.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_REQUEST_PARSER_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_REQUEST_PARSER_H_

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "plugin/http/http_message.h"
#include "plugin/transport/head_scanner.h"

namespace session_status::transport {

struct RequestLimits {
  size_t request_line_bytes_max;
  size_t header_bytes_max;
  int header_count_max;
  size_t body_bytes_max;
  size_t chunk_extension_bytes_max;
  size_t trailer_bytes_max;
};

class RequestParser {
 public:
  enum class Progress { kNeedMore, kComplete, kRefused };

  explicit RequestParser(const RequestLimits& limits) : limits_(limits) {}
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Forgets everything: the next bytes start a request.
  void Reset();

  // Parses `[data, data + *size)`, which starts at the first byte of the request and grows from
  // call to call. May move the undecoded rest forward and lower `*size`.
  Progress Parse(char* data, size_t* size);

  // After kComplete: how many bytes the request took.
  size_t consumed() const { return raw_; }
  // After kNeedMore, for the refusal of a request that will not be waited for: has Fill() show its
  // request line if that is there. `data` as in the last Parse(). No more Parse() after it.
  void GiveUp(char* data);
  const Refusal& refusal() const { return refusal_; }

  // The request, its views in `data` as given to the last Parse(). After kRefused: as much as could
  // be read, at least what is safe to show. `*headers` receives the header lines.
  void Fill(const char* data, std::vector<http::Header>* headers, http::Request* request) const;

  bool head_complete() const { return head_complete_; }
  // The client waits for "100 Continue" and has sent nothing of the body yet.
  bool wants_continue(size_t size) const {
    return head_complete_ && expects_continue_ && raw_ == size && body_bytes_ == 0;
  }
  bool keep_alive() const;
  bool is_http_1_0() const { return version_ == 10; }
  bool is_head() const { return is_head_; }

 private:
  struct Piece {
    uint32_t begin = 0;
    uint32_t size = 0;
  };
  struct HeaderPieces {
    Piece name, value;
  };

  // Beast's parser, its callbacks turned into calls of its owner.
  class BeastParser : public boost::beast::http::basic_parser<true> {
   public:
    using error_code = boost::beast::error_code;
    using beast_view = boost::beast::string_view;
    explicit BeastParser(RequestParser& owner) : owner_(owner) {}

   private:
    void on_request_impl(boost::beast::http::verb verb, beast_view method, beast_view target,
                         int version, error_code& ec) override;
    void on_response_impl(int, beast_view, int, error_code&) override {}
    void on_field_impl(boost::beast::http::field field, beast_view name, beast_view value,
                       error_code& ec) override;
    // Trailers are read and dropped. Older Boost, which does not know this function, hands them to
    // on_field_impl.
    virtual void on_trailer_field_impl(boost::beast::http::field, beast_view, beast_view,
                                       error_code&) {}
    void on_header_impl(error_code&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
    std::size_t on_body_impl(beast_view body, error_code&) override { return body.size(); }
    void on_chunk_header_impl(std::uint64_t size, beast_view, error_code& ec) override;
    std::size_t on_chunk_body_impl(std::uint64_t, beast_view body, error_code&) override;
    void on_finish_impl(error_code&) override {}

    RequestParser& owner_;
  };

  Progress Refuse(int status, absl::string_view message) {
    if (refusal_.status == 0) refusal_ = {status, message};  // the first reason counts
    return Progress::kRefused;
  }
  Progress ParseHead(char* data, size_t size);
  void ReadRequestLine(const char* data);
  Progress ParseChunks(char* data, size_t* size);
  // Whether the bytes at `raw_` hold a whole chunk header (with the last one: the trailers).
  Progress CheckChunkHeader(absl::string_view bytes);
  Progress CheckTrailers(absl::string_view bytes);
  Progress CheckHead();

  void OnRequestLine(absl::string_view method, absl::string_view target, int version);
  void OnField(boost::beast::http::field field, absl::string_view name, absl::string_view value);
  bool AcceptTarget(absl::string_view target);
  Piece PieceOf(absl::string_view text) const {
    return {static_cast<uint32_t>(text.data() - data_), static_cast<uint32_t>(text.size())};
  }

  const RequestLimits limits_;
  HeadScanner scanner_;
  std::optional<BeastParser> beast_;
  Refusal refusal_;

  char* data_ = nullptr;  // during Parse() only
  size_t head_ = 0;       // offset of the request line: 2 after an empty line in front of it
  size_t raw_ = 0;        // offset of the first byte not yet parsed
  size_t body_ = 0;       // offset of the body
  size_t body_bytes_ = 0;
  size_t content_length_ = 0;
  uint64_t chunk_left_ = 0;

  int version_ = 0;
  int host_count_ = 0;
  bool head_complete_ = false;
  bool has_content_length_ = false;
  bool chunked_ = false;
  bool has_chunk_ = false;  // the next chunk header starts with the CRLF of the last chunk
  bool expects_continue_ = false;
  bool is_head_ = false;
  Piece method_, target_, authority_, host_;
  std::vector<HeaderPieces> headers_;
};

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_REQUEST_PARSER_H_
