// InstanceOptions of documented_api.h. Apart from the rest, so that a tool which only looks at
// options (option_check) links nothing of the broker.
#include "plugin/documented_api.h"

namespace session_status {

openapi::InstanceMap::Options InstanceOptions(const DocumentedApiOptions& options,
                                              const std::string& instance_id) {
  openapi::InstanceMap::Options map;
  map.default_instance = instance_id;
  map.by_username = options.instances_by_username;
  map.by_listener_port = options.instances_by_listener;
  return map;
}

}  // namespace session_status
