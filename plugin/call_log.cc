#include "plugin/call_log.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace session_status {
namespace {

constexpr absl::Duration kBetweenLines = absl::Milliseconds(100);
constexpr int64_t kLinesAtOnce = 20;
// What a caller says about itself can be anything of any length: C1 controls too, which steer
// terminals, and characters that the cut goes through.
constexpr size_t kShownBytesMax = 64;

std::string Shown(absl::string_view text) {
  return absl::CHexEscape(text.substr(0, kShownBytesMax));
}

std::string Line(const openapi::CallRecord& r) {
  std::string line = absl::StrCat("call ", r.request_id, ": ", r.http_status, " ", r.code, ", ",
                                  r.operation.empty() ? "unknown operation" : r.operation, ", ",
                                  r.client_ids, " ids");
  if (!r.instance.empty()) absl::StrAppend(&line, ", instance ", Shown(r.instance));
  if (r.access_key_id_bytes > 0) absl::StrAppend(&line, ", key ", Shown(r.access_key_id));
  if (r.access_key_id.size() < r.access_key_id_bytes) {
    absl::StrAppend(&line, "... (unknown, ", r.access_key_id_bytes, " bytes)");
  }
  if (!r.peer_address.empty()) absl::StrAppend(&line, ", from ", r.peer_address);
  return line;
}

}  // namespace

CallLog::CallLog(broker::BrokerLog& log, CallLogLevel level, LimitedLog::Clock clock)
    : level_(level), log_(log, kBetweenLines, kLinesAtOnce, clock) {}

void CallLog::OnCall(const openapi::CallRecord& record) {
  const bool failed = record.http_status >= 400;
  if (level_ == CallLogLevel::kNone || (level_ == CallLogLevel::kErrors && !failed)) return;
  log_.Write(failed ? broker::LogLevel::kWarning : broker::LogLevel::kInfo,
             [&record] { return Line(record); });
}

}  // namespace session_status
