// What the plugin knows about itself, and the surfaces that tell it: /metrics, /healthz, /readyz.
//
// Threads:   construction, AddRoutes: broker. TimedEvent: broker, wait-free. The surfaces: any.
// Ownership: everything in Sources outlives this object.
#ifndef SESSION_STATUS_PLUGIN_TELEMETRY_H_
#define SESSION_STATUS_PLUGIN_TELEMETRY_H_

#include <array>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>

#include "absl/time/time.h"
#include "plugin/broker/hooks.h"
#include "plugin/http/router.h"
#include "plugin/metrics/health_surface.h"
#include "plugin/metrics/measured_surface.h"
#include "plugin/metrics/metrics_surface.h"
#include "plugin/os/steady_clock.h"
#include "plugin/transport/listener.h"
#include "registry/others_view.h"
#include "registry/session_registry.h"

namespace session_status {

class Telemetry {
 public:
  struct Sources {
    const registry::SessionRegistry& registry;
    const registry::OthersView* others;  // nullptr: no fleet
    const broker::Feed& broker;
    absl::Duration snapshot_refresh;
    metrics::ServerReadings server;
    // The listener, or nullptr before it runs.
    std::function<const transport::Listener*()> listener;
    // Has the plugin's other parts add theirs. Called while scraping, on a listener thread.
    std::function<void(metrics::Readings*)> parts;
  };

  // Counts an event, and records how long the broker's thread spent on it until the end of the
  // scope.
  class TimedEvent {
   public:
    TimedEvent(Telemetry& telemetry, registry::SessionEvent::Kind kind)
        : histogram_(telemetry.event_callback_), begin_ns_(os::SteadyNs()) {
      telemetry.events_[static_cast<size_t>(kind)].Add();
    }
    ~TimedEvent() { histogram_.Record(os::SteadyNs() - begin_ns_); }
    TimedEvent(const TimedEvent&) = delete;
    TimedEvent& operator=(const TimedEvent&) = delete;

   private:
    metrics::DurationHistogram& histogram_;
    const int64_t begin_ns_;
  };

  metrics::DurationHistogram& snapshot_publish() { return snapshot_publish_; }

  // `surface`, measured; give the result to the router in its place.
  http::Handler* Measure(metrics::QuerySurface label, http::Handler& surface,
                         metrics::OnFailure on_failure = nullptr);

  // Before the listener starts; once.
  void AddRoutes(const Sources& sources, http::Router* router);

 private:
  metrics::Readings Read(const Sources& sources) const;

  metrics::QueryRecorder queries_;
  std::array<Counter, metrics::kEventKindCount> events_;
  metrics::DurationHistogram event_callback_;
  metrics::DurationHistogram snapshot_publish_;
  std::list<metrics::MeasuredSurface> measured_;
  std::optional<metrics::MetricsSurface> metrics_surface_;
  std::optional<metrics::HealthSurface> health_surface_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_TELEMETRY_H_
