#include "cli/manual_page.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace session_status::cli {
namespace {

// Text that roff takes as it is: no escape, no request at the beginning of a line.
std::string Roff(absl::string_view text) {
  std::string out = absl::StrReplaceAll(
      text, {{"\\", "\\e"}, {"-", "\\-"}, {"…", "..."}, {"→", "\\(->"}, {"≤", "<="}});
  for (size_t i = 0; i < out.size(); ++i) {
    if ((i == 0 || out[i - 1] == '\n') && (out[i] == '.' || out[i] == '\'')) out.insert(i, "\\&");
  }
  return out;
}

std::string Bold(absl::string_view text) { return absl::StrCat("\\fB", Roff(text), "\\fR"); }
std::string Italic(absl::string_view text) { return absl::StrCat("\\fI", Roff(text), "\\fR"); }

std::string Placeholder(const OptionNode& option) {
  if (option.positional) return option.names[0];
  return option.words.empty() || !option.value.empty() ? option.value : "WORD";
}

void Option(const OptionNode& option, std::string* out) {
  absl::StrAppend(out, ".TP\n");
  if (option.positional) {
    absl::StrAppend(out, Italic(option.names[0]), option.list ? " ..." : "", "\n");
  } else {
    absl::StrAppend(out,
                    absl::StrJoin(option.names, ", ", [](std::string* o, const std::string& name) {
                      absl::StrAppend(o, Bold(name));
                    }));
    if (option.takes_value) absl::StrAppend(out, " ", Italic(Placeholder(option)));
    absl::StrAppend(out, "\n");
  }
  absl::StrAppend(out, Roff(option.help), ".\n");
  if (!option.words.empty())
    absl::StrAppend(out, "One of: ", Roff(absl::StrJoin(option.words, ", ")), ".\n");
  if (!option.default_value.empty())
    absl::StrAppend(out, "Default: ", Roff(option.default_value), ".\n");
  if (!option.environment.empty())
    absl::StrAppend(out, "Also from the environment: ", Bold(option.environment), ".\n");
}

bool IsIndented(absl::string_view line) { return absl::StartsWith(line, "  "); }

// Paragraphs as --help shows them: one that begins with a line "Word:" gets that as its heading;
// indented lines stay as they are.
void Footer(absl::string_view footer, absl::string_view heading_macro, std::string* out) {
  const std::vector<absl::string_view> paragraphs =
      absl::StrSplit(footer, "\n\n", absl::SkipEmpty());
  for (const absl::string_view paragraph : paragraphs) {
    bool preformatted = false;
    bool first = true;
    for (absl::string_view line : absl::StrSplit(paragraph, '\n')) {
      if (first && !IsIndented(line) && absl::EndsWith(line, ":")) {
        std::string title(absl::StripSuffix(line, ":"));
        if (heading_macro == ".SH") title = absl::AsciiStrToUpper(title);
        absl::StrAppend(out, heading_macro, heading_macro == ".PP" ? "\n" : " ", Roff(title),
                        heading_macro == ".PP" ? ":\n" : "\n");
      } else {
        if (first) absl::StrAppend(out, ".PP\n");
        if (IsIndented(line) != preformatted) {
          preformatted = !preformatted;
          absl::StrAppend(out, preformatted ? ".RS\n.nf\n" : ".fi\n.RE\n");
        }
        absl::StrAppend(out, Roff(absl::StripLeadingAsciiWhitespace(line)), "\n");
      }
      first = false;
    }
    if (preformatted) absl::StrAppend(out, ".fi\n.RE\n");
  }
}

void Synopsis(const std::string& path, const CommandNode& node, std::string* out) {
  absl::StrAppend(out, Bold(path), " [", Italic("OPTION"), "]...");
  for (const OptionNode& option : node.options) {
    if (!option.positional) continue;
    const std::string name = absl::StrCat(Italic(option.names[0]), option.list ? "..." : "");
    absl::StrAppend(out, " ", option.required ? name : absl::StrCat("[", name, "]"));
  }
  if (!node.commands.empty()) absl::StrAppend(out, " ", Italic("COMMAND"), " ...");
  absl::StrAppend(out, "\n");
}

void Command(const std::string& path, const CommandNode& node, std::string* out) {
  absl::StrAppend(out, ".SS \"", Roff(path), "\"\n");
  Synopsis(path, node, out);
  absl::StrAppend(out, ".PP\n", Roff(node.help), ".\n");
  for (const OptionNode& option : node.options) {
    if (option.names.back() != "--help") Option(option, out);
  }
  Footer(node.footer, ".PP", out);
  for (const CommandNode& command : node.commands) {
    Command(absl::StrCat(path, " ", command.name), command, out);
  }
}

}  // namespace

std::string ManualPage(const CommandNode& root, absl::string_view version) {
  // No date: the same sources make the same page.
  std::string out = absl::StrCat(".\\\" Made by `", root.name, " manual`.\n.TH ",
                                 absl::AsciiStrToUpper(root.name), " 1 \"\" \"", root.name, " ",
                                 version, "\" \"User Commands\"\n.SH NAME\n", root.name,
                                 " \\- ask a session status plugin of Mosquitto\n.SH SYNOPSIS\n");
  Synopsis(root.name, root, &out);
  absl::StrAppend(&out, ".SH DESCRIPTION\n", Roff(root.help), "\n.SH OPTIONS\n",
                  "These may stand before or after the command.\n");
  for (const OptionNode& option : root.options) Option(option, &out);
  absl::StrAppend(&out, ".SH COMMANDS\n");
  for (const CommandNode& command : root.commands) Command(command.name, command, &out);
  Footer(root.footer, ".SH", &out);
  return out;
}

}  // namespace session_status::cli
