// The doctor's checks of files: those that the plugin's options name, judged for the user that the
// broker becomes, and the admin socket.
//
// Threads: one.
// Errors:  none of its own; whatever fails is a finding.
#ifndef SESSION_STATUS_CLI_FILE_DIAGNOSIS_H_
#define SESSION_STATUS_CLI_FILE_DIAGNOSIS_H_

#include <string>

#include "cli/broker_config.h"
#include "cli/findings.h"

namespace session_status::cli {

// Are the files and folders of this line's options there, may the broker's user use them, are the
// secrets and the databases among them as private as they have to be, is the certificate good for
// some time yet, may he give the socket to its owner and group?
void CheckFilesOf(const PluginLine& line, const std::string& user_name, Findings* findings);

// May the broker's user load the plugin's file? False: no, and that is told.
bool CheckPluginFile(const PluginLine& line, const std::string& user_name, Findings* findings);

// The Unix socket as a file: there, a socket, may this user open it, and may its group? `guarded`:
// the plugin lets in some users only, whatever the file's mode.
void CheckSocket(const std::string& path, bool guarded, Findings* findings);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_FILE_DIAGNOSIS_H_
