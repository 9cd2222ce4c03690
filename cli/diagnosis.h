// The checks of `mosquitto_session doctor`: each says what it looked at, what it found, and, where
// that is not right, what to do.
//
// Threads: one.
// Errors:  none of its own; whatever fails is a finding.
#ifndef SESSION_STATUS_CLI_DIAGNOSIS_H_
#define SESSION_STATUS_CLI_DIAGNOSIS_H_

#include "cli/admin_client.h"
#include "cli/broker_config.h"
#include "cli/findings.h"

namespace session_status::cli {

// The configuration: is there a line that loads the plugin, would its options be accepted, are the
// files it names there and as private as they have to be?
void CheckConfiguration(const BrokerConfig& config, Findings* findings);

// The running plugin: does it answer, does its version fit, do clocks agree, is the snapshot fresh,
// has it lost anything, and does its broker know the lines of this configuration?
void CheckPlugin(AdminClient* client, const BrokerConfig& config, Findings* findings);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_DIAGNOSIS_H_
