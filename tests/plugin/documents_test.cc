// Holds the documents to the code: the example configuration and the option table of the manual.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "plugin/options.h"

namespace session_status {
namespace {

std::string ReadFile(const std::string& name) {
  std::ifstream in(absl::StrCat(SOURCE_DIR, "/", name));
  EXPECT_TRUE(in) << name;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string OptionTableAsMarkdown() {
  std::string table = "| Option | Default | Meaning |\n|---|---|---|\n";
  for (const OptionSpec& spec : OptionTable()) {
    absl::StrAppend(&table, "| `", spec.name, "` | `", spec.default_value, "` | ",
                    absl::StrReplaceAll(spec.help, {{"|", "\\|"}}), " |\n");
  }
  return table;
}

// `text` as comment lines of at most 100 columns.
std::string Comment(absl::string_view text) {
  std::string out;
  std::string line = "#";
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    if (line.size() + 1 + word.size() > 100) {
      absl::StrAppend(&out, line, "\n");
      line = "#";
    }
    absl::StrAppend(&line, " ", word);
  }
  return absl::StrCat(out, line, "\n");
}

std::string OptionTableAsConfiguration() {
  std::string lines;
  for (const OptionSpec& spec : OptionTable()) {
    absl::StrAppend(&lines, Comment(spec.help), "#plugin_opt_", spec.name, " ", spec.default_value,
                    "\n\n");
  }
  return lines;
}

// The part of a document between two marks is what the code makes of it. With
// SESSION_STATUS_UPDATE_DOCS=1 in the environment the file is rewritten first.
void ExpectGenerated(const std::string& file, const std::string& begin, const std::string& end,
                     const std::string& expected) {
  std::string text = ReadFile(file);
  const size_t from = text.find(begin);
  const size_t to = text.find(end);
  ASSERT_NE(from, std::string::npos) << begin;
  ASSERT_NE(to, std::string::npos) << end;
  const size_t start = from + begin.size();
  if (std::getenv("SESSION_STATUS_UPDATE_DOCS") != nullptr) {
    text.replace(start, to - start, expected);
    std::ofstream(absl::StrCat(SOURCE_DIR, "/", file)) << text;
  }
  text = ReadFile(file);
  EXPECT_EQ(text.substr(start, text.find(end) - start), expected);
}

TEST(OptionsManualTest, HoldsTheTableAsTheCodeHasIt) {
  ExpectGenerated("docs/options.md", "<!-- options: generated -->\n", "<!-- /options -->",
                  OptionTableAsMarkdown());
}

TEST(ExampleConfigurationTest, ShowsEveryOptionWithItsDefault) {
  ExpectGenerated("mosquitto.conf.example", "# Options of the plugin, with their defaults.\n\n",
                  "# End of the plugin's options.\n", OptionTableAsConfiguration());
}

}  // namespace
}  // namespace session_status
