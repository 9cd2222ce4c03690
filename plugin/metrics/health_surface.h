// GET /healthz: the process answers. GET /readyz: it answers truly: 503 while the snapshot is older
// than the bound below or, in a fleet, before the other nodes' sessions have been read once, with
// one line per check that says what was found. An engine that goes away later does not take the
// node out of service: it answers, and says how old its answers are.
//
// Threads:   any listener thread.
// Ownership: registry and others outlive the surface.
#ifndef SESSION_STATUS_PLUGIN_METRICS_HEALTH_SURFACE_H_
#define SESSION_STATUS_PLUGIN_METRICS_HEALTH_SURFACE_H_

#include <algorithm>

#include "absl/time/time.h"
#include "plugin/http/error_body.h"
#include "plugin/http/http_message.h"
#include "registry/others_view.h"
#include "registry/session_registry.h"

namespace session_status::metrics {

// The snapshot may be this old: three missed refreshes, and never less than what a loaded machine
// may take for one.
inline absl::Duration SnapshotAgeMax(absl::Duration refresh) {
  return std::max(3 * refresh, absl::Seconds(5));
}

class HealthSurface : public http::ConnectErrorHandler {
 public:
  static constexpr absl::string_view kHealthPath = "/healthz";
  static constexpr absl::string_view kReadyPath = "/readyz";

  // `others`: nullptr without a fleet.
  HealthSurface(const registry::SessionRegistry& registry, absl::Duration snapshot_refresh,
                const registry::OthersView* others = nullptr)
      : registry_(registry), snapshot_refresh_(snapshot_refresh), others_(others) {}

  void Handle(const http::Request& request, http::Reply* reply) override;

 private:
  void CheckFleet(http::Reply* reply) const;

  const registry::SessionRegistry& registry_;
  const absl::Duration snapshot_refresh_;
  const registry::OthersView* const others_;
};

}  // namespace session_status::metrics

#endif  // SESSION_STATUS_PLUGIN_METRICS_HEALTH_SURFACE_H_
