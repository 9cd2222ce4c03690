#include "cli/command_tree.h"

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace session_status::cli {
namespace {

// "TEXT:{a,b}" is what CLI11 makes of a type and the description of a check.
void ReadType(const CLI::Option& option, OptionNode* out) {
  const std::string type = option.get_type_name();
  out->value = type.substr(0, type.find(':'));
  const size_t open = type.find('{');
  const size_t close = type.rfind('}');
  if (open == std::string::npos || close == std::string::npos) return;
  const std::vector<std::string> words =
      absl::StrSplit(type.substr(open + 1, close - open - 1), ',');
  out->words = words;
}

OptionNode Describe(const CLI::Option& option) {
  OptionNode out;
  out.positional = option.get_positional();
  if (out.positional) {
    out.names.push_back(option.get_name(true, false));
  } else {
    for (const std::string& name : option.get_snames())
      out.names.push_back(absl::StrCat("-", name));
    for (const std::string& name : option.get_lnames())
      out.names.push_back(absl::StrCat("--", name));
  }
  // Not by the size of its type, which flags have as well.
  out.takes_value = option.get_items_expected_max() > 0;
  out.list = out.positional ? option.get_expected_max() > 1 : option.get_delimiter() != '\0';
  out.required = option.get_required();
  out.help = option.get_description();
  out.default_value = option.get_default_str();
  out.environment = option.get_envname();
  if (out.takes_value) ReadType(option, &out);
  return out;
}

}  // namespace

CommandNode DescribeTree(const CLI::App& app) {
  CommandNode out;
  out.name = app.get_name();
  out.help = app.get_description();
  out.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) out.options.push_back(Describe(*option));
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    out.commands.push_back(DescribeTree(*command));
  }
  return out;
}

}  // namespace session_status::cli
