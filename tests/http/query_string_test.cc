#include "plugin/http/query_string.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace session_status::http {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(ParseQueryStringTest, SplitsAndDecodesPairsInOrder) {
  const auto pairs = ParseQueryString("a=1&b=x%20y&a=2+3&empty=&flag&%C3%A4=%e4%bd%a0");
  ASSERT_TRUE(pairs.ok());
  EXPECT_THAT(*pairs, ElementsAre(Pair("a", "1"), Pair("b", "x y"), Pair("a", "2 3"),
                                  Pair("empty", ""), Pair("flag", ""), Pair("ä", "你")));
}

TEST(ParseQueryStringTest, TakesOnlyTheFirstEqualsSignAsSeparator) {
  EXPECT_THAT(*ParseQueryString("token=a=b=="), ElementsAre(Pair("token", "a=b==")));
}

TEST(ParseQueryStringTest, IgnoresEmptyPairs) {
  EXPECT_THAT(*ParseQueryString(""), IsEmpty());
  EXPECT_THAT(*ParseQueryString("&&a=1&"), ElementsAre(Pair("a", "1")));
}

TEST(ParseQueryStringTest, RefusesABrokenEscapeAndNamesThePair) {
  for (const char* broken : {"a=1&b=%", "a=1&b=%4", "a=1&b=%zz", "a=1&%4=b"}) {
    SCOPED_TRACE(broken);
    EXPECT_THAT(ParseQueryString(broken).status().message(), HasSubstr("parameter 2"));
  }
}

TEST(PercentDecodeTest, KeepsEveryByteThatIsNotEscaped) {
  std::string out;
  EXPECT_TRUE(PercentDecode(absl::string_view("a\0b%00c", 7), &out));
  EXPECT_EQ(out, std::string("a\0b\0c", 5));
}

}  // namespace
}  // namespace session_status::http
