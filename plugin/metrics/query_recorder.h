// Queries by surface, operation and result, with their latency. A surface that is wrapped in a
// MeasuredSurface needs to know nothing of this.
//
// Threads: any; Record() is wait-free.
#ifndef SESSION_STATUS_PLUGIN_METRICS_QUERY_RECORDER_H_
#define SESSION_STATUS_PLUGIN_METRICS_QUERY_RECORDER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "plugin/metrics/duration_histogram.h"

namespace session_status::metrics {

enum class QuerySurface : uint8_t { kAdmin, kOpenApi };
inline constexpr size_t kQuerySurfaceCount = 2;

enum class QueryOperation : uint8_t { kBatch, kSingle, kServerStatus, kCounts, kList, kOther };
inline constexpr size_t kQueryOperationCount = 6;

enum class QueryResult : uint8_t {
  kOk,
  kRefused,    // the caller's mistake: malformed, unknown method, too large
  kDenied,     // not identified, or not allowed
  kThrottled,  // over a rate
  kFailed,     // ours
};
inline constexpr size_t kQueryResultCount = 5;

absl::string_view LabelOf(QuerySurface surface);
absl::string_view LabelOf(QueryOperation operation);
absl::string_view LabelOf(QueryResult result);

class QueryRecorder {
 public:
  void Record(QuerySurface surface, QueryOperation operation, QueryResult result,
              int64_t nanoseconds) noexcept {
    cells_[Index(surface, operation, result)].Record(nanoseconds);
  }

  // One labelled histogram per cell. Cells of errors that never happened are left out; successes
  // are always there, so that rates start at zero instead of being absent.
  std::vector<prometheus::ClientMetric> Read() const;

 private:
  static size_t Index(QuerySurface surface, QueryOperation operation, QueryResult result) {
    return (static_cast<size_t>(surface) * kQueryOperationCount + static_cast<size_t>(operation)) *
               kQueryResultCount +
           static_cast<size_t>(result);
  }
  std::array<DurationHistogram, kQuerySurfaceCount * kQueryOperationCount * kQueryResultCount>
      cells_;
};

}  // namespace session_status::metrics

#endif  // SESSION_STATUS_PLUGIN_METRICS_QUERY_RECORDER_H_
