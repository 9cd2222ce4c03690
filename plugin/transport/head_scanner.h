// Finds the end of a header block and refuses what no honest client sends, before the parser sees
// a byte of it: bare LF or CR, NUL and other control characters, folded lines, oversize.
//
// Boost.Beast's parser is lenient about folding and counts neither lines nor trailers; see
// tests/transport/strictness_test.cc for the list of cases.
//
// Threads: none of its own; a value.
#ifndef SESSION_STATUS_PLUGIN_TRANSPORT_HEAD_SCANNER_H_
#define SESSION_STATUS_PLUGIN_TRANSPORT_HEAD_SCANNER_H_

#include <cstddef>

#include "absl/strings/string_view.h"

namespace session_status::transport {

// Why a request is refused: the HTTP status and one sentence. status 0: it is not.
struct Refusal {
  int status = 0;
  absl::string_view message;
};

class HeadScanner {
 public:
  struct Limits {
    size_t first_line_bytes_max = 0;  // without its CRLF; 0: there is no first line (trailers)
    // The lines after it, together, each with its CRLF; the empty line is not counted.
    size_t lines_bytes_max = 0;
    int lines_max = 0;
  };
  enum class Result { kNeedMore, kComplete, kRefused };

  // Looks at `block`, which starts at the first line and grows from call to call. Work is linear
  // in the bytes, however they are split.
  Result Scan(absl::string_view block, const Limits& limits);

  // After kComplete: bytes up to and including the empty line.
  size_t block_bytes() const { return line_begin_; }
  // The first line without its CRLF, once it was seen; empty before.
  size_t first_line_bytes() const { return first_line_bytes_; }
  const Refusal& refusal() const { return refusal_; }

  void Reset() { *this = HeadScanner(); }

 private:
  Result Refuse(int status, absl::string_view message) {
    refusal_ = {status, message};
    return Result::kRefused;
  }
  Result CheckSize(absl::string_view block, size_t line_end, const Limits& limits);
  Result CheckLine(absl::string_view line);

  size_t line_begin_ = 0;  // of the first line not yet complete
  size_t searched_ = 0;    // no LF before this
  size_t first_line_bytes_ = 0;
  size_t fields_begin_ = 0;
  int lines_ = 0;  // complete lines
  Refusal refusal_;
};

// Whether any byte is a control character other than HTAB.
bool HasControlCharacter(absl::string_view text);

}  // namespace session_status::transport

#endif  // SESSION_STATUS_PLUGIN_TRANSPORT_HEAD_SCANNER_H_
