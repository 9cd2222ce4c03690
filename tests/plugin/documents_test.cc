// Holds the documents to the code: the example configuration and the option table of the manual.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
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

TEST(ExampleConfigurationTest, ListsEveryOptionOnceWithItsDefaultInTheTablesOrder) {
  std::vector<std::string> shown;
  for (absl::string_view line : absl::StrSplit(ReadFile("mosquitto.conf.example"), '\n')) {
    if (absl::ConsumePrefix(&line, "#plugin_opt_")) shown.emplace_back(line);
  }
  std::vector<std::string> expected;
  for (const OptionSpec& spec : OptionTable()) {
    expected.push_back(absl::StrCat(spec.name, " ", spec.default_value));
  }
  EXPECT_EQ(absl::StrJoin(shown, "\n"), absl::StrJoin(expected, "\n"));
}

std::string OptionTableAsMarkdown() {
  std::string table = "| Option | Default | Meaning |\n|---|---|---|\n";
  for (const OptionSpec& spec : OptionTable()) {
    absl::StrAppend(&table, "| `", spec.name, "` | `", spec.default_value, "` | ",
                    absl::StrReplaceAll(spec.help, {{"|", "\\|"}}), " |\n");
  }
  return table;
}

// With SESSION_STATUS_UPDATE_DOCS=1 in the environment the table in the file is rewritten first.
TEST(OptionsManualTest, HoldsTheTableAsTheCodeHasIt) {
  const std::string file = "docs/options.md";
  const std::string begin = "<!-- options: generated -->\n";
  const std::string end = "<!-- /options -->";
  std::string text = ReadFile(file);
  const size_t from = text.find(begin);
  const size_t to = text.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const size_t start = from + begin.size();
  if (std::getenv("SESSION_STATUS_UPDATE_DOCS") != nullptr) {
    text.replace(start, to - start, OptionTableAsMarkdown());
    std::ofstream(absl::StrCat(SOURCE_DIR, "/", file)) << text;
  }
  EXPECT_EQ(ReadFile(file).substr(start, OptionTableAsMarkdown().size() + end.size()),
            OptionTableAsMarkdown() + end);
}

}  // namespace
}  // namespace session_status
