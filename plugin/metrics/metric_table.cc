#include "plugin/metrics/metric_table.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

namespace session_status::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;
using Samples = std::vector<ClientMetric>;

constexpr absl::string_view kStateLabels[] = {"unknown", "online", "offline_session_kept",
                                              "offline"};
static_assert(std::size(kStateLabels) == registry::kSessionStateCount);

constexpr absl::string_view kReasonLabels[] = {"none",
                                               "client_disconnect",
                                               "taken_over",
                                               "keepalive_timeout",
                                               "network_error",
                                               "kicked",
                                               "protocol_error",
                                               "server_shutdown",
                                               "session_expired",
                                               "administrative",
                                               "not_authorized",
                                               "broker_restart",
                                               "node_lost",
                                               "unknown"};
static_assert(std::size(kReasonLabels) == registry::kEndReasonCount);

// By ProtocolVersion number; empty: no such version.
constexpr absl::string_view kProtocolLabels[] = {"unknown", "", "", "3.1", "3.1.1", "5"};

constexpr absl::string_view kEventLabels[] = {"connected", "ended", "session_gone", "restored"};
static_assert(std::size(kEventLabels) == kEventKindCount);

// The kind of a row says which of the two members Prometheus reads; setting both keeps one helper.
ClientMetric Sample(double value, std::vector<ClientMetric::Label> labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  metric.counter.value = value;
  metric.gauge.value = value;
  return metric;
}
template <typename Integer>
ClientMetric Sample(Integer value, std::vector<ClientMetric::Label> labels = {}) {
  return Sample(static_cast<double>(value), std::move(labels));
}

void AddHistogram(const DurationHistogram* histogram, Samples* out) {
  if (histogram == nullptr) return;
  ClientMetric metric;
  metric.histogram = histogram->Read();
  out->push_back(std::move(metric));
}

// One sample that is a field of the registry's counts, the broker's or the listener's readings.
template <uint64_t registry::RegistryCounts::*kField>
void FromCounts(const Readings& r, Samples* out) {
  out->push_back(Sample(r.registry.counts.*kField));
}
template <uint64_t BrokerReadings::*kField>
void FromBroker(const Readings& r, Samples* out) {
  if (r.broker.has_value()) out->push_back(Sample((*r.broker).*kField));
}
template <uint64_t FeedReadings::*kField>
void FromFeed(const Readings& r, Samples* out) {
  if (r.feed.has_value()) out->push_back(Sample((*r.feed).*kField));
}
template <uint64_t UsageReadings::*kField>
void FromUsage(const Readings& r, Samples* out) {
  if (r.usage.has_value()) out->push_back(Sample((*r.usage).*kField));
}
template <int64_t ListenerReadings::*kField>
void FromListener(const Readings& r, Samples* out) {
  if (r.listener.has_value()) out->push_back(Sample((*r.listener).*kField));
}
template <absl::Time ListenerReadings::*kField>
void FromListenerTime(const Readings& r, Samples* out) {
  if (!r.listener.has_value() || (*r.listener).*kField == absl::InfiniteFuture()) return;
  out->push_back(Sample(absl::ToUnixSeconds((*r.listener).*kField)));
}
template <uint64_t ControlReadings::*kField>
void FromControl(const Readings& r, Samples* out) {
  if (r.control.has_value()) out->push_back(Sample((*r.control).*kField));
}
template <uint64_t TopicReadings::*kField>
void FromTopics(const Readings& r, Samples* out) {
  if (r.topics.has_value()) out->push_back(Sample((*r.topics).*kField));
}
template <uint64_t WebhookReadings::*kField>
void FromWebhook(const Readings& r, Samples* out) {
  if (r.webhook.has_value()) out->push_back(Sample((*r.webhook).*kField));
}

template <uint64_t AuditReadings::*kField>
void FromAudit(const Readings& r, Samples* out) {
  if (r.audit.has_value()) out->push_back(Sample((*r.audit).*kField));
}
template <uint64_t HistoryReadings::*kField>
void FromHistory(const Readings& r, Samples* out) {
  if (r.history.has_value()) out->push_back(Sample((*r.history).*kField));
}

void ReadListings(const Readings& r, Samples* out) {
  if (r.listings.has_value()) out->push_back(Sample(r.listings->given_up));
}

void ReadRepairs(const Readings& r, Samples* out) {
  if (!r.audit.has_value()) return;
  out->push_back(Sample(r.audit->repaired_ends, {{"kind", "end"}}));
  out->push_back(Sample(r.audit->repaired_connects, {{"kind", "connect"}}));
}

template <uint64_t StoreReadings::*kField>
void FromStore(const Readings& r, Samples* out) {
  if (r.store.has_value()) out->push_back(Sample((*r.store).*kField));
}

template <uint64_t registry::FleetStatus::*kField>
void FromFleet(const Readings& r, Samples* out) {
  if (r.fleet.has_value()) out->push_back(Sample((*r.fleet).*kField));
}

void ReadFleetNodes(const Readings& r, Samples* out) {
  if (!r.fleet.has_value()) return;
  uint64_t alive = 0;
  uint64_t lost = 0;
  uint64_t left = 0;
  for (const registry::FleetNode& node : r.fleet->nodes) {
    alive += node.alive ? 1 : 0;
    left += node.left ? 1 : 0;
    // Who is away from the engine has lost no broker.
    lost += node.alive || node.left || node.self ? 0 : 1;
  }
  out->push_back(Sample(alive, {{"state", "alive"}}));
  out->push_back(Sample(lost, {{"state", "lost"}}));
  out->push_back(Sample(left, {{"state", "left"}}));
}

void ReadFleetSessions(const Readings& r, Samples* out) {
  if (!r.fleet.has_value()) return;
  out->push_back(Sample(r.fleet->own_sessions, {{"part", "own"}}));
  out->push_back(Sample(r.fleet->other_sessions, {{"part", "others"}}));
}

void ReadFleetAge(const Readings& r, Samples* out) {
  if (!r.fleet.has_value() || r.fleet->as_of == absl::InfinitePast()) return;
  out->push_back(Sample(absl::ToDoubleSeconds(r.now - r.fleet->as_of)));
}

void ReadBuildInfo(const Readings& r, Samples* out) {
  out->push_back(Sample(
      1, {{"version", std::string(r.server.version)}, {"broker", std::string(r.server.broker)}}));
}

void ReadSessions(const Readings& r, Samples* out) {
  for (size_t i = 1; i < std::size(kStateLabels); ++i) {  // nobody is in state unknown
    out->push_back(
        Sample(r.registry.counts.by_state[i], {{"state", std::string(kStateLabels[i])}}));
  }
}

void ReadOnlineByProtocol(const Readings& r, Samples* out) {
  for (size_t i = 0; i < std::size(kProtocolLabels); ++i) {
    if (kProtocolLabels[i].empty()) continue;
    out->push_back(Sample(r.registry.counts.online_by_protocol[i],
                          {{"protocol", std::string(kProtocolLabels[i])}}));
  }
}

void ReadEnds(const Readings& r, Samples* out) {
  for (size_t i = 1; i < std::size(kReasonLabels); ++i) {  // no end has reason none
    out->push_back(
        Sample(r.registry.counts.ends_by_reason[i], {{"reason", std::string(kReasonLabels[i])}}));
  }
}

void ReadEvents(const Readings& r, Samples* out) {
  for (size_t i = 0; i < std::size(kEventLabels); ++i) {
    out->push_back(Sample(r.events[i], {{"kind", std::string(kEventLabels[i])}}));
  }
}

void ReadThrottled(const Readings& r, Samples* out) {
  if (!r.throttles.has_value()) return;
  out->push_back(Sample(r.throttles->user, {{"code", "Throttling.User"}}));
  out->push_back(Sample(r.throttles->api, {{"code", "Throttling.Api"}}));
  out->push_back(Sample(r.throttles->address, {{"code", "Throttling"}}));
}

void ReadSnapshotAge(const Readings& r, Samples* out) {
  if (r.registry.snapshot.taken_at == absl::InfinitePast()) return;  // none was taken yet
  out->push_back(Sample(absl::ToDoubleSeconds(r.registry.snapshot.age(r.now))));
}

// The two numbers are read one after the other; a refresh in between must not give less than none.
void ReadSnapshotBehind(const Readings& r, Samples* out) {
  const uint64_t live = r.registry.sequence;
  const uint64_t cut = r.registry.snapshot.sequence;
  out->push_back(Sample(live > cut ? live - cut : 0));
}

constexpr MetricRow kMetrics[] = {
    {"session_status_build_info", MetricType::Gauge, "version,broker",
     "Always 1; the labels say which plugin runs in which broker line.", "plugin", ReadBuildInfo},
    {"session_status_start_time_seconds", MetricType::Gauge, "",
     "When the plugin started, seconds since 1970-01-01 UTC.", "plugin",
     [](const Readings& r, Samples* out) {
       out->push_back(Sample(absl::ToDoubleSeconds(r.server.started_at - absl::UnixEpoch())));
     }},

    {"session_status_sessions", MetricType::Gauge, "state", "Clients known now, by state.",
     "registry", ReadSessions},
    {"session_status_online_sessions", MetricType::Gauge, "protocol",
     "Clients online now, by MQTT version.", "registry", ReadOnlineByProtocol},
    {"session_status_events_total", MetricType::Counter, "kind",
     "Session events that the broker told, stale ones included, by kind.", "plugin", ReadEvents},
    {"session_status_connects_total", MetricType::Counter, "", "Connections that were accepted.",
     "registry", FromCounts<&registry::RegistryCounts::connects>},
    {"session_status_takeovers_total", MetricType::Counter, "",
     "Connections that replaced an open one of the same client.", "registry",
     FromCounts<&registry::RegistryCounts::takeovers>},
    {"session_status_ends_total", MetricType::Counter, "reason",
     "Ends of connections and of kept sessions, by reason.", "registry", ReadEnds},
    {"session_status_changes_total", MetricType::Counter, "",
     "Changes applied to the registry; the sequence number of the last one.", "registry",
     [](const Readings& r, Samples* out) { out->push_back(Sample(r.registry.sequence)); }},
    {"session_status_stale_events_total", MetricType::Counter, "",
     "Events that changed nothing: duplicates, and ends of older connections.", "registry",
     FromCounts<&registry::RegistryCounts::stale_events>},
    {"session_status_forgotten_sessions_total", MetricType::Counter, "",
     "Ended sessions dropped by ended_sessions_ttl or ended_sessions_max, or to make room.",
     "registry", FromCounts<&registry::RegistryCounts::forgotten>},
    {"session_status_lost_events_total", MetricType::Counter, "",
     "Events not applied because memory ran out.", "registry",
     FromCounts<&registry::RegistryCounts::out_of_memory>},
    {"session_status_names_left_out_total", MetricType::Counter, "",
     "User names and addresses not kept because there was no room; the clients are followed.",
     "registry", FromCounts<&registry::RegistryCounts::names_left_out>},
    {"session_status_registry_memory_bytes", MetricType::Gauge, "",
     "Memory of the registry, all overhead included.", "registry",
     [](const Readings& r, Samples* out) { out->push_back(Sample(r.registry.memory_bytes)); }},

    {"session_status_snapshot_age_seconds", MetricType::Gauge, "",
     "Age of the snapshot that answers batches.", "registry", ReadSnapshotAge},
    {"session_status_snapshot_behind_changes", MetricType::Gauge, "",
     "Changes applied since that snapshot.", "registry", ReadSnapshotBehind},
    {"session_status_snapshot_refresh_interval_seconds", MetricType::Gauge, "",
     "The configured interval between snapshots.", "plugin",
     [](const Readings& r, Samples* out) {
       out->push_back(Sample(absl::ToDoubleSeconds(r.registry.snapshot_refresh)));
     }},
    {"session_status_snapshot_publish_duration_seconds", MetricType::Histogram, "",
     "Time to publish one snapshot.", "plugin",
     [](const Readings& r, Samples* out) { AddHistogram(r.snapshot_publish, out); }},

    {"session_status_event_callback_duration_seconds", MetricType::Histogram, "",
     "Time the broker's thread spent on one session event.", "plugin",
     [](const Readings& r, Samples* out) { AddHistogram(r.event_callback, out); }},
    {"session_status_tracked_connections", MetricType::Gauge, "",
     "Broker connections, kept sessions included, that are followed now.", "broker",
     FromBroker<&BrokerReadings::tracked>},
    {"session_status_unknown_ends_total", MetricType::Counter, "",
     "Ends of connections that never became a session: refused logins, repeated ends.", "broker",
     FromBroker<&BrokerReadings::unknown_ends>},
    {"session_status_duplicate_events_total", MetricType::Counter, "",
     "Events told by a further instance of the plugin.", "broker",
     FromBroker<&BrokerReadings::duplicate_events>},
    {"session_status_ghosts_averted_total", MetricType::Counter, "",
     "Connects not believed because the broker had already dropped the connection.", "broker",
     FromBroker<&BrokerReadings::ghosts_averted>},
    {"session_status_unseen_ends_total", MetricType::Counter, "",
     "Connections whose end the broker never told; found when their memory was reused.", "broker",
     FromBroker<&BrokerReadings::unseen_ends>},
    {"session_status_guard_overflows_total", MetricType::Counter, "",
     "Ends of unknown connections beyond what is remembered in one loop round.", "broker",
     FromBroker<&BrokerReadings::guard_overflows>},
    {"session_status_untracked_connections_total", MetricType::Counter, "",
     "Connections not followed because memory ran out.", "broker",
     FromBroker<&BrokerReadings::out_of_memory>},
    {"session_status_callback_exceptions_total", MetricType::Counter, "",
     "Exceptions caught at the broker's boundary; the event was dropped.", "broker",
     FromBroker<&BrokerReadings::exceptions>},

    {"session_status_audit_checks_total", MetricType::Counter, "",
     "Sessions that the self-audit compared with the broker.", "broker",
     FromAudit<&AuditReadings::checks>},
    {"session_status_audit_passes_total", MetricType::Counter, "",
     "Times the self-audit has been through all sessions.", "broker",
     FromAudit<&AuditReadings::passes>},
    {"session_status_audit_walks_total", MetricType::Counter, "",
     "Walks over the broker's whole client table.", "broker", FromAudit<&AuditReadings::walks>},
    {"session_status_audit_repairs_total", MetricType::Counter, "kind",
     "Differences that the self-audit repaired: ends and connects that no event told.", "broker",
     ReadRepairs},
    {"session_status_audit_expired_sessions_total", MetricType::Counter, "",
     "Kept sessions that the self-audit found expired; no broker tells it.", "broker",
     FromAudit<&AuditReadings::found_expired>},
    {"session_status_audit_undecidable_sessions", MetricType::Gauge, "",
     "Online sessions of the last pass that the broker does not tell from kept ones.", "broker",
     FromAudit<&AuditReadings::undecidable>},
    {"session_status_audit_slice_duration_seconds", MetricType::Histogram, "",
     "Time the broker's thread spent on one look of the self-audit.", "plugin",
     [](const Readings& r, Samples* out) {
       if (r.audit.has_value()) AddHistogram(r.audit->slices, out);
     }},

    {"session_status_flaps_total", MetricType::Counter, "",
     "Connections that broke or were taken over.", "history", FromHistory<&HistoryReadings::flaps>},
    {"session_status_history_clients", MetricType::Gauge, "",
     "Clients whose last connections are remembered.", "history",
     FromHistory<&HistoryReadings::clients>},
    {"session_status_history_bytes", MetricType::Gauge, "", "Memory of that.", "history",
     FromHistory<&HistoryReadings::bytes>},
    {"session_status_history_forgotten_clients_total", MetricType::Counter, "",
     "Clients dropped from it to keep to history_bytes_max.", "history",
     FromHistory<&HistoryReadings::clients_forgotten>},
    {"session_status_history_gaps_total", MetricType::Counter, "",
     "Times changes came too fast to be remembered.", "history",
     FromHistory<&HistoryReadings::gaps>},
    {"session_status_listings_given_up_total", MetricType::Counter, "",
     "Listings that ended before their last page: not read for listing_idle_timeout, or too much "
     "changed meanwhile.",
     "listing", ReadListings},
    {"session_status_store_queue_bytes", MetricType::Gauge, "",
     "Changes waiting to be written to session_database.", "store",
     FromStore<&StoreReadings::queue_bytes>},
    {"session_status_store_dropped_changes_total", MetricType::Counter, "",
     "Changes that found no room in that queue; a full save makes up for them, but in the history.",
     "store", FromStore<&StoreReadings::dropped>},
    {"session_status_store_write_failures_total", MetricType::Counter, "",
     "Attempts to write session_database that failed.", "store",
     FromStore<&StoreReadings::failures>},
    {"session_status_store_failing", MetricType::Gauge, "",
     "1 while session_database cannot be written and sessions are in memory only.", "store",
     [](const Readings& r, Samples* out) {
       if (r.store.has_value()) out->push_back(Sample(r.store->failing ? 1 : 0));
     }},
    {"session_status_store_behind_seconds", MetricType::Gauge, "",
     "What happened longer ago than this is in session_database.", "store",
     [](const Readings& r, Samples* out) {
       if (!r.store.has_value()) return;
       const absl::Duration behind = r.now - r.store->complete_until;
       out->push_back(Sample(absl::ToDoubleSeconds(std::max(behind, absl::ZeroDuration()))));
     }},
    {"session_status_store_commits_total", MetricType::Counter, "",
     "Transactions written to session_database.", "store", FromStore<&StoreReadings::commits>},
    {"session_status_store_full_saves_total", MetricType::Counter, "",
     "Times all sessions were saved anew.", "store", FromStore<&StoreReadings::full_saves>},
    {"session_status_store_restored_sessions", MetricType::Gauge, "",
     "Sessions restored from session_database at the start.", "store",
     FromStore<&StoreReadings::restored>},
    {"session_status_store_unreserved_incarnations", MetricType::Gauge, "",
     "Incarnation numbers given out beyond what session_database has reserved.", "store",
     FromStore<&StoreReadings::unreserved_incarnations>},

    {"session_status_query_duration_seconds", MetricType::Histogram, "surface,operation,result",
     "Time to answer a query, without the network; its count is the number of queries.", "metrics",
     [](const Readings& r, Samples* out) {
       if (r.queries != nullptr) *out = r.queries->Read();
     }},

    {"session_status_reload_failed", MetricType::Gauge, "what",
     "1: the last SIGHUP could not read this file again, and what was read before is in force.",
     "plugin",
     [](const Readings& r, Samples* out) {
       for (const ReloadReading& reload : r.reloads) {
         out->push_back(Sample(reload.failed ? 1 : 0, {{"what", std::string(reload.name)}}));
       }
     }},

    {"session_status_api_throttled_calls_total", MetricType::Counter, "code",
     "Calls of the documented API that a rate limit turned away, by the code they got.", "openapi",
     ReadThrottled},
    {"session_status_usage_transactions_total", MetricType::Counter, "",
     "Successful calls counted into the usage database.", "store",
     FromUsage<&UsageReadings::counted>},
    {"session_status_usage_refused_calls_total", MetricType::Counter, "",
     "Calls answered SystemOverFlow because there was no room left to count them.", "store",
     FromUsage<&UsageReadings::refused>},
    {"session_status_usage_pending_counts", MetricType::Gauge, "",
     "Different usage counts that wait to be written.", "store",
     FromUsage<&UsageReadings::pending>},
    {"session_status_usage_write_failures_total", MetricType::Counter, "",
     "Failed attempts to write the usage database; the counts wait and nothing is lost.", "store",
     FromUsage<&UsageReadings::write_failures>},

    {"session_status_feed_followers", MetricType::Gauge, "", "Followers of the change feed now.",
     "feed", FromFeed<&FeedReadings::followers>},
    {"session_status_feed_lag_changes", MetricType::Gauge, "",
     "Changes not yet handed to the follower that is furthest behind.", "feed",
     FromFeed<&FeedReadings::lag_changes>},
    {"session_status_feed_sent_changes_total", MetricType::Counter, "",
     "Changes and states sent, over all followers.", "feed", FromFeed<&FeedReadings::sent>},
    {"session_status_feed_gaps_total", MetricType::Counter, "",
     "Times a follower was told that it missed changes of this life of the broker: it read too "
     "slowly, or was away too long.",
     "feed", FromFeed<&FeedReadings::gaps>},
    {"session_status_feed_refused_followers_total", MetricType::Counter, "",
     "Followers turned away over feed_followers_max.", "feed", FromFeed<&FeedReadings::refused>},

    {"session_status_listener_connections", MetricType::Gauge, "",
     "Open connections of the listener.", "transport",
     FromListener<&ListenerReadings::connections>},
    {"session_status_listener_accepted_connections_total", MetricType::Counter, "",
     "Connections the listener accepted.", "transport", FromListener<&ListenerReadings::accepted>},
    {"session_status_listener_refused_connections_total", MetricType::Counter, "",
     "Connections turned away: over a limit, or of a user whom admin_socket_uids and "
     "admin_socket_gids do not name.",
     "transport", FromListener<&ListenerReadings::refused_connections>},
    {"session_status_listener_evicted_connections_total", MetricType::Counter, "",
     "Connections closed to make room for others.", "transport",
     FromListener<&ListenerReadings::evicted_connections>},
    {"session_status_listener_failed_handshakes_total", MetricType::Counter, "",
     "TLS handshakes that failed: one side did not take the other's certificate, they have no "
     "version in common, or the peer does not speak TLS (plain HTTP). Peers that left before it "
     "came to that are not counted.",
     "transport", FromListener<&ListenerReadings::failed_handshakes>},
    {"session_status_listener_tls_certificate_not_after_seconds", MetricType::Gauge, "",
     "When the first certificate of the chain in use ends, seconds since 1970-01-01 UTC.",
     "transport", FromListenerTime<&ListenerReadings::certificate_ends>},
    {"session_status_listener_tls_client_ca_not_after_seconds", MetricType::Gauge, "",
     "When the first CA certificate in use for clients ends, seconds since 1970-01-01 UTC; from "
     "then on no certificate of that CA is accepted.",
     "transport", FromListenerTime<&ListenerReadings::client_ca_ends>},
    {"session_status_listener_tls_crl_next_update_seconds", MetricType::Gauge, "",
     "When the list of revoked client certificates in use ends, seconds since 1970-01-01 UTC; from "
     "then on no client certificate is accepted.",
     "transport", FromListenerTime<&ListenerReadings::revocations_end>},
    {"session_status_listener_timeouts_total", MetricType::Counter, "",
     "Connections closed because the peer was too slow; those that asked nothing more for "
     "listener_idle_timeout are not counted.",
     "transport", FromListener<&ListenerReadings::timeouts>},
    {"session_status_listener_accept_pauses_total", MetricType::Counter, "",
     "Times accepting paused because file descriptors ran out.", "transport",
     FromListener<&ListenerReadings::accept_pauses>},
    {"session_status_listener_requests_total", MetricType::Counter, "",
     "Requests handed to a surface.", "transport", FromListener<&ListenerReadings::requests>},
    {"session_status_listener_refused_requests_total", MetricType::Counter, "",
     "Requests the listener itself answered with an error.", "transport",
     FromListener<&ListenerReadings::refused_requests>},
    {"session_status_listener_received_bytes_total", MetricType::Counter, "",
     "Bytes received by the listener.", "transport",
     FromListener<&ListenerReadings::bytes_received>},
    {"session_status_listener_sent_bytes_total", MetricType::Counter, "",
     "Bytes sent by the listener.", "transport", FromListener<&ListenerReadings::bytes_sent>},
    {"session_status_listener_buffered_bytes", MetricType::Gauge, "",
     "Bytes of requests and replies held for connections now; what TLS itself holds of a "
     "connection is not among them.",
     "transport", FromListener<&ListenerReadings::buffered_bytes>},

    {"session_status_control_requests_total", MetricType::Counter, "",
     "Requests on $CONTROL that the broker's ACLs let through.", "control",
     FromControl<&ControlReadings::requests>},
    {"session_status_control_refused_requests_total", MetricType::Counter, "",
     "Of these, refused: not allowed by control_users, or over a limit.", "control",
     FromControl<&ControlReadings::refused>},
    {"session_status_control_answers_total", MetricType::Counter, "",
     "Answers on $CONTROL, refusals included, handed to the broker.", "control",
     FromControl<&ControlReadings::answered>},
    {"session_status_control_dropped_answers_total", MetricType::Counter, "",
     "Answers on $CONTROL not sent: the client had gone, or there was no room.", "control",
     FromControl<&ControlReadings::dropped>},
    {"session_status_control_waiting_requests", MetricType::Gauge, "",
     "Requests on $CONTROL whose answer has not left.", "control",
     FromControl<&ControlReadings::waiting>},

    {"session_status_topics_published_total", MetricType::Counter, "",
     "Messages published to MQTT topics.", "topics", FromTopics<&TopicReadings::published>},
    {"session_status_topics_coalesced_total", MetricType::Counter, "",
     "Changes that flap control replaced by newer ones.", "topics",
     FromTopics<&TopicReadings::coalesced>},
    {"session_status_topics_skipped_total", MetricType::Counter, "",
     "Messages not published: the topic would be too long, or the broker took nothing.", "topics",
     FromTopics<&TopicReadings::skipped>},
    {"session_status_topics_missed_changes_total", MetricType::Counter, "",
     "Changes lost because more changed than could be published; told on the gap topic.", "topics",
     FromTopics<&TopicReadings::missed>},

    {"session_status_webhook_delivered_events_total", MetricType::Counter, "",
     "Events the webhook's receiver took.", "webhook",
     FromWebhook<&WebhookReadings::delivered_events>},
    {"session_status_webhook_delivered_batches_total", MetricType::Counter, "",
     "Posts in which it took them.", "webhook", FromWebhook<&WebhookReadings::delivered_batches>},
    {"session_status_webhook_failed_posts_total", MetricType::Counter, "",
     "Posts without an answer, or with one that asks to try again.", "webhook",
     FromWebhook<&WebhookReadings::failed_posts>},
    {"session_status_webhook_rejected_events_total", MetricType::Counter, "",
     "Events the receiver will never take (400, 413, 415, 422).", "webhook",
     FromWebhook<&WebhookReadings::rejected_events>},
    {"session_status_webhook_dropped_changes_total", MetricType::Counter, "",
     "Changes lost before they could be delivered; told by gap events.", "webhook",
     FromWebhook<&WebhookReadings::dropped_changes>},
    {"session_status_webhook_behind_changes", MetricType::Gauge, "",
     "Changes neither delivered nor given up yet.", "webhook",
     FromWebhook<&WebhookReadings::behind_changes>},
    {"session_status_webhook_failures_in_a_row", MetricType::Gauge, "",
     "Failed posts since the last one that was answered.", "webhook",
     FromWebhook<&WebhookReadings::failures_in_a_row>},
    {"session_status_fleet_ready", MetricType::Gauge, "",
     "1 when the other nodes' sessions have been read once.", "fleet",
     [](const Readings& r, Samples* out) {
       if (r.fleet.has_value()) out->push_back(Sample(r.fleet->ready ? 1 : 0));
     }},
    {"session_status_fleet_nodes", MetricType::Gauge, "state",
     "Nodes of the fleet that hold their lease, this one included while it is joined, others that "
     "lost it, and others that were stopped in order.",
     "fleet", ReadFleetNodes},
    {"session_status_fleet_sessions", MetricType::Gauge, "part",
     "Clients online on this node, and on all others.", "fleet", ReadFleetSessions},
    {"session_status_fleet_others_age_seconds", MetricType::Gauge, "",
     "How old the knowledge about other nodes' clients is.", "fleet", ReadFleetAge},
    {"session_status_fleet_queued_changes", MetricType::Gauge, "",
     "Changes of this node's clients that are not in the engine yet.", "fleet",
     FromFleet<&registry::FleetStatus::queued>},
    {"session_status_fleet_loading_shards", MetricType::Gauge, "",
     "Shards of the others' sessions that are being read as a whole.", "fleet",
     FromFleet<&registry::FleetStatus::shards_loading>},
    {"session_status_fleet_written_changes_total", MetricType::Counter, "",
     "Changes written to the engine, repetitions after faults included.", "fleet",
     FromFleet<&registry::FleetStatus::events_written>},
    {"session_status_fleet_read_batches_total", MetricType::Counter, "",
     "Batches of changes read from the engine, our own included.", "fleet",
     FromFleet<&registry::FleetStatus::entries_read>},
    {"session_status_fleet_resends_total", MetricType::Counter, "",
     "Shards of our own sessions written again as a whole.", "fleet",
     FromFleet<&registry::FleetStatus::resends>},
    {"session_status_fleet_loads_total", MetricType::Counter, "",
     "Shards of the others' sessions read as a whole.", "fleet",
     FromFleet<&registry::FleetStatus::loads>},
    {"session_status_fleet_takeovers_total", MetricType::Counter, "",
     "Clients of this node that connected to another one.", "fleet",
     FromFleet<&registry::FleetStatus::taken_over>},
    {"session_status_fleet_kicks_total", MetricType::Counter, "",
     "Connections closed because the client had connected to another node.", "fleet",
     FromFleet<&registry::FleetStatus::kicks>},
    {"session_status_fleet_engine_errors_total", MetricType::Counter, "",
     "Connections to the engine that were lost or refused, and reads or writes that it refuses, "
     "one "
     "a second.",
     "fleet", FromFleet<&registry::FleetStatus::engine_errors>},
    {"session_status_fleet_refused_writes_total", MetricType::Counter, "",
     "Writes that the engine refused, for example because its memory is full.", "fleet",
     FromFleet<&registry::FleetStatus::write_errors>},
};

}  // namespace

absl::Span<const MetricRow> MetricTable() { return kMetrics; }

std::vector<prometheus::MetricFamily> CollectFamilies(const Readings& readings) {
  std::vector<prometheus::MetricFamily> families;
  families.reserve(std::size(kMetrics));
  for (const MetricRow& row : kMetrics) {
    prometheus::MetricFamily family;
    row.read(readings, &family.metric);
    if (family.metric.empty()) continue;
    family.name = std::string(row.name);
    family.help = std::string(row.help);
    family.type = row.kind;
    families.push_back(std::move(family));
  }
  return families;
}

absl::string_view KindName(prometheus::MetricType kind) {
  switch (kind) {
    case MetricType::Counter:
      return "counter";
    case MetricType::Gauge:
      return "gauge";
    case MetricType::Histogram:
      return "histogram";
    default:
      return "untyped";
  }
}

}  // namespace session_status::metrics
