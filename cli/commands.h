// One function per command; each lives in the file of its name.
#ifndef SESSION_STATUS_CLI_COMMANDS_H_
#define SESSION_STATUS_CLI_COMMANDS_H_

#include <CLI/CLI.hpp>

#include "cli/command.h"

namespace session_status::cli {

void AddAccessCommand(CLI::App& app, Context* context);
void AddFlappersCommand(CLI::App& app, Context* context);
void AddHistoryCommand(CLI::App& app, Context* context);
void AddAuditCommand(CLI::App& app, Context* context);
void AddFleetCommand(CLI::App& app, Context* context);
void AddQueryCommand(CLI::App& app, Context* context);
void AddBatchCommand(CLI::App& app, Context* context);
void AddCompletionCommand(CLI::App& app, Context* context);
void AddCountCommand(CLI::App& app, Context* context);
void AddDoctorCommand(CLI::App& app, Context* context);
void AddListCommand(CLI::App& app, Context* context);
void AddManualCommand(CLI::App& app, Context* context);
void AddStatusCommand(CLI::App& app, Context* context);
void AddStsCommand(CLI::App& app, Context* context);
void AddTopCommand(CLI::App& app, Context* context);
void AddUsageCommand(CLI::App& app, Context* context);
void AddWatchCommand(CLI::App& app, Context* context);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_COMMANDS_H_
