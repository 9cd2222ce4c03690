// Takes the envelopes of a Connect server stream out of bytes that come in any pieces.
//
// connectrpc.com, "Connect Protocol Reference", streaming: a flags byte, four bytes of length (most
// significant first), the message. Flag 2 marks the last one: JSON that says how the stream ended.
//
// Threads: one.
// Errors:  DataLoss for what is no such stream.
#ifndef SESSION_STATUS_CLI_ENVELOPES_H_
#define SESSION_STATUS_CLI_ENVELOPES_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace session_status::cli {

class EnvelopeReader {
 public:
  // Of one message; the longest the service sends holds a client identifier of 64 KiB.
  static constexpr size_t kMessageBytesMax = 1 << 20;

  // `on_message(last, message)` is called for every complete envelope; false: no more of them.
  absl::Status Feed(absl::string_view bytes,
                    const std::function<bool(bool last, absl::string_view message)>& on_message);

 private:
  std::string buffer_;
};

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_ENVELOPES_H_
