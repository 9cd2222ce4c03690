#include "cli/envelopes.h"

#include <cstdint>

namespace session_status::cli {
namespace {

constexpr size_t kHeadBytes = 5;
constexpr unsigned char kFlagLast = 2;

}  // namespace

absl::Status EnvelopeReader::Feed(
    absl::string_view bytes,
    const std::function<bool(bool last, absl::string_view message)>& on_message) {
  buffer_.append(bytes.data(), bytes.size());
  size_t begin = 0;
  bool wanted = true;
  while (wanted && buffer_.size() - begin >= kHeadBytes) {
    const auto* head = reinterpret_cast<const unsigned char*>(buffer_.data() + begin);
    const size_t size =
        size_t{head[1]} << 24 | size_t{head[2]} << 16 | size_t{head[3]} << 8 | head[4];
    if ((head[0] & ~kFlagLast) != 0 || size > kMessageBytesMax) {
      return absl::DataLossError("the reply is not a stream of the session status service");
    }
    if (buffer_.size() - begin - kHeadBytes < size) break;
    wanted = on_message((head[0] & kFlagLast) != 0,
                        absl::string_view(buffer_).substr(begin + kHeadBytes, size));
    begin += kHeadBytes + size;
  }
  buffer_.erase(0, begin);
  return absl::OkStatus();
}

}  // namespace session_status::cli
