// mosquitto_session completion SHELL, mosquitto_session manual: the command line written down for a
// shell and for man, from the same tree as --help. Packages run both when they are built.
#include <iostream>
#include <memory>
#include <string>

#include "cli/checks.h"
#include "cli/command_tree.h"
#include "cli/commands.h"
#include "cli/completion_script.h"
#include "cli/manual_page.h"
#include "plugin/version.h"

namespace session_status::cli {

void AddCompletionCommand(CLI::App& app, Context*) {
  CLI::App* command = app.add_subcommand("completion", "Print a completion script for your shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "Which shell")
      ->required()
      ->check(OneOf({"bash", "zsh", "fish"}));
  command->footer(
      "Debian's package installs these. Otherwise:\n"
      "  source <(mosquitto_session completion bash)\n"
      "  mosquitto_session completion zsh >\"${fpath[1]}/_mosquitto_session\"\n"
      "  mosquitto_session completion fish >~/.config/fish/completions/mosquitto_session.fish");
  command->callback([&app, shell] {
    const CommandNode root = DescribeTree(app);
    std::cout << (*shell == "bash"  ? BashCompletion(root)
                  : *shell == "zsh" ? ZshCompletion(root)
                                    : FishCompletion(root));
  });
}

void AddManualCommand(CLI::App& app, Context*) {
  CLI::App* command = app.add_subcommand("manual", "Print the manual page, for man -l -");
  command->footer("Example:\n  mosquitto_session manual | man -l -");
  command->callback([&app] { std::cout << ManualPage(DescribeTree(app), std::string(kVersion)); });
}

}  // namespace session_status::cli
