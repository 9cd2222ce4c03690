// One event of the change feed as a line for people.
//
// Threads: any; pure function.
#ifndef SESSION_STATUS_CLI_WATCH_LINE_H_
#define SESSION_STATUS_CLI_WATCH_LINE_H_

#include <string>

#include "proto/session_status.pb.h"

namespace session_status::cli {

// "22:30:01.250  online        sensor-1  127.0.0.1, MQTT 5", without a line break.
std::string WatchLine(const ::mosquitto_session_status::v1::WatchSessionsResponse& event,
                      bool colour);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_WATCH_LINE_H_
