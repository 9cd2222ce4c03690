#include "plugin/failure_log.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace session_status {
namespace {

constexpr absl::Duration kBetweenLines = absl::Seconds(1);
constexpr int64_t kLinesAtOnce = 5;
// Ours are shorter.
constexpr size_t kNameBytesMax = 64;
// An error body is a code and a sentence, and may name a file.
constexpr size_t kShownBytesMax = 400;

}  // namespace

FailureLog::FailureLog(broker::BrokerLog& log, LimitedLog::Clock clock)
    : log_(log, kBetweenLines, kLinesAtOnce, clock) {}

void FailureLog::OnFailure(absl::string_view operation, const http::Reply& reply) noexcept {
  log_.Write(broker::LogLevel::kWarning, [&] {
    return absl::StrCat("query ", operation.substr(0, kNameBytesMax), " failed: ", reply.status,
                        " ", absl::string_view(reply.body).substr(0, kShownBytesMax));
  });
}

}  // namespace session_status
