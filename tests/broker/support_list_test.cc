// docs/broker-support.md lists every scenario, on the lines where it runs, and nothing else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/testing/temp_dir.h"

namespace session_status::testing {
namespace {

struct Lines {
  bool on20 = false;
  bool on21 = false;
  bool operator==(const Lines& other) const { return on20 == other.on20 && on21 == other.on21; }
};

void PrintTo(const Lines& lines, std::ostream* out) {
  *out << (lines.on20 ? "On20 " : "") << (lines.on21 ? "On21" : "");
}

using Scenarios = std::map<std::string, Lines>;

Scenarios OfThisProgram() {
  Scenarios scenarios;
  const auto& program = *::testing::UnitTest::GetInstance();
  for (int s = 0; s < program.total_test_suite_count(); ++s) {
    const auto& suite = *program.GetTestSuite(s);
    absl::string_view name = suite.name();
    if (!absl::ConsumePrefix(&name, "OnBroker/")) continue;
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const std::vector<std::string> parts = absl::StrSplit(suite.GetTestInfo(t)->name(), '/');
      Lines& lines = scenarios[std::string(name) + "." + parts[0]];
      (parts[1] == "On20" ? lines.on20 : lines.on21) = true;
    }
  }
  return scenarios;
}

Scenarios OfTheDocumentation() {
  Scenarios scenarios;
  for (absl::string_view line :
       absl::StrSplit(ReadFile(SESSION_STATUS_SOURCE_DIR "/docs/broker-support.md"), '\n')) {
    const std::vector<std::string> cells = absl::StrSplit(line, '|');
    if (cells.size() != 5) continue;
    const absl::string_view name = absl::StripAsciiWhitespace(cells[1]);
    if (!absl::StrContains(name, '.')) continue;
    const auto runs = [](absl::string_view cell) {
      return !absl::StartsWith(absl::StripAsciiWhitespace(cell), "–");
    };
    scenarios[std::string(name)] = {.on20 = runs(cells[3]), .on21 = runs(cells[2])};
  }
  return scenarios;
}

TEST(SupportListTest, TheDocumentationListsExactlyTheScenariosThatAreTested) {
  EXPECT_THAT(OfTheDocumentation(), ::testing::ContainerEq(OfThisProgram()));
}

}  // namespace
}  // namespace session_status::testing
