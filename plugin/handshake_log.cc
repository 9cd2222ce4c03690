#include "plugin/handshake_log.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace session_status {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(10);

}  // namespace

HandshakeLog::HandshakeLog(broker::BrokerLog& log, LimitedLog::Clock clock)
    : log_(log, kBetweenLines, /*at_once=*/1, clock) {}

void HandshakeLog::OnFailedHandshake(const http::Peer& peer, absl::string_view reason) {
  log_.Write(broker::LogLevel::kNotice, [&] {
    return absl::StrCat("TLS handshake with ", peer.address, " failed: ", reason);
  });
}

}  // namespace session_status
