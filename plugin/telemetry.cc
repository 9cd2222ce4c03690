#include "plugin/telemetry.h"

#include <utility>

#include "absl/time/clock.h"

namespace session_status {
namespace {

metrics::BrokerReadings ReadBroker(const broker::Feed& feed) {
  const broker::TrackerCounters& counters = feed.tracker.counters();
  metrics::BrokerReadings out;
  out.tracked = counters.tracked.value();
  out.unknown_ends = counters.unknown_ends.value();
  out.duplicate_events = counters.duplicate_events.value();
  out.ghosts_averted = counters.ghosts_averted.value();
  out.unseen_ends = counters.unseen_ends.value();
  out.guard_overflows = counters.guard_overflows.value();
  out.out_of_memory = counters.out_of_memory.value();
  out.exceptions = feed.exceptions.value();
  return out;
}

metrics::ListenerReadings ReadListener(const transport::ListenerStats& stats) {
  metrics::ListenerReadings out;
  out.connections = stats.connections;
  out.accepted = stats.accepted;
  out.requests = stats.requests;
  out.refused_requests = stats.refused_requests;
  out.refused_connections = stats.refused_connections;
  out.evicted_connections = stats.evicted_connections;
  out.failed_handshakes = stats.failed_handshakes;
  out.timeouts = stats.timeouts;
  out.accept_pauses = stats.accept_pauses;
  out.bytes_received = stats.bytes_received;
  out.bytes_sent = stats.bytes_sent;
  out.buffered_bytes = stats.buffered_bytes;
  return out;
}

metrics::RegistryReadings ReadRegistry(const registry::SessionRegistry& registry,
                                       absl::Duration snapshot_refresh) {
  metrics::RegistryReadings out;
  out.counts = registry.Counts();
  out.sequence = registry.sequence();
  out.snapshot = registry.CurrentSnapshot();
  out.snapshot_refresh = snapshot_refresh;
  out.memory_bytes = registry.MemoryBytes();
  return out;
}

}  // namespace

http::Handler* Telemetry::Measure(metrics::QuerySurface label, http::Handler& surface,
                                  metrics::OnFailure on_failure) {
  return &measured_.emplace_back(surface, label, queries_, os::SteadyNs, std::move(on_failure));
}

void Telemetry::AddRoutes(const Sources& sources, http::Router* router) {
  metrics_surface_.emplace([this, sources] { return Read(sources); });
  health_surface_.emplace(sources.registry, sources.snapshot_refresh, sources.others);
  constexpr auto kExact = http::Router::Match::kExact;
  constexpr auto kObservers = http::Router::Audience::kObservers;
  router->Add(kExact, metrics::MetricsSurface::kPath, &*metrics_surface_, kObservers);
  router->Add(kExact, metrics::HealthSurface::kHealthPath, &*health_surface_, kObservers);
  router->Add(kExact, metrics::HealthSurface::kReadyPath, &*health_surface_, kObservers);
}

metrics::Readings Telemetry::Read(const Sources& sources) const {
  metrics::Readings out;
  out.now = absl::Now();
  out.server = sources.server;
  out.registry = ReadRegistry(sources.registry, sources.snapshot_refresh);
  out.broker = ReadBroker(sources.broker);
  for (size_t i = 0; i < events_.size(); ++i) out.events[i] = events_[i].value();
  if (const transport::Listener* listener = sources.listener()) {
    out.listener = ReadListener(listener->stats());
  }
  if (sources.others != nullptr) out.fleet = sources.others->Status();
  out.queries = &queries_;
  out.event_callback = &event_callback_;
  out.snapshot_publish = &snapshot_publish_;
  sources.parts(&out);
  return out;
}

}  // namespace session_status
