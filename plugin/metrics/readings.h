// What one scrape sees: plain numbers, copied from everywhere by the composition root. A group that
// this process does not have (no listener yet, no store) is absent, and so are its metrics.
//
// To add a metric: a field here, a row in metric_table.cc, a line where the composition root fills
// it, the line in docs/metrics.md that the test then prints.
#ifndef SESSION_STATUS_PLUGIN_METRICS_READINGS_H_
#define SESSION_STATUS_PLUGIN_METRICS_READINGS_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/metrics/duration_histogram.h"
#include "plugin/metrics/query_recorder.h"
#include "registry/session_registry.h"

namespace session_status::metrics {

struct ServerReadings {
  absl::string_view version;  // static lifetime
  absl::string_view broker;   // likewise
  absl::Time started_at;
};

struct RegistryReadings {
  registry::RegistryCounts counts;
  uint64_t sequence = 0;
  registry::SnapshotInfo snapshot;
  absl::Duration snapshot_refresh;
  size_t memory_bytes = 0;
};

struct BrokerReadings {
  uint64_t tracked = 0;
  uint64_t unknown_ends = 0;
  uint64_t duplicate_events = 0;
  uint64_t ghosts_averted = 0;
  uint64_t unseen_ends = 0;
  uint64_t guard_overflows = 0;
  uint64_t out_of_memory = 0;
  uint64_t exceptions = 0;
};

struct ListenerReadings {
  int64_t connections = 0;
  int64_t accepted = 0;
  int64_t requests = 0;
  int64_t refused_requests = 0;
  int64_t refused_connections = 0;
  int64_t evicted_connections = 0;
  int64_t timeouts = 0;
  int64_t accept_pauses = 0;
  int64_t bytes_received = 0;
  int64_t bytes_sent = 0;
  int64_t buffered_bytes = 0;
};

struct Readings {
  absl::Time now;
  ServerReadings server;
  RegistryReadings registry;
  std::optional<BrokerReadings> broker;
  std::optional<ListenerReadings> listener;
  const QueryRecorder* queries = nullptr;             // outlive the scrape; may be nullptr
  const DurationHistogram* event_callback = nullptr;
  const DurationHistogram* snapshot_publish = nullptr;
};

}  // namespace session_status::metrics

#endif  // SESSION_STATUS_PLUGIN_METRICS_READINGS_H_
