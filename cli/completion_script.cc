#include "cli/completion_script.h"

#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace session_status::cli {
namespace {

// Every command below `node`, parents first, with its words: "", "query", "sts", "sts issue".
void Visit(const CommandNode& node, const std::string& path,
           const std::function<void(const std::string&, const CommandNode&)>& visit) {
  visit(path, node);
  for (const CommandNode& command : node.commands) {
    Visit(command, path.empty() ? command.name : absl::StrCat(path, " ", command.name), visit);
  }
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string NamesOf(const CommandNode& node) {
  std::vector<std::string> names;
  for (const OptionNode& option : node.options) {
    if (!option.positional) names.insert(names.end(), option.names.begin(), option.names.end());
  }
  return absl::StrJoin(names, " ");
}

std::string CommandsOf(const CommandNode& node) {
  return absl::StrJoin(node.commands, " ", [](std::string* out, const CommandNode& command) {
    absl::StrAppend(out, command.name);
  });
}

// What may stand there without a dash: commands, or the words of an argument.
std::string BareWordsOf(const CommandNode& node) {
  std::string words = CommandsOf(node);
  for (const OptionNode& option : node.options) {
    if (option.positional) absl::StrAppend(&words, absl::StrJoin(option.words, " "));
  }
  return words;
}

// -- bash -----------------------------------------------------------------------------------------

constexpr char kBashHead[] =
    R"(# bash completion for mosquitto_session; made by `mosquitto_session completion bash`.

# Words of an option that takes several, separated by commas: completes the last one.
_mosquitto_session_words() {
  local before=${cur%"${cur##*,}"}
  COMPREPLY=($(compgen -P "$before" -W "$1" -- "${cur##*,}"))
}

_mosquitto_session() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path= word i
  COMPREPLY=()
  # bash splits --option=value at the sign.
  if [ "$cur" = = ]; then
    cur=
  elif [ "$prev" = = ]; then
    prev=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
)";

constexpr char kBashTail[] = R"(  esac
}
complete -F _mosquitto_session mosquitto_session
)";

void BashValue(const std::string& path, const OptionNode& option, std::string* out) {
  if (option.positional || !option.takes_value) return;
  // An option of the whole command may stand behind any of its commands.
  const std::string place = path.empty() ? "*" : Quoted(path);
  const std::string pattern = absl::StrJoin(
      option.names, "|",
      [&place](std::string* o, const auto& name) { absl::StrAppend(o, place, ":", name); });
  std::string action = "return";
  if (option.takes_file()) {
    action = "compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return";
  } else if (!option.words.empty()) {
    action = absl::StrCat("_mosquitto_session_words ", Quoted(absl::StrJoin(option.words, " ")),
                          "; return");
  }
  absl::StrAppend(out, "    ", pattern, ") ", action, " ;;\n");
}

// -- zsh ------------------------------------------------------------------------------------------

std::string ZshText(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"[", "\\["}, {"]", "\\]"}, {":", "\\:"}, {"'", "'\\''"}});
}

std::string ZshAction(const OptionNode& option) {
  if (option.takes_file()) return "_files";
  if (option.words.empty()) return " ";
  const std::string words = absl::StrJoin(option.words, " ");
  return option.list ? absl::StrCat("_sequence compadd - ", words) : absl::StrCat("(", words, ")");
}

std::string ZshSpec(const OptionNode& option) {
  const std::string value =
      option.takes_value ? absl::StrCat(":", ZshText(option.value), ":", ZshAction(option)) : "";
  if (option.positional) {
    return absl::StrCat("'", option.list ? "*" : "", ":", ZshText(option.names[0]), ":",
                        ZshAction(option), "'");
  }
  const std::string help = absl::StrCat("[", ZshText(option.help), "]");
  if (option.names.size() == 1) return absl::StrCat("'", option.names[0], help, value, "'");
  return absl::StrCat("'(", absl::StrJoin(option.names, " "), ")'{",
                      absl::StrJoin(option.names, ","), "}'", help, value, "'");
}

std::string ZshFunction(absl::string_view path) {
  return absl::StrCat("_mosquitto_session", path.empty() ? "" : "_",
                      absl::StrReplaceAll(path, {{" ", "_"}}));
}

void ZshCommand(const CommandNode& root, const std::string& path, const CommandNode& node,
                std::string* out) {
  absl::StrAppend(out, ZshFunction(path), "() {\n  local curcontext=$curcontext state line\n",
                  "  _arguments -C");
  for (const OptionNode& option : node.options) absl::StrAppend(out, " \\\n    ", ZshSpec(option));
  if (!path.empty()) {  // options of the whole command
    for (const OptionNode& option : root.options) {
      if (option.names.back() != "--help") absl::StrAppend(out, " \\\n    ", ZshSpec(option));
    }
  }
  if (node.commands.empty()) {
    absl::StrAppend(out, "\n}\n\n");
    return;
  }
  absl::StrAppend(out,
                  " \\\n    '1: :->command' '*:: :->rest'\n  case $state in\n    command)\n"
                  "      local -a commands=(\n");
  for (const CommandNode& command : node.commands) {
    absl::StrAppend(out, "        ", Quoted(absl::StrCat(command.name, ":", command.help)), "\n");
  }
  absl::StrAppend(
      out, "      )\n      _describe command commands ;;\n    rest)\n      case $line[1] in\n");
  for (const CommandNode& command : node.commands) {
    const std::string below = path.empty() ? command.name : absl::StrCat(path, " ", command.name);
    absl::StrAppend(out, "        ", command.name, ") ", ZshFunction(below), " ;;\n");
  }
  absl::StrAppend(out, "      esac ;;\n  esac\n}\n\n");
}

// -- fish -----------------------------------------------------------------------------------------

// Where the words of `path` were typed, and none of the commands below it.
std::string FishCondition(const std::string& path, const CommandNode& node, bool below) {
  std::string condition;
  for (absl::string_view rest = path; !rest.empty();) {
    const size_t space = rest.find(' ');
    absl::StrAppend(&condition, condition.empty() ? "" : "; and ", "__fish_seen_subcommand_from ",
                    rest.substr(0, space));
    rest = space == absl::string_view::npos ? "" : rest.substr(space + 1);
  }
  if (below && path.empty()) return "__fish_use_subcommand";
  if (below)
    absl::StrAppend(&condition, "; and not __fish_seen_subcommand_from ", CommandsOf(node));
  return condition;
}

void FishOption(const std::string& condition, const OptionNode& option, std::string* out) {
  if (option.positional && option.words.empty()) return;
  absl::StrAppend(out, "complete -c mosquitto_session");
  if (!condition.empty()) absl::StrAppend(out, " -n ", Quoted(condition));
  for (const std::string& name : option.names) {
    if (option.positional) break;
    absl::string_view text = name;
    if (absl::ConsumePrefix(&text, "--")) {
      absl::StrAppend(out, " -l ", text);
    } else {
      absl::StrAppend(out, " -s ", text.substr(1));
    }
  }
  if (option.takes_file()) {
    absl::StrAppend(out, " -r -F");
  } else if (option.takes_value && !option.positional) {
    absl::StrAppend(out, " -x");
  }
  if (!option.words.empty()) absl::StrAppend(out, " -a ", Quoted(absl::StrJoin(option.words, " ")));
  absl::StrAppend(out, " -d ", Quoted(option.help), "\n");
}

}  // namespace

std::string BashCompletion(const CommandNode& root) {
  std::string skip;      // options whose value is no command
  std::string commands;  // how the path grows
  std::string values;
  std::string words;
  std::string general;
  Visit(root, "", [&](const std::string& path, const CommandNode& node) {
    for (const OptionNode& option : node.options) {
      if (option.takes_value && !option.positional) {
        absl::StrAppend(&skip, skip.empty() ? "" : "|", absl::StrJoin(option.names, "|"));
      }
      // More special patterns first: those of the whole command are of every command.
      BashValue(path, option, path.empty() ? &general : &values);
    }
    for (const CommandNode& command : node.commands) {
      const std::string below = path.empty() ? command.name : absl::StrCat(path, " ", command.name);
      absl::StrAppend(&commands, "      ", Quoted(absl::StrCat(path, ":", command.name)),
                      ") path=", Quoted(below), " ;;\n");
    }
    const std::string options =
        path.empty() ? NamesOf(root) : absl::StrCat(NamesOf(node), " ", NamesOf(root));
    absl::StrAppend(&words, "    ", Quoted(path),
                    ")\n      case $cur in\n        -*) COMPREPLY=($(compgen -W ", Quoted(options),
                    " -- \"$cur\")) ;;\n        *) COMPREPLY=($(compgen -W ",
                    Quoted(BareWordsOf(node)), " -- \"$cur\")) ;;\n      esac ;;\n");
  });
  return absl::StrCat(kBashHead, "      ", skip,
                      ") i=$((i + 1)); continue ;;\n    esac\n    case $path:$word in\n", commands,
                      "    esac\n  done\n  case $path:$prev in\n", values, general,
                      "  esac\n  case $path in\n", words, kBashTail);
}

std::string ZshCompletion(const CommandNode& root) {
  std::string out = "#compdef mosquitto_session\n# Made by `mosquitto_session completion zsh`.\n\n";
  Visit(root, "", [&](const std::string& path, const CommandNode& node) {
    ZshCommand(root, path, node, &out);
  });
  // Autoloaded, the file is the function; sourced, it registers it.
  return absl::StrCat(
      out,
      "if [ \"$funcstack[1]\" = _mosquitto_session ]; then\n  _mosquitto_session \"$@\"\n"
      "else\n  compdef _mosquitto_session mosquitto_session\nfi\n");
}

std::string FishCompletion(const CommandNode& root) {
  std::string out =
      "# Made by `mosquitto_session completion fish`.\ncomplete -c mosquitto_session -f\n";
  Visit(root, "", [&](const std::string& path, const CommandNode& node) {
    for (const OptionNode& option : node.options)
      FishOption(FishCondition(path, node, false), option, &out);
    for (const CommandNode& command : node.commands) {
      absl::StrAppend(&out, "complete -c mosquitto_session -n ",
                      Quoted(FishCondition(path, node, true)), " -a ", command.name, " -d ",
                      Quoted(command.help), "\n");
    }
  });
  return out;
}

}  // namespace session_status::cli
