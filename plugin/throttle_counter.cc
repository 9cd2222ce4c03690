#include "plugin/throttle_counter.h"

#include "plugin/openapi/api_error.h"

namespace session_status {

void ThrottleCounter::OnCall(const openapi::CallRecord& record) {
  using openapi::ErrorCode;
  if (record.code == openapi::RowOf(ErrorCode::kThrottlingUser).name) user_.Add();
  if (record.code == openapi::RowOf(ErrorCode::kThrottlingApi).name) api_.Add();
  if (record.code == openapi::RowOf(ErrorCode::kThrottling).name) address_.Add();
  next_.OnCall(record);
}

}  // namespace session_status
