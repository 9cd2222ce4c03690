#include "plugin/failure_log.h"

#include <new>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace session_status {
namespace {

constexpr limits::RateLimit kLinesPerSecond{1, 5};
// Ours are shorter.
constexpr size_t kNameBytesMax = 64;
// An error body is a code and a sentence, and may name a file.
constexpr size_t kShownBytesMax = 400;

}  // namespace

void FailureLog::OnFailure(absl::string_view operation, const http::Reply& reply) noexcept {
  uint64_t left_out = 0;
  {
    os::MutexLock lock(&mu_);
    if (!bucket_.TryTake(kLinesPerSecond, clock_()).admitted) {
      ++left_out_;
      return;
    }
    left_out = std::exchange(left_out_, 0);
  }
  try {
    std::string line =
        absl::StrCat("query ", operation.substr(0, kNameBytesMax), " failed: ", reply.status, " ",
                     absl::string_view(reply.body).substr(0, kShownBytesMax));
    if (left_out > 0) absl::StrAppend(&line, " (", left_out, " more left out before)");
    log_.Write(broker::LogLevel::kWarning, line);
  } catch (const std::bad_alloc&) {
  }
}

}  // namespace session_status
