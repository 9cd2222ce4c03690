// Checks of option values for CLI11, with errors that say what would be right.
//
// Threads: any.
#ifndef SESSION_STATUS_CLI_CHECKS_H_
#define SESSION_STATUS_CLI_CHECKS_H_

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace session_status::cli {

// Refuses what ParseWhen (words.h) refuses.
CLI::Validator IsWhen();

// Like CLI::IsMember, with an error that lists the words and suggests the nearest. Its type name,
// "{one,two}", is where completion finds the words.
CLI::Validator OneOf(std::vector<std::string> words);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_CHECKS_H_
