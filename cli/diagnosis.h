// The checks of `mosquitto_session doctor`: each says what it looked at, what it found, and, where
// that is not right, what to do.
//
// Threads: one.
// Errors:  none of its own; whatever fails is a finding.
#ifndef SESSION_STATUS_CLI_DIAGNOSIS_H_
#define SESSION_STATUS_CLI_DIAGNOSIS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/admin_client.h"
#include "cli/broker_config.h"
#include "cli/findings.h"
#include "cli/installed_broker.h"
#include "proto/session_status.pb.h"

namespace session_status::cli {

using ServerStatus = ::mosquitto_session_status::v1::GetServerStatusResponse;

// Whose configuration it is.
struct BrokerKind {
  BrokerLine line = BrokerLine::kUnknown;
  int release_of_20 = -1;  // 11 of 2.0.11; -1: not known, or not of that line
  // It reads this configuration: it runs with the plugin, or a service would start it so. Else it
  // is one that is installed, and what is wrong for it need not be wrong.
  bool certain = false;
  bool running = false;             // the plugin said so itself
  std::string name = "the broker";  // as findings call it
};

// The configuration: is there a line that loads the plugin, does this broker know it, would the
// options be accepted, are the files that they name there and as private as they have to be?
void CheckConfiguration(const BrokerConfig& config, const BrokerKind& broker, Findings* findings);

// Does the broker that answers run with this configuration? Compares what `status` tells of its
// options, and whether it has read the access file as it is now.
void CheckEdited(const BrokerConfig& config, const ServerStatus& status, Findings* findings);

// Does the plugin's time agree with `now`, this machine's?
void CheckClock(const ServerStatus& status, absl::Time now, Findings* findings);

// What the plugin lets in only some users to: admin_socket_uids, admin_socket_gids.
bool GuardsItsSocket(const BrokerConfig& config);

// The running plugin: does it answer, does its version fit, do clocks agree, is the snapshot fresh,
// does it work, and has it lost anything? `status`: what it answered. `where`: whom we asked.
void CheckPlugin(const absl::StatusOr<ServerStatus>& status, const std::string& where,
                 AdminClient* client, Findings* findings);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_DIAGNOSIS_H_
