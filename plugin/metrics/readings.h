// What one scrape sees: plain numbers, copied from everywhere by the composition root. A group that
// this process does not have (no listener yet, no store) is absent, and so are its metrics.
//
// To add a metric: a field here, a row in metric_table.cc, a line where the composition root fills
// it; then SESSION_STATUS_UPDATE_DOCS=1 ctest --test-dir build/release -R MetricTable
#ifndef SESSION_STATUS_PLUGIN_METRICS_READINGS_H_
#define SESSION_STATUS_PLUGIN_METRICS_READINGS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "plugin/metrics/duration_histogram.h"
#include "plugin/metrics/query_recorder.h"
#include "registry/others_view.h"
#include "registry/session_registry.h"

namespace session_status::metrics {

inline constexpr size_t kEventKindCount = 4;  // of registry::SessionEvent::Kind

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
  int64_t failed_handshakes = 0;
  int64_t timeouts = 0;
  int64_t accept_pauses = 0;
  int64_t bytes_received = 0;
  int64_t bytes_sent = 0;
  int64_t buffered_bytes = 0;
  // Infinite: none is loaded, or it has no end.
  absl::Time certificate_ends = absl::InfiniteFuture();
  absl::Time client_ca_ends = absl::InfiniteFuture();
  absl::Time revocations_end = absl::InfiniteFuture();
};

struct FeedReadings {
  uint64_t followers = 0;
  uint64_t refused = 0;
  uint64_t gaps = 0;
  uint64_t sent = 0;
  uint64_t lag_changes = 0;  // of the follower furthest behind
};

// Calls of the documented API that a limit turned away, by the error they got.
struct ThrottleReadings {
  uint64_t user = 0;     // Throttling.User
  uint64_t api = 0;      // Throttling.Api
  uint64_t address = 0;  // Throttling
};

struct UsageReadings {
  uint64_t counted = 0;
  uint64_t refused = 0;
  uint64_t write_failures = 0;
  uint64_t pending = 0;
};

struct AuditReadings {
  uint64_t passes = 0;
  uint64_t checks = 0;
  uint64_t walks = 0;
  uint64_t repaired_ends = 0;
  uint64_t repaired_connects = 0;
  uint64_t found_expired = 0;
  uint64_t undecidable = 0;
  const DurationHistogram* slices = nullptr;  // outlives the scrape
};

struct HistoryReadings {
  uint64_t clients = 0;
  uint64_t bytes = 0;
  uint64_t clients_forgotten = 0;
  uint64_t flaps = 0;
  uint64_t gaps = 0;
};

struct StoreReadings {
  uint64_t queue_bytes = 0;
  uint64_t dropped = 0;
  uint64_t failures = 0;
  uint64_t commits = 0;
  uint64_t full_saves = 0;
  uint64_t restored = 0;
  uint64_t unreserved_incarnations = 0;
  bool failing = false;
  absl::Time complete_until;
};

// Requests on $CONTROL.
struct ControlReadings {
  uint64_t requests = 0;
  uint64_t refused = 0;
  uint64_t answered = 0;
  uint64_t dropped = 0;
  uint64_t waiting = 0;
};

struct ListingReadings {
  uint64_t given_up = 0;
};

// Changes published to MQTT topics.
struct TopicReadings {
  uint64_t published = 0;
  uint64_t coalesced = 0;
  uint64_t skipped = 0;
  uint64_t missed = 0;
};

struct WebhookReadings {
  uint64_t delivered_events = 0;
  uint64_t delivered_batches = 0;
  uint64_t failed_posts = 0;
  uint64_t rejected_events = 0;
  uint64_t dropped_changes = 0;
  uint64_t behind_changes = 0;
  uint64_t failures_in_a_row = 0;
};

// A file that SIGHUP has read again.
struct ReloadReading {
  absl::string_view name;  // lives as long as the plugin
  bool failed = false;
};

struct Readings {
  absl::Time now;
  ServerReadings server;
  RegistryReadings registry;
  std::optional<BrokerReadings> broker;
  std::optional<ListenerReadings> listener;
  std::optional<FeedReadings> feed;
  std::optional<ThrottleReadings> throttles;
  std::optional<UsageReadings> usage;
  std::array<uint64_t, kEventKindCount> events{};  // by SessionEvent::Kind
  std::optional<AuditReadings> audit;
  std::optional<HistoryReadings> history;
  std::optional<ListingReadings> listings;
  std::optional<StoreReadings> store;
  std::optional<ControlReadings> control;
  std::optional<TopicReadings> topics;
  std::optional<WebhookReadings> webhook;
  std::optional<registry::FleetStatus> fleet;
  std::vector<ReloadReading> reloads;
  const QueryRecorder* queries = nullptr;  // outlive the scrape; may be nullptr
  const DurationHistogram* event_callback = nullptr;
  const DurationHistogram* snapshot_publish = nullptr;
};

}  // namespace session_status::metrics

#endif  // SESSION_STATUS_PLUGIN_METRICS_READINGS_H_
