// The composition root: builds every object in order, owns every thread, stops in reverse.
//
// One per process, whatever the number of `plugin` lines: the broker may initialise the plugin
// several times (several listeners), and all instances share one registry and one listener.
//
// Threads: broker (init, cleanup).
// Errors:  absl::Status in words for the operator; nothing is left behind after a failure.
#ifndef SESSION_STATUS_PLUGIN_SESSION_PLUGIN_H_
#define SESSION_STATUS_PLUGIN_SESSION_PLUGIN_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "plugin/api/connect_surface.h"
#include "plugin/api/service.h"
#include "plugin/auditing.h"
#include "plugin/broker/broker_log.h"
#include "plugin/broker/event_sink.h"
#include "plugin/broker/hooks.h"
#include "plugin/broker/session_tracker.h"
#include "plugin/broker/steady_wall_clock.h"
#include "plugin/certificate_log.h"
#include "plugin/documented_api.h"
#include "plugin/failure_log.h"
#include "plugin/fleet_membership.h"
#include "plugin/following.h"
#include "plugin/handshake_log.h"
#include "plugin/http/router.h"
#include "plugin/options.h"
#include "plugin/over_mqtt.h"
#include "plugin/page.h"
#include "plugin/refresher.h"
#include "plugin/reloader.h"
#include "plugin/remembering.h"
#include "plugin/telemetry.h"
#include "plugin/transport/listener.h"
#include "registry/change_observer.h"
#include "registry/lasting_time.h"
#include "registry/loss_grace.h"
#include "registry/session_registry.h"

namespace session_status {

class SessionPlugin : private broker::EventSink {
 public:
  explicit SessionPlugin(const Options& options);
  ~SessionPlugin() override;

  // Hooks one more instance of the plugin into the broker. The first one also starts the threads
  // and the listener.
  absl::StatusOr<std::unique_ptr<broker::Hooks>> Attach(mosquitto_plugin_id_t* identifier,
                                                        int instance);

  broker::BrokerLog& log() { return log_; }
  http::Router& RouterForTest() { return router_; }

 private:
  void OnSessionEvent(const registry::SessionEvent& event) override;
  void OnHousekeeping(absl::Time now) override;
  void OnReload(absl::Time now) override;
  void OnControlRequest(const broker::ControlRequest& request) override;

  void Follow(const registry::SessionEvent& event);
  registry::ApplyResult Apply(const registry::SessionEvent& event);
  void Forget(size_t budget);
  size_t HousekeepingBudget() const;
  absl::Status StartService(broker::BrokerLine line);
  // Says so when there is room for fewer than option sessions_max wants.
  void LogRoom(absl::string_view whom, uint64_t sessions_max);
  void AddReloads();
  void ReadParts(metrics::Readings* out);
  void ReadReloads(api::pb::GetServerStatusResponse* out) const;
  absl::Status JoinFleet();
  const registry::OthersView* others() const;
  // Everything that follows the registry's changes, told in this order. Filled before the first
  // event, emptied after the last.
  std::vector<registry::ChangeObserver*> observers_;

  // In dependency order; destruction runs upward, so threads stop before what they use.
  const Options options_;
  broker::BrokerLog log_;
  broker::SteadyWallClock clock_;
  // relaxed: a figure of its own. Of the last tick, against the system's clock.
  std::atomic<int64_t> clock_ahead_ms_{0};
  registry::SessionRegistry registry_;
  registry::LastingTime forgetting_time_;
  std::optional<registry::LossGrace> grace_;  // with option offline_grace
  broker::SessionTracker tracker_;
  broker::Feed feed_;
  Auditing auditing_;
  Remembering remembering_;
  Telemetry telemetry_;
  const std::unique_ptr<FleetMembership> fleet_;  // nullptr: no fleet is configured
  Refresher refresher_;
  std::optional<Following> following_;  // before the first event
  http::Router router_;
  std::optional<api::Service> service_;  // once the broker line is known
  std::optional<api::ConnectSurface> connect_surface_;
  std::optional<OverMqtt> over_mqtt_;
  DocumentedApi documented_api_;
  std::optional<Page> page_;
  CertificateLog certificate_log_;
  HandshakeLog handshake_log_;
  FailureLog failure_log_;
  std::optional<transport::Listener> listener_;
  Reloader reloader_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_SESSION_PLUGIN_H_
