#include "plugin/handshake_log.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(10);

}  // namespace

void HandshakeLog::OnFailedHandshake(const http::Peer& peer, absl::string_view reason) {
  uint64_t left_out = 0;
  {
    os::MutexLock lock(&mu_);
    const absl::Time now = clock_();
    // A clock that was set back ends the wait.
    if (now >= last_ && now - last_ < kBetweenLines) {
      ++left_out_;
      return;
    }
    last_ = now;
    left_out = std::exchange(left_out_, 0);
  }
  std::string line = absl::StrCat("TLS handshake with ", peer.address, " failed: ", reason);
  if (left_out > 0) absl::StrAppend(&line, " (", left_out, " more left out before)");
  log_.Write(broker::LogLevel::kNotice, line);
}

}  // namespace session_status
