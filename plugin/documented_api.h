// The documented API with everything that belongs to it, built in one place: access file,
// instances, usage counts, call log, the surface at "/".
//
// Threads:   construction, Start, AddRoutes, BeginClose, Close: broker. Reload: the
//            reloader's thread.
// Ownership: the registry outlives this object; the listener is destroyed before it.
// Errors:    Start says which option holds the file that cannot be used, and why.
#ifndef SESSION_STATUS_PLUGIN_DOCUMENTED_API_H_
#define SESSION_STATUS_PLUGIN_DOCUMENTED_API_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "plugin/auth/access_file.h"
#include "plugin/broker/broker_log.h"
#include "plugin/call_log.h"
#include "plugin/http/http_message.h"
#include "plugin/metrics/readings.h"
#include "plugin/openapi/fleet_source.h"
#include "plugin/openapi/instance_map.h"
#include "plugin/openapi/openapi_surface.h"
#include "plugin/openapi/session_source.h"
#include "plugin/openapi/surface_options.h"
#include "plugin/store/usage_store.h"
#include "plugin/throttle_counter.h"
#include "registry/session_registry.h"

namespace session_status {

struct DocumentedApiOptions {
  std::string access_file;  // empty: none; then only trusted peers are answered, unsigned
  openapi::SurfaceOptions surface;
  std::string usage_database;  // empty: usage is not counted
  CallLogLevel call_log = CallLogLevel::kErrors;
  bool instances_by_username = false;
  std::vector<std::pair<uint16_t, std::string>> instances_by_listener;
};

// Which instances a server with these options has.
openapi::InstanceMap::Options InstanceOptions(const DocumentedApiOptions& options,
                                              const std::string& instance_id);

class DocumentedApi {
 public:
  DocumentedApi(const registry::SessionRegistry& registry, broker::BrokerLog& log,
                DocumentedApiOptions options, const std::string& instance_id);

  // In a fleet, before Start(): answers are about all of its nodes. `others` outlives this object.
  void CoverFleet(const registry::OthersView& others, absl::Duration others_age_max) {
    fleet_source_.emplace(registry_, others, others_age_max);
  }

  // Reads the access file and opens the usage database. The surface is there afterwards.
  absl::Status Start(int nice);
  // Nobody asks any longer. Has the last usage written; does not wait.
  void BeginClose();
  // After it. Waits for the disk, os::kDiskWaitMax from BeginClose() on at most.
  void Close();
  // The access file, as a whole or not at all. Has the log name instances of it that are not
  // served.
  absl::Status Reload();
  // Before Start(), after CoverFleet().
  void use_grace(const registry::LossGrace* grace) {
    source_.use_grace(grace);
    if (fleet_source_.has_value()) fleet_source_->use_grace(grace);
  }
  bool has_access_file() const { return access_.has_value(); }
  // When the access file that is in force had last been written to; any thread, wait-free.
  int64_t access_file_modified_ms() const {
    return access_modified_ms_.load(std::memory_order_relaxed);
  }

  http::Handler& surface() { return *surface_; }
  void Read(metrics::Readings* out) const;  // any thread

 private:
  absl::Status OpenUsage(int nice);

  const registry::SessionRegistry& registry_;
  broker::BrokerLog& log_;
  const DocumentedApiOptions options_;
  const openapi::InstanceMap instances_;
  openapi::RegistrySource source_;
  std::optional<openapi::FleetSource> fleet_source_;  // then instead of source_
  std::optional<auth::AccessStore> access_;
  std::atomic<int64_t> access_modified_ms_{0};  // statistics: orders nothing
  std::unique_ptr<store::UsageStore> usage_;
  CallLog call_log_;
  ThrottleCounter throttles_;
  std::optional<openapi::OpenApiSurface> surface_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_DOCUMENTED_API_H_
