// The one table of metrics. docs/metrics.md, the dashboard and the alert rules are held to it by
// tests/metrics.
//
// Names and units follow prometheus.io, "Metric and label naming".
#ifndef SESSION_STATUS_PLUGIN_METRICS_METRIC_TABLE_H_
#define SESSION_STATUS_PLUGIN_METRICS_METRIC_TABLE_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "plugin/metrics/readings.h"
#include "prometheus/metric_family.h"

namespace session_status::metrics {

struct MetricRow {
  absl::string_view name;
  prometheus::MetricType kind;
  absl::string_view labels;  // comma-separated names
  absl::string_view help;
  absl::string_view source;  // the folder that counts
  // Appends the samples; none when the readings have no such group.
  void (*read)(const Readings& readings, std::vector<prometheus::ClientMetric>* out);
};

absl::Span<const MetricRow> MetricTable();

// Rows without samples are left out.
std::vector<prometheus::MetricFamily> CollectFamilies(const Readings& readings);

// "counter", "gauge", "histogram".
absl::string_view KindName(prometheus::MetricType kind);

}  // namespace session_status::metrics

#endif  // SESSION_STATUS_PLUGIN_METRICS_METRIC_TABLE_H_
