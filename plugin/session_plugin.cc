#include "plugin/session_plugin.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "plugin/os/descriptor_table.h"
#include "plugin/os/steady_clock.h"
#include "plugin/version.h"

namespace session_status {
namespace {

// Ended sessions forgotten per housekeeping call (ten a second): keeps up with 10,000 ends a
// second and stays far below a millisecond.
constexpr size_t kForgetPerHousekeepingMax = 1000;
// A flood of clients must not fill the registry between two ticks.
constexpr size_t kForgetPerEventMax = 32;

constexpr absl::string_view kAccessFile = "access_file";  // as the reloader calls it

absl::string_view LineName(broker::BrokerLine line) {
  return line == broker::BrokerLine::kV21 ? "mosquitto 2.1" : "mosquitto 2.0";
}

// "/run/a.sock, 127.0.0.1:8081, https://[::1]:8443"
std::string PlacesOf(const transport::ListenerOptions& listener) {
  std::vector<std::string> places;
  if (!listener.unix_socket_path.empty()) places.push_back(listener.unix_socket_path);
  for (const std::string& address : listener.tcp_addresses) places.push_back(address);
  for (const std::string& address : listener.tls_addresses) {
    places.push_back(absl::StrCat("https://", address));
  }
  return absl::StrJoin(places, ", ");
}

// Where no client's port is known all would be in one instance, and its owner would see the
// others'.
absl::Status CheckTellsListeners(broker::BrokerLine line, const DocumentedApiOptions& options) {
  if (line == broker::BrokerLine::kV21 || options.instances_by_listener.empty()) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "option plugin_opt_instances_by_listener: \"",
      absl::StrJoin(options.instances_by_listener, " ", absl::PairFormatter("=")),
      "\": Mosquitto 2.0 does not tell which listener a client uses, so clients could not be told "
      "apart; use plugin_opt_instances_by_username true, or Mosquitto 2.1"));
}

}  // namespace

SessionPlugin::SessionPlugin(const Options& options)
    : options_(options),
      registry_(options_.registry),
      forgetting_time_(absl::Now(), os::SteadyNow()),  // remembering_ sets it back
      tracker_(*this, /*first_incarnation=*/1),        // remembering_ raises it
      feed_{*this, tracker_, clock_, log_},
      auditing_(registry_, tracker_, log_, options_.audit),
      remembering_({registry_, tracker_, log_, *this}, options_.remembering, options_.registry),
      fleet_(FleetMembership::IfConfigured(options_.fleet, registry_, options_.registry, log_)),
      refresher_(registry_, options_.snapshot_refresh, telemetry_.snapshot_publish()),
      documented_api_(registry_, log_, options_.documented_api, options_.instance_id),
      certificate_log_(log_, options_.listener),
      handshake_log_(log_, absl::Now),
      failure_log_(log_, absl::Now),
      reloader_(log_) {
  tracker_.set_registry(registry_);
  if (options_.offline_grace > absl::ZeroDuration()) {
    grace_.emplace(registry_, options_.offline_grace);
  }
}

SessionPlugin::~SessionPlugin() {
  // First: it takes a second at most, which goes by beside all that follows.
  if (following_.has_value()) following_->BeginStop();
  // Before any member goes: a reload may be on its way to the listener, a query may be reading it.
  reloader_.Stop();
  if (listener_.has_value()) listener_->Stop();
  // All before any is waited for: a disk that hangs may hold each of them.
  remembering_.BeginClose(clock_.Now());
  documented_api_.BeginClose();
  remembering_.Close();
  documented_api_.Close();
}

absl::StatusOr<std::unique_ptr<broker::Hooks>> SessionPlugin::Attach(
    mosquitto_plugin_id_t* identifier, int instance) {
  auto hooks = broker::Hooks::Register(identifier, feed_, instance, options_.broker);
  if (!hooks.ok() || service_.has_value()) return hooks;
  if (absl::Status s = StartService((*hooks)->line()); !s.ok()) return s;
  return hooks;
}

void SessionPlugin::LogRoom(absl::string_view whom, uint64_t sessions_max) {
  if (sessions_max >= options_.registry.sessions_max) return;
  log_.Write(
      broker::LogLevel::kWarning,
      absl::StrCat("option plugin_opt_sessions_max: the system grants address space for ",
                   sessions_max, " ", whom, " instead of ", options_.registry.sessions_max,
                   " (RLIMIT_AS, or vm.overcommit_memory=2); those beyond are not followed"));
}

absl::Status SessionPlugin::StartService(broker::BrokerLine line) {
  if (absl::Status s = CheckTellsListeners(line, options_.documented_api); !s.ok()) return s;
  os::GrowDescriptorTable();
  for (const std::string& warning : options_.without_effect) {
    log_.Write(broker::LogLevel::kWarning, warning);
  }
  LogRoom("clients", registry_.sessions_max());
  if (fleet_ != nullptr) LogRoom("clients of other nodes", fleet_->sessions_max());
  api::ServerFacts facts;
  facts.version = kVersion;
  facts.broker = std::string(LineName(line));
  facts.instance_id = options_.instance_id;
  facts.started_at = absl::Now();
  if (absl::Status s = remembering_.Start(clock_.Now(), options_.listener.nice_level); !s.ok()) {
    return s;
  }
  // The clock may be ahead, and who is forgotten by it stays so when it is set right.
  forgetting_time_ = registry::LastingTime(remembering_.reached(absl::Now()), os::SteadyNow());
  for (registry::ChangeObserver* o : remembering_.observers()) observers_.push_back(o);
  const metrics::ServerReadings server = {kVersion, LineName(line), facts.started_at};
  facts.snapshot_refresh = options_.snapshot_refresh;
  facts.offline_grace = options_.offline_grace;
  following_.emplace(registry_, options_.following, facts, [this](absl::string_view text) {
    log_.Write(broker::LogLevel::kWarning, text);
  });
  following_->AddRoutes(&router_);
  service_.emplace(registry_, std::move(facts), others());
  if (grace_.has_value()) service_->use_grace(&*grace_);
  service_->use_lister(&following_->lister());
  service_->use_history(&following_->history());
  service_->use_stored_history(remembering_.history());
  auditing_.Start(line, &following_->history());
  service_->use_audit(&auditing_);
  connect_surface_.emplace(*service_);
  over_mqtt_.emplace(registry_, *service_, following_->feed(), options_.over_mqtt);
  service_->add_status_source([this](api::pb::GetServerStatusResponse* out) {
    remembering_.Read(out);
    over_mqtt_->Read(out);
    following_->Read(out);
    out->set_clock_ahead_ms(clock_ahead_ms_.load(std::memory_order_relaxed));
    ReadReloads(out);
  });
  router_.Add(http::Router::Match::kPrefix, api::ConnectSurface::kPathPrefix,
              telemetry_.Measure(metrics::QuerySurface::kAdmin, *connect_surface_,
                                 [this](absl::string_view operation, const http::Reply& reply) {
                                   failure_log_.OnFailure(operation, reply);
                                 }));
  telemetry_.AddRoutes({registry_, others(), feed_, options_.snapshot_refresh, server,
                        [this] { return listener_.has_value() ? &*listener_ : nullptr; },
                        [this](metrics::Readings* out) { ReadParts(out); }},
                       &router_);
  if (absl::Status s = JoinFleet(); !s.ok()) return s;
  if (grace_.has_value()) documented_api_.use_grace(&*grace_);
  if (absl::Status s = documented_api_.Start(options_.listener.nice_level); !s.ok()) return s;
  page_.emplace(options_.instance_id, options_.documented_api.surface.batch_ids_max,
                *telemetry_.Measure(metrics::QuerySurface::kOpenApi,
                                    documented_api_.surface()));  // logs itself
  page_->AddRoutes(&router_);
  if (absl::Status s = refresher_.Start(options_.listener.nice_level); !s.ok()) return s;
  if (absl::Status s = following_->Start(options_.listener.nice_level); !s.ok()) return s;
  if (absl::Status s = over_mqtt_->Start(options_.listener.nice_level); !s.ok()) return s;
  for (registry::ChangeObserver* o : following_->observers()) observers_.push_back(o);
  AddReloads();  // before the listener asks how they went
  listener_.emplace(options_.listener, router_,
                    [this](const http::Peer& peer, absl::string_view reason) {
                      handshake_log_.OnFailedHandshake(peer, reason);
                    });
  if (absl::Status s = listener_->Start(); !s.ok()) {
    if (absl::IsResourceExhausted(s)) return s;  // no option's fault
    return absl::Status(s.code(), absl::StrCat("option plugin_opt_", s.message()));
  }
  if (!options_.listener.tls_addresses.empty()) certificate_log_.Load(absl::Now());
  if (absl::Status s = reloader_.Start(options_.listener.nice_level); !s.ok()) return s;
  log_.Write(broker::LogLevel::kInfo,
             absl::StrCat("session status ", kVersion, " on ", LineName(line),
                          ", admin service at ", PlacesOf(options_.listener)));
  return absl::OkStatus();
}

void SessionPlugin::AddReloads() {
  if (documented_api_.has_access_file()) {
    reloader_.Add("access file", [this] { return documented_api_.Reload(); });
  }
  if (!options_.listener.tls_addresses.empty()) {
    reloader_.Add("certificates", [this] {
      const absl::Status status = listener_->ReloadTls();
      if (status.ok()) certificate_log_.Load(absl::Now());
      return status;
    });
  }
  if (following_->has_webhook_secret()) {
    reloader_.Add("webhook secret", [this] { return following_->ReloadWebhookSecret(); });
  }
}

const registry::OthersView* SessionPlugin::others() const {
  return fleet_ == nullptr ? nullptr : &fleet_->others();
}

absl::Status SessionPlugin::JoinFleet() {
  if (fleet_ == nullptr) return absl::OkStatus();
  documented_api_.CoverFleet(fleet_->others(), fleet_->others_age_max());
  refresher_.PublishFirst([this](absl::Time now) { fleet_->Publish(now); });
  refresher_.PopulateToo([this](absl::Duration d) { return fleet_->PopulateAhead(d); });
  observers_.push_back(fleet_->observer());
  return fleet_->Start();
}

registry::ApplyResult SessionPlugin::Apply(const registry::SessionEvent& event) {
  const listing::FrozenCuts::Change change(following_->cuts(), event.client_id);
  if (grace_.has_value()) grace_->BeginLoss(event, absl::ToInt64Milliseconds(os::SteadyNow()));
  const registry::ApplyResult result = registry_.Apply(event);
  if (grace_.has_value()) grace_->EndLoss(result.outcome);
  return result;
}

void SessionPlugin::OnSessionEvent(const registry::SessionEvent& event) {
  if (fleet_ != nullptr && event.kind == registry::SessionEvent::Kind::kEnded &&
      fleet_->IsMovingAway(event.client_id)) {
    registry::SessionEvent moved = event;
    moved.reason = registry::EndReason::kTakenOver;
    return Follow(moved);
  }
  Follow(event);
}

void SessionPlugin::Follow(const registry::SessionEvent& event) {
  const Telemetry::TimedEvent timed(telemetry_, event.kind);
  const registry::ApplyResult result = Apply(event);
  if (result.outcome == registry::ApplyResult::Outcome::kApplied) {
    for (registry::ChangeObserver* observer : observers_) observer->OnChange(event, result);
  }
  // Nobody is forgotten where a client that was known turns out to be kept: it needs no place, and
  // others who will turn out to be kept may still be among the ended.
  if (event.kind == registry::SessionEvent::Kind::kRestored &&
      result.before != registry::SessionState::kUnknown) {
    return;
  }
  // Last: should memory run out in it, the event has been told.
  if (registry_.MustForget()) Forget(kForgetPerEventMax);
}

void SessionPlugin::ReadParts(metrics::Readings* out) {
  if (out->listener.has_value()) {
    out->listener->certificate_ends = certificate_log_.certificate_ends();
    out->listener->client_ca_ends = certificate_log_.client_ca_ends();
    out->listener->revocations_end = certificate_log_.revocations_end();
  }
  auditing_.Read(out);
  remembering_.Read(out);
  following_->Read(out);
  over_mqtt_->Read(out);
  documented_api_.Read(out);
  for (const Reloader::Outcome& outcome : reloader_.Outcomes()) {
    out->reloads.push_back({outcome.name, outcome.failed});
  }
}

void SessionPlugin::ReadReloads(api::pb::GetServerStatusResponse* out) const {
  for (const Reloader::Outcome& outcome : reloader_.Outcomes()) {
    api::pb::ReloadStatus* reload = out->add_reloads();
    reload->set_name(std::string(outcome.name));
    reload->set_failed(outcome.failed);
    reload->set_at_ms(absl::ToUnixMillis(outcome.at));
    if (outcome.name == kAccessFile) {
      reload->set_modified_at_ms(documented_api_.access_file_modified_ms());
    }
  }
}

void SessionPlugin::Forget(size_t budget) {
  listing::FrozenCuts& cuts = following_->cuts();
  const listing::FrozenCuts::Change change(cuts, {});
  // By the clock itself: neither an event's time, which may be anything, nor clock_, which never
  // steps back, so that a step forward for a minute would be one that lasts.
  const absl::Time now = absl::Now();
  registry_.Maintain(forgetting_time_.Advance(now, os::SteadyNow()), budget,
                     [&](absl::string_view id, const registry::SessionDetails& details) {
                       cuts.Forgetting(id, details);
                       remembering_.OnForgotten(id, now);
                       over_mqtt_->OnForget(id);
                     });
}

// Who is forgotten faster than retained messages are removed leaves one behind for ever. Too many
// who are remembered, or no room for others, is worse.
size_t SessionPlugin::HousekeepingBudget() const {
  const size_t least = registry_.MustForget() ? kForgetPerEventMax : 0;
  return std::min(kForgetPerHousekeepingMax, std::max(over_mqtt_->forget_room(), least));
}

void SessionPlugin::OnHousekeeping(absl::Time now) {
  clock_ahead_ms_.store(absl::ToInt64Milliseconds(now - absl::Now()), std::memory_order_relaxed);
  remembering_.OnHousekeeping(now);  // first: who has a session in the broker is not forgotten
  auditing_.OnTick(now);
  Forget(HousekeepingBudget());
  for (registry::ChangeObserver* observer : observers_) observer->OnTick(now);
  over_mqtt_->OnTick(now);
  certificate_log_.OnTick(absl::Now());
}

void SessionPlugin::OnControlRequest(const broker::ControlRequest& request) {
  over_mqtt_->OnControlRequest(request);
}

void SessionPlugin::OnReload(absl::Time) { reloader_.Request(); }

}  // namespace session_status
