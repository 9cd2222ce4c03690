// The documented API with everything that belongs to it, built and routed in one place: access
// file, instances, the surface at "/".
//
// Threads:   construction, Start, AddRoutes: broker. Reload: the reloader's thread.
// Ownership: the registry outlives this object; the listener is destroyed before it.
// Errors:    Start says which option holds the file that cannot be used, and why.
#ifndef SESSION_STATUS_PLUGIN_DOCUMENTED_API_H_
#define SESSION_STATUS_PLUGIN_DOCUMENTED_API_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "plugin/auth/access_file.h"
#include "plugin/http/http_message.h"
#include "plugin/openapi/instance_map.h"
#include "plugin/openapi/openapi_surface.h"
#include "plugin/openapi/session_source.h"
#include "plugin/openapi/surface_options.h"
#include "registry/session_registry.h"

namespace session_status {

struct DocumentedApiOptions {
  std::string access_file;  // empty: none; then only trusted peers are answered, unsigned
  openapi::SurfaceOptions surface;
  bool instances_by_username = false;
  std::vector<std::pair<uint16_t, std::string>> instances_by_listener;
};

class DocumentedApi {
 public:
  DocumentedApi(const registry::SessionRegistry& registry, DocumentedApiOptions options,
                const std::string& instance_id);

  absl::Status Start();
  absl::Status Reload();  // the access file, as a whole or not at all
  bool has_access_file() const { return access_.has_value(); }

  http::Handler& surface() { return *surface_; }

 private:
  const DocumentedApiOptions options_;
  const openapi::InstanceMap instances_;
  openapi::RegistrySource source_;
  std::optional<auth::AccessStore> access_;
  std::optional<openapi::OpenApiSurface> surface_;
};

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_DOCUMENTED_API_H_
