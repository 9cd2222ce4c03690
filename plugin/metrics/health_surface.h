// GET /healthz: the process answers. GET /readyz: it answers truly: 503 while the snapshot is older
// than the bound below, with one line per check that says what was found.
//
// Threads:   any listener thread.
// Ownership: the registry outlives the surface.
#ifndef SESSION_STATUS_PLUGIN_METRICS_HEALTH_SURFACE_H_
#define SESSION_STATUS_PLUGIN_METRICS_HEALTH_SURFACE_H_

#include <algorithm>

#include "absl/time/time.h"
#include "plugin/http/http_message.h"
#include "registry/session_registry.h"

namespace session_status::metrics {

// The snapshot may be this old: three missed refreshes, and never less than what a loaded machine
// may take for one.
inline absl::Duration SnapshotAgeMax(absl::Duration refresh) {
  return std::max(3 * refresh, absl::Seconds(5));
}

class HealthSurface : public http::Handler {
 public:
  static constexpr absl::string_view kHealthPath = "/healthz";
  static constexpr absl::string_view kReadyPath = "/readyz";

  HealthSurface(const registry::SessionRegistry& registry, absl::Duration snapshot_refresh)
      : registry_(registry), snapshot_refresh_(snapshot_refresh) {}

  void Handle(const http::Request& request, http::Reply* reply) override;
  void HandleRefused(const http::Request& request, int status, absl::string_view message,
                     http::Reply* reply) override;

 private:
  const registry::SessionRegistry& registry_;
  const absl::Duration snapshot_refresh_;
};

}  // namespace session_status::metrics

#endif  // SESSION_STATUS_PLUGIN_METRICS_HEALTH_SURFACE_H_
