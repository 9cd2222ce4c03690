#include "plugin/failure_log.h"

#include <new>
#include <string>

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

FailureLog::FailureLog(broker::BrokerLog& log, LineLimit::Clock clock)
    : log_(log), limit_(kBetweenLines, kLinesAtOnce, clock) {}

void FailureLog::OnFailure(absl::string_view operation, const http::Reply& reply) noexcept {
  const absl::optional<uint64_t> left_out = limit_.Admit();
  if (!left_out.has_value()) return;
  try {
    std::string line =
        absl::StrCat("query ", operation.substr(0, kNameBytesMax), " failed: ", reply.status, " ",
                     absl::string_view(reply.body).substr(0, kShownBytesMax));
    if (*left_out > 0) absl::StrAppend(&line, " (", *left_out, " more left out before)");
    log_.Write(broker::LogLevel::kWarning, line);
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace session_status
