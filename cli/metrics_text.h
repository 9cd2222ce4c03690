// Reads the plugin's /metrics (Prometheus' text format 0.0.4), as much of it as our own metrics
// use.
//
// Threads: any; pure functions. Lines that are not understood are left out.
#ifndef SESSION_STATUS_CLI_METRICS_TEXT_H_
#define SESSION_STATUS_CLI_METRICS_TEXT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace session_status::cli {

struct Sample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;

  absl::string_view Label(const std::string& label) const;
};

std::vector<Sample> ParseMetrics(absl::string_view text);

// The sum of all samples of `name`; 0: there is none.
double SumOf(const std::vector<Sample>& samples, absl::string_view name);

// One operation of session_status_query_duration_seconds, all results together.
struct QueryLatency {
  std::string surface;
  std::string operation;
  double count = 0;
  double seconds = 0;                                // all queries together
  std::vector<std::pair<double, double>> buckets{};  // upper bound in seconds, queries up to it

  // The bound of the bucket that holds this part of the queries, 0 to 1; infinity: beyond the last.
  double Quantile(double part) const;
  // What came since `earlier`, the same operation at another time.
  QueryLatency Since(const QueryLatency& earlier) const;
};

std::vector<QueryLatency> QueryLatencies(const std::vector<Sample>& samples);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_METRICS_TEXT_H_
