#include "plugin/http/query_string.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

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

TEST(CheckTextParametersTest, RefusesWhatIsNotUtf8AndWhatComesTwiceUnlessItMay) {
  struct Case {
    absl::string_view query;
    absl::string_view want;  // empty: fine
  };
  for (const Case& c : {
           Case{"a=1&b=2", ""},
           Case{"a=%C3%BC%E6%97%A5%F0%9F%98%80", ""},
           Case{"list=1&a=&list=2&list=", ""},
           Case{"a=1&list=&a=1", "parameter 3, \"a\": is given twice"},
           Case{"=x&=y", "parameter 2, \"\": is given twice"},
           Case{"a=1&b=%FF", "parameter 2, \"b\": is not UTF-8"},
           Case{"list=%C3", "parameter 1, \"list\": is not UTF-8"},
           Case{"list=%E6%97", "parameter 1, \"list\": is not UTF-8"},
           Case{"list=%ED%A0%80", "parameter 1, \"list\": is not UTF-8"},
           Case{"list=%C0%80", "parameter 1, \"list\": is not UTF-8"},
           Case{"%FF=x", "parameter 1, \"\\xff\": is not UTF-8"},
       }) {
    SCOPED_TRACE(c.query);
    const absl::Status status = CheckTextParameters(*ParseQueryString(c.query), {"list"});
    EXPECT_EQ(status.ok(), c.want.empty());
    EXPECT_EQ(status.message(), c.want);
  }
}

TEST(CheckTextParametersTest, AFormOfVeryManyNamesTakesNoTimeToSpeakOf) {
  std::vector<std::pair<std::string, std::string>> parameters;
  for (int i = 0; i < 200'000; ++i) parameters.emplace_back(absl::StrCat("n", i), "");
  EXPECT_TRUE(CheckTextParameters(parameters, {"list"}).ok());  // as a square it would be minutes
}

}  // namespace
}  // namespace session_status::http
