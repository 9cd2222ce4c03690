// The command line as data: what --help shows, for those who write it down in other forms (shell
// completion, the manual page). Read from CLI11's own tree, so that nothing is said twice.
//
// Threads: any; values.
#ifndef SESSION_STATUS_CLI_COMMAND_TREE_H_
#define SESSION_STATUS_CLI_COMMAND_TREE_H_

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace session_status::cli {

struct OptionNode {
  std::vector<std::string> names;  // "-s", "--socket"; of a positional argument its name alone
  bool positional = false;
  bool takes_value = false;
  bool list = false;  // several values, separated by commas
  bool required = false;
  std::string value;               // "FILE", "TEXT"
  std::vector<std::string> words;  // the values there are; empty: any
  std::string help;
  std::string default_value;
  std::string environment;  // variable that sets it

  bool takes_file() const { return value == "FILE"; }
};

struct CommandNode {
  std::string name;
  std::string help;
  std::string footer;  // paragraphs, some of them preformatted
  std::vector<OptionNode> options;
  std::vector<CommandNode> commands;
};

CommandNode DescribeTree(const CLI::App& app);

}  // namespace session_status::cli

#endif  // SESSION_STATUS_CLI_COMMAND_TREE_H_
