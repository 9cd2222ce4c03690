#include "plugin/metrics/health_surface.h"

#include "absl/strings/str_cat.h"
#include "plugin/http/get_only.h"

namespace session_status::metrics {

void HealthSurface::Handle(const http::Request& request, http::Reply* reply) {
  if (!http::AllowGetOnly(request, reply)) return;
  reply->content_type = "text/plain; charset=utf-8";
  reply->headers.emplace_back("Cache-Control", "no-store");
  if (request.path == kHealthPath) {
    reply->body = "ok\n";
    return;
  }
  const registry::SnapshotInfo snapshot = registry_.CurrentSnapshot();
  const absl::Duration age = snapshot.age(request.now);
  const absl::Duration age_max = SnapshotAgeMax(snapshot_refresh_);
  const bool fresh = age <= age_max;
  reply->status = fresh ? 200 : 503;
  reply->body = snapshot.taken_at == absl::InfinitePast()
                    ? std::string("snapshot: not ready, none was taken yet\n")
                    : absl::StrCat("snapshot: ", fresh ? "ok" : "not ready", ", ",
                                   absl::FormatDuration(absl::Trunc(age, absl::Milliseconds(1))),
                                   " old, at most ", absl::FormatDuration(age_max), "\n");
  if (others_ != nullptr) CheckFleet(reply);
}

void HealthSurface::CheckFleet(http::Reply* reply) const {
  const registry::FleetStatus fleet = others_->Status();
  if (fleet.ready) {
    absl::StrAppend(&reply->body, "fleet: ok, ", fleet.state, "\n");
    return;
  }
  reply->status = 503;
  absl::StrAppend(&reply->body, "fleet: not ready, ", fleet.state, ", ", fleet.shards_loading,
                  " of ", fleet.shards, " shards still to load\n");
}

}  // namespace session_status::metrics
