#include "plugin/text/near_word.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace session_status::text {
namespace {

TEST(NearWordTest, ASlipOfTheFingerIsRecognisedAndNothingElse) {
  const std::vector<std::string> commands = {"query", "batch", "status", "watch"};
  EXPECT_EQ(Nearest("qurey", commands), "query");
  EXPECT_EQ(Nearest("stat", commands), "status");
  EXPECT_EQ(Nearest("frobnicate", commands), "");
  EXPECT_EQ(Nearest("tcsh", {"bash", "zsh", "fish"}), "");
  EXPECT_EQ(Nearest("zhs", {"bash", "zsh", "fish"}), "zsh");  // two letters changed places
  EXPECT_EQ(Nearest("4", {"3.1", "3.1.1", "5"}), "");
  EXPECT_EQ(Nearest("", commands), "");
  EXPECT_EQ(Nearest("QUREY", commands), "query");
  EXPECT_EQ(Nearest("version", {"Version"}), "Version");
  EXPECT_EQ(Nearest("acs:SorceIP", {"acs:SecureTransport", "acs:SourceIp"}), "acs:SourceIp");
  EXPECT_EQ(Nearest(std::string(5000, 'x'), commands), "");
}

}  // namespace
}  // namespace session_status::text
