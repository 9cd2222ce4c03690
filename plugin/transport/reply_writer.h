// An http::Reply → bytes on the wire.
//
// Threads: one loop's thread.
// Errors:  a reply that would break the framing (control characters in a header's value) becomes a
//          plain 500; nothing a handler does reaches the wire unchecked.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_REPLY_WRITER_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_REPLY_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/http/http_message.h"

namespace session_status::transport {

class ReplyWriter {
 public:
  enum class Body { kWhole, kNone, kNoneOfStream, kChunked, kUntilClose };

  struct Framing {
    Body body = Body::kWhole;
    bool close = false;
    bool keep_alive_named = false;  // an HTTP/1.0 client asked for it and wants to read so
  };

  // The Date header of the replies that follow, with the other lines that all of them
  // have; formatted once a second.
  void SetNow(absl::Time now);

  // Appends head and body (for kChunked and kUntilClose: what the stream is preceded by). False: a
  // 500 with `Connection: close` was written instead.
  bool Append(const http::Reply& reply, const Framing& framing, std::string* out);

  static void AppendChunk(absl::string_view bytes, std::string* out);
  static void AppendLastChunk(std::string* out) { out->append("0\r\n\r\n"); }

 private:
  void AppendHead(const http::Reply& reply, const Framing& framing, std::string* out);

  int64_t second_ = INT64_MIN;
  std::string common_lines_;  // of every reply
  std::string ok_prefix_;     // status line and common lines of the usual reply
};

absl::string_view ReasonPhrase(int status);

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_REPLY_WRITER_H_
