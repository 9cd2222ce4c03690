// The manual page, made from the command tree: man(7) roff.
//
// Threads: any; a pure function.
#ifndef SESSION_STATUS_CLI_MANUAL_PAGE_H_
#define SESSION_STATUS_CLI_MANUAL_PAGE_H_

#include <string>

#include "absl/strings/string_view.h"
#include "cli/command_tree.h"

namespace session_status::cli {

std::string ManualPage(const CommandNode& root, absl::string_view version);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_MANUAL_PAGE_H_
