// The doctor's look at addresses: what the plugin listens at must not be taken by the broker
// itself.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_CLI_LISTENER_DIAGNOSIS_H_
#define SESSION_STATUS_CLI_LISTENER_DIAGNOSIS_H_

#include "cli/broker_config.h"
#include "cli/findings.h"

namespace session_status::cli {

// Compares what is written: names of hosts are not resolved, but for localhost.
void CheckAddresses(const BrokerConfig& config, Findings* findings);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_LISTENER_DIAGNOSIS_H_
