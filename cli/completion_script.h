// Shell completion, made from the command tree: commands, options, words of options, files.
//
// Threads: any; pure functions. Each returns a whole script.
#ifndef SESSION_STATUS_CLI_COMPLETION_SCRIPT_H_
#define SESSION_STATUS_CLI_COMPLETION_SCRIPT_H_

#include <string>

#include "cli/command_tree.h"

namespace session_status::cli {

std::string BashCompletion(const CommandNode& root);
std::string ZshCompletion(const CommandNode& root);
std::string FishCompletion(const CommandNode& root);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_COMPLETION_SCRIPT_H_
