// Readings in which every group is present and every labelled sample exists.
#ifndef SESSION_STATUS_TESTS_METRICS_EXAMPLE_READINGS_H_
#define SESSION_STATUS_TESTS_METRICS_EXAMPLE_READINGS_H_

#include "plugin/metrics/readings.h"

namespace session_status::metrics {

struct ExampleSources {
  ExampleSources() {
    event_callback.Record(700);
    snapshot_publish.Record(40'000);
    audit_slices.Record(90'000);
    for (const auto surface : {QuerySurface::kAdmin, QuerySurface::kOpenApi}) {
      for (size_t i = 0; i < kQueryResultCount; ++i) {
        queries.Record(surface, QueryOperation::kBatch, static_cast<QueryResult>(i), 4'000);
      }
    }
  }

  Readings Read() const {
    Readings r;
    r.now = absl::FromUnixMillis(1'767'323'045'500);
    r.server = {"1.2.3", "mosquitto 2.1", absl::FromUnixSeconds(1'767'323'000)};
    r.registry.counts.by_state = {0, 5, 2, 7};
    r.registry.counts.ends_by_reason[2] = 3;
    r.registry.counts.online_by_protocol = {0, 0, 0, 1, 3, 1};
    r.registry.counts.connects = 42;
    r.registry.sequence = 99;
    r.registry.snapshot = {97, r.now - absl::Milliseconds(250)};
    r.registry.snapshot_refresh = absl::Seconds(1);
    r.registry.memory_bytes = 1 << 20;
    r.broker.emplace();
    r.broker->tracked = 7;
    r.listener.emplace();
    r.listener->accepted = 11;
    r.listener->certificate_ends = r.now + absl::Hours(24);
    r.listener->client_ca_ends = r.now + absl::Hours(36);
    r.listener->revocations_end = r.now + absl::Hours(12);
    r.feed.emplace();
    r.feed->lag_changes = 6;
    r.throttles.emplace();
    r.throttles->user = 4;
    r.usage.emplace();
    r.usage->pending = 2;
    r.events = {42, 37, 2, 1};
    r.audit.emplace();
    r.audit->checks = 1000;
    r.audit->slices = &audit_slices;
    r.history.emplace();
    r.history->flaps = 4;
    r.listings.emplace();
    r.store.emplace();
    r.store->restored = 12;
    r.store->complete_until = r.now - absl::Milliseconds(300);
    r.control.emplace();
    r.control->requests = 3;
    r.topics.emplace();
    r.topics->published = 9;
    r.webhook.emplace();
    r.webhook->delivered_events = 8;
    r.fleet.emplace();
    r.fleet->ready = true;
    r.fleet->as_of = r.now - absl::Milliseconds(20);
    r.fleet->nodes.resize(2);
    r.fleet->nodes[0].alive = true;
    r.reloads = {{"access_file", false}, {"certificates", true}};
    r.queries = &queries;
    r.event_callback = &event_callback;
    r.snapshot_publish = &snapshot_publish;
    return r;
  }

  QueryRecorder queries;
  DurationHistogram event_callback;
  DurationHistogram snapshot_publish;
  DurationHistogram audit_slices;
};

}  // namespace session_status::metrics

#endif  // SESSION_STATUS_TESTS_METRICS_EXAMPLE_READINGS_H_
