#include "plugin/metrics/query_recorder.h"

#include <string>

namespace session_status::metrics {
namespace {

constexpr absl::string_view kSurfaceLabels[] = {"admin", "openapi"};
static_assert(std::size(kSurfaceLabels) == kQuerySurfaceCount);

constexpr absl::string_view kOperationLabels[] = {"BatchQuerySessionByClientIds",
                                                  "QuerySessionByClientId",
                                                  "GetServerStatus",
                                                  "GetCounts",
                                                  "ListSessions",
                                                  "other"};
static_assert(std::size(kOperationLabels) == kQueryOperationCount);

constexpr absl::string_view kResultLabels[] = {"ok", "refused", "denied", "throttled", "failed"};
static_assert(std::size(kResultLabels) == kQueryResultCount);

}  // namespace

absl::string_view LabelOf(QuerySurface surface) {
  return kSurfaceLabels[static_cast<size_t>(surface)];
}
absl::string_view LabelOf(QueryOperation operation) {
  return kOperationLabels[static_cast<size_t>(operation)];
}
absl::string_view LabelOf(QueryResult result) { return kResultLabels[static_cast<size_t>(result)]; }

std::vector<prometheus::ClientMetric> QueryRecorder::Read() const {
  std::vector<prometheus::ClientMetric> out;
  for (size_t i = 0; i < cells_.size(); ++i) {
    const auto result = static_cast<QueryResult>(i % kQueryResultCount);
    if (result != QueryResult::kOk && cells_[i].count() == 0) continue;
    const size_t row = i / kQueryResultCount;
    prometheus::ClientMetric metric;
    metric.label = {
        {"surface", std::string(LabelOf(static_cast<QuerySurface>(row / kQueryOperationCount)))},
        {"operation",
         std::string(LabelOf(static_cast<QueryOperation>(row % kQueryOperationCount)))},
        {"result", std::string(LabelOf(result))}};
    metric.histogram = cells_[i].Read();
    out.push_back(std::move(metric));
  }
  return out;
}

}  // namespace session_status::metrics
