#include "plugin/auth/parameters.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "plugin/auth/percent_coding.h"

namespace session_status::auth {
namespace {

using Outcome = Parameters::Outcome;

std::string Joined(const Parameters& parameters) {
  std::string text;
  for (const Parameter& p : parameters.sorted()) absl::StrAppend(&text, p.name, "=", p.value, ";");
  return text;
}

TEST(ParametersTest, DecodesQueryAndFormIntoOneSortedList) {
  struct Case {
    const char* query;
    const char* form;
    const char* want;
  };
  for (const Case& c :
       {Case{"", "", ""}, Case{"b=2&a=1", "", "a=1;b=2;"}, Case{"b=2", "a=1", "a=1;b=2;"},
        Case{"a", "", "a=;"}, Case{"a=", "", "a=;"}, Case{"a=1=2", "", "a=1=2;"},
        Case{"a=x+y%20z", "", "a=x y z;"}, Case{"a=%e6%B5%8b", "", "a=测;"},
        Case{"&&a=1&", "", "a=1;"}, Case{"x.10=j&x.2=b&X=c", "", "X=c;x.10=j;x.2=b;"},
        Case{"%41=1", "", "A=1;"}, Case{"a=%7E~*!'()", "", "a=~~*!'();"}}) {
    Parameters parameters;
    EXPECT_EQ(parameters.Read(c.query, c.form), Outcome::kOk) << c.query;
    EXPECT_EQ(Joined(parameters), c.want);
  }
}

TEST(ParametersTest, RefusesWhatHasNoSingleMeaning) {
  struct Case {
    const char* query;
    const char* form;
    Outcome want;
    const char* name;
  };
  for (const Case& c :
       {Case{"a=1&a=1", "", Outcome::kDuplicate, "a"}, Case{"a=1", "a=2", Outcome::kDuplicate, "a"},
        Case{"a=1&%61=2", "", Outcome::kDuplicate, "a"}, Case{"a=%", "", Outcome::kMalformed, "a"},
        Case{"a=%4", "", Outcome::kMalformed, "a"}, Case{"a=%4g", "", Outcome::kMalformed, "a"},
        Case{"a=%ff", "", Outcome::kMalformed, "a"}, Case{"a=%c0%80", "", Outcome::kMalformed, "a"},
        Case{"a=%ed%a0%80", "", Outcome::kMalformed, "a"},
        Case{"a=%f4%90%80%80", "", Outcome::kMalformed, "a"}}) {
    Parameters parameters;
    EXPECT_EQ(parameters.Read(c.query, c.form), c.want) << c.query;
    EXPECT_EQ(parameters.offending_name(), c.name) << c.query;
  }
}

TEST(ParametersTest, BoundsTheirNumber) {
  std::string query = "p0=";
  for (size_t i = 1; i < Parameters::kCountMax; ++i) absl::StrAppend(&query, "&p", i, "=");
  Parameters parameters;
  EXPECT_EQ(parameters.Read(query, ""), Outcome::kOk);
  EXPECT_EQ(parameters.Read(query, "more=1"), Outcome::kTooMany);
}

TEST(ParametersTest, CanBeReusedAndFindsByName) {
  Parameters parameters;
  ASSERT_EQ(parameters.Read("b=%31&a=2", "c=3"), Outcome::kOk);
  EXPECT_EQ(parameters.sorted_query().size(), 2u);
  ASSERT_EQ(parameters.Read("z=+9", ""), Outcome::kOk);
  ASSERT_NE(parameters.Find("z"), nullptr);
  EXPECT_EQ(*parameters.Find("z"), " 9");
  EXPECT_EQ(parameters.Find("a"), nullptr);
  EXPECT_EQ(parameters.Find("zz"), nullptr);
  EXPECT_EQ(parameters.sorted_query().size(), 1u);
}

TEST(PercentCodingTest, EncodesEveryByteAndDecodesItBack) {
  std::string all;
  for (int c = 0; c < 256; ++c) all.push_back(static_cast<char>(c));
  std::string once;
  AppendPercentEncoded(all, &once);
  std::string back;
  ASSERT_TRUE(AppendFormDecoded(once, &back));
  EXPECT_EQ(back, all);
  std::string of_once;
  AppendPercentEncoded(once, &of_once);
  std::string twice;
  AppendTwicePercentEncoded(all, &twice);
  EXPECT_EQ(twice, of_once);
  std::string plain;
  AppendPercentEncoded("AZaz09-_.~ *+/%", &plain);
  EXPECT_EQ(plain, "AZaz09-_.~%20%2A%2B%2F%25");
}

TEST(PercentCodingTest, KnowsUtf8) {
  for (const char* good : {"", "abc", "éΩ测", "\xF0\x9F\x98\x80", "abcdefgh\xC3\xA9ijklmnop"}) {
    EXPECT_TRUE(IsValidUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC3", "\xC1\x81", "\xE0\x80\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80",
        "\xF0\x80\x80\x80", "\xE6\xB5", "abcdefgh\xFF", "\xF4\x90\x80\x80"}) {
    EXPECT_FALSE(IsValidUtf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace session_status::auth
