#include "plugin/documented_api.h"

#include "absl/strings/str_cat.h"

namespace session_status {
namespace {

openapi::InstanceMap::Options InstanceOptions(const DocumentedApiOptions& options,
                                              const std::string& instance_id) {
  openapi::InstanceMap::Options map;
  map.default_instance = instance_id;
  map.by_username = options.instances_by_username;
  map.by_listener_port = options.instances_by_listener;
  return map;
}

}  // namespace

DocumentedApi::DocumentedApi(const registry::SessionRegistry& registry,
                             DocumentedApiOptions options, const std::string& instance_id)
    : options_(std::move(options)),
      instances_(InstanceOptions(options_, instance_id)),
      source_(registry, instances_) {
  if (!options_.access_file.empty()) access_.emplace(options_.access_file);
  openapi::OpenApiSurface::Parts parts;
  parts.source = &source_;
  parts.instances = &instances_;
  parts.access = access_.has_value() ? &*access_ : nullptr;
  surface_.emplace(options_.surface, parts);
}

absl::Status DocumentedApi::Start() {
  if (!access_.has_value()) return absl::OkStatus();
  const absl::Status status = access_->Reload();
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("option plugin_opt_access_file: ", status.message()));
}

absl::Status DocumentedApi::Reload() {
  return access_.has_value() ? access_->Reload() : absl::OkStatus();
}

}  // namespace session_status
