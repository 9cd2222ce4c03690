// Which files another process of this machine runs.
//
// Threads: any.
// Errors:  none; what this user may not look at is not known.
#ifndef SESSION_STATUS_CLI_PROCESS_MAPS_H_
#define SESSION_STATUS_CLI_PROCESS_MAPS_H_

#include <sys/types.h>

#include <string>

#include "absl/strings/string_view.h"

namespace session_status::cli {

// Who listens on this Unix socket, as the kernel says; 0: nobody, or a process that is not seen
// from here (in a container, say).
pid_t ListenerOf(const std::string& socket_path);

// The path of a file of this name that the process has mapped, but that is there no more (or
// another one is in its place); empty: there is none, or it is not known.
std::string DeletedMapping(pid_t process, absl::string_view file_name);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_PROCESS_MAPS_H_
