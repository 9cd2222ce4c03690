// The plugin's status as a table: one row for each part, those that run and no others; a part that
// fails says so.
//
// Threads: any; pure functions.
#ifndef SESSION_STATUS_CLI_STATUS_TEXT_H_
#define SESSION_STATUS_CLI_STATUS_TEXT_H_

#include <string>
#include <vector>

#include "proto/session_status.pb.h"

namespace session_status::cli {

// Name and value.
std::vector<std::vector<std::string>> StatusRows(
    const ::mosquitto_session_status::v1::GetServerStatusResponse& status);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_STATUS_TEXT_H_
