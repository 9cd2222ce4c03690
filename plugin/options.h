// The plugin's options: one table, from which parsing, the example configuration and the documents
// follow (tests hold all of them to it).
//
// In mosquitto.conf an option is written `plugin_opt_<name> <value>` below the `plugin` line.
//
// Threads: any; values and pure functions.
// Errors:  InvalidArgument that names the option, its value and what would be right.
#ifndef SESSION_STATUS_PLUGIN_OPTIONS_H_
#define SESSION_STATUS_PLUGIN_OPTIONS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "plugin/broker/hooks.h"
#include "plugin/broker/self_audit.h"
#include "plugin/documented_api.h"
#include "plugin/fleet/fleet_options.h"
#include "plugin/following.h"
#include "plugin/over_mqtt.h"
#include "plugin/remembering.h"
#include "plugin/transport/listener_options.h"
#include "registry/session_registry.h"

namespace session_status {

struct Options {
  std::string instance_id;
  absl::Duration snapshot_refresh = absl::Seconds(1);
  absl::Duration offline_grace;
  registry::RegistryOptions registry;
  broker::HookOptions broker;
  broker::AuditOptions audit;
  transport::ListenerOptions listener;
  DocumentedApiOptions documented_api;
  FollowingOptions following;
  RememberingOptions remembering;
  OverMqttOptions over_mqtt;
  fleet::FleetOptions fleet;
  // Of the lines given those that change nothing beside the others, each as a warning: "option
  // plugin_opt_audit_slice_max: "500" has no effect with …". What somebody may rely on stops the
  // start instead.
  std::vector<std::string> without_effect;
};

// One row of the table.
struct OptionSpec {
  absl::string_view name;
  absl::string_view default_value;  // passes through the same setter
  absl::string_view help;           // one or two sentences, with the range
  absl::Status (*set)(absl::string_view value, Options* out);
};

absl::Span<const OptionSpec> OptionTable();

// Defaults, then `given` on top. An unknown or repeated name is an error, and so is an
// option of a part that is off.
absl::StatusOr<Options> ParseOptions(
    absl::Span<const std::pair<absl::string_view, absl::string_view>> given);

}  // namespace session_status

#endif  // SESSION_STATUS_PLUGIN_OPTIONS_H_
