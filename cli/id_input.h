// Client identifiers from a file or standard input, one a line.
//
// Threads: one.
#ifndef SESSION_STATUS_CLI_ID_INPUT_H_
#define SESSION_STATUS_CLI_ID_INPUT_H_

#include <string>
#include <vector>

#include "cli/command.h"

namespace session_status::cli {

// Appends the lines of `file` ("-": standard input; empty path: nothing) to `ids`; empty lines are
// left out, so are carriage returns at their ends and a byte order mark at its beginning. False: it
// cannot be read, or a line can be no identifier, said and noted in `context`. Throws what
// the parser throws where a file was named and there is no identifier: to the service an
// empty list may mean everybody.
bool ReadIds(const std::string& file, std::vector<std::string>* ids, Context* context);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_ID_INPUT_H_
