#include "plugin/handshake_log.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace session_status {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(10);

}  // namespace

HandshakeLog::HandshakeLog(broker::BrokerLog& log, LineLimit::Clock clock)
    : log_(log), limit_(kBetweenLines, /*at_once=*/1, clock) {}

void HandshakeLog::OnFailedHandshake(const http::Peer& peer, absl::string_view reason) {
  const absl::optional<uint64_t> left_out = limit_.Admit();
  if (!left_out.has_value()) return;
  std::string line = absl::StrCat("TLS handshake with ", peer.address, " failed: ", reason);
  if (*left_out > 0) absl::StrAppend(&line, " (", *left_out, " more left out before)");
  log_.Write(broker::LogLevel::kNotice, line);
}

}  // namespace session_status
