#include "plugin/transport/head_scanner.h"

#include <algorithm>
#include <cstring>

#include "plugin/http/bytes16.h"

namespace session_status::transport {
namespace {

bool IsControl(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

}  // namespace

bool HasControlCharacter(absl::string_view text) {
  const bool suspicious = http::AnyByteOf(
      text, [](http::Bytes16 c) -> http::Bytes16 { return (c < 0x20) | (c == 0x7f); });
  return suspicious && std::any_of(text.begin(), text.end(), IsControl);  // or just a tab
}

HeadScanner::Result HeadScanner::CheckSize(absl::string_view block, size_t line_end,
                                           const Limits& limits) {
  // The CR belongs to the end of the line, and that of the empty line to none.
  if (line_end > line_begin_ && block[line_end - 1] == '\r') --line_end;
  if (lines_ == 0 && limits.first_line_bytes_max > 0) {
    if (line_end - line_begin_ > limits.first_line_bytes_max) {
      return Refuse(414, "request line too long");
    }
    return Result::kComplete;
  }
  if (line_end - fields_begin_ > limits.lines_bytes_max) return Refuse(431, "header too large");
  if (lines_ > limits.lines_max) return Refuse(431, "too many header lines");
  return Result::kComplete;
}

HeadScanner::Result HeadScanner::CheckLine(absl::string_view line) {
  if (line.empty() || line.back() != '\r') return Refuse(400, "line ends without CR");
  line.remove_suffix(1);
  if (HasControlCharacter(line)) return Refuse(400, "control character in header");
  if (!line.empty() && (line.front() == ' ' || line.front() == '\t')) {
    return Refuse(400, "folded header line");
  }
  return Result::kComplete;
}

HeadScanner::Result HeadScanner::Scan(absl::string_view block, const Limits& limits) {
  const bool has_first_line = limits.first_line_bytes_max > 0;
  for (;;) {
    const void* lf = searched_ < block.size()
                         ? std::memchr(block.data() + searched_, '\n', block.size() - searched_)
                         : nullptr;
    const size_t end = lf == nullptr
                           ? block.size()
                           : static_cast<size_t>(static_cast<const char*>(lf) - block.data());
    searched_ = end;
    if (CheckSize(block, end, limits) == Result::kRefused) return Result::kRefused;
    if (lf == nullptr) return Result::kNeedMore;
    const absl::string_view line = block.substr(line_begin_, end - line_begin_);
    if (CheckLine(line) == Result::kRefused) return Result::kRefused;
    const bool first = lines_ == 0 && has_first_line;
    line_begin_ = searched_ = end + 1;
    ++lines_;
    if (first) {
      first_line_bytes_ = line.size() - 1;
      fields_begin_ = line_begin_;
    } else if (line.size() == 1) {
      return Result::kComplete;
    }
  }
}

}  // namespace session_status::transport
