// One event of the change feed as a line for people.
//
// Threads: any; pure function.
#ifndef SESSION_STATUS_CLI_WATCH_LINE_H_
#define SESSION_STATUS_CLI_WATCH_LINE_H_

#include <cstdint>
#include <string>

#include "proto/session_status.pb.h"

namespace session_status::cli {

// "22:30:01.250  online        sensor-1  127.0.0.1, MQTT 5", without a line break.
// `came_from_epoch`: of the place that was asked for, or followed from; 0: not known. A gap from
// another epoch is a restart of the broker, whatever its numbers are.
std::string WatchLine(const ::mosquitto_session_status::v1::WatchSessionsResponse& event,
                      int64_t came_from_epoch, bool colour);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_WATCH_LINE_H_
