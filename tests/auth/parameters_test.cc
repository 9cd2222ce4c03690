#include "plugin/auth/parameters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "plugin/text/percent_coding.h"

namespace session_status::auth {
namespace {

using Outcome = Parameters::Outcome;

std::string Joined(absl::Span<const Parameter> parameters) {
  std::string text;
  for (const Parameter& p : parameters) absl::StrAppend(&text, p.name, "=", p.value, ";");
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
    EXPECT_EQ(Joined(parameters.sorted()), c.want);
  }
}

TEST(ParametersTest, KeepsTheQueryApartAndSortedWhenAFormCame) {
  struct Case {
    const char* query;
    const char* form;
    const char* want;
  };
  for (const Case& c :
       {Case{"b=2&a=1", "", "a=1;b=2;"}, Case{"b=2&c=3&a=1", "aa=0", "a=1;b=2;c=3;"},
        Case{"x.10=j&x.2=b&X=c", "Y=1&A=2", "X=c;x.10=j;x.2=b;"},
        Case{"b=2&%61=1", "c=3", "a=1;b=2;"}, Case{"", "b=2&a=1", ""}}) {
    Parameters parameters;
    ASSERT_EQ(parameters.Read(c.query, c.form), Outcome::kOk) << c.query;
    EXPECT_EQ(Joined(parameters.sorted_query()), c.want) << c.form;
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

TEST(ParametersTest, KnowsWhichPairsAreSpeltAsTheyAreSigned) {
  struct Case {
    const char* pair;
    bool canonical;
  };
  for (const Case& c :
       {Case{"a=b", true}, Case{"a=", true}, Case{"a=b%20c%E6%B5%8B", true},
        Case{"a%3D=b%25", true}, Case{"A.1=-_.~09", true}, Case{"a", false}, Case{"a=b+c", false},
        Case{"a=b%2f", false}, Case{"a=%7E", false}, Case{"a=%41", false}, Case{"a=b*", false},
        Case{"a=b=c", false}, Case{"a@=b", false}, Case{"a=测", false}}) {
    SCOPED_TRACE(c.pair);
    Parameters parameters;
    ASSERT_EQ(parameters.Read(c.pair, ""), Outcome::kOk);
    EXPECT_EQ(parameters.sorted()[0].canonical, c.canonical ? c.pair : "");
  }
}

TEST(ParametersTest, ReadsEveryByteAtEveryPlaceOfAWord) {
  for (size_t before = 0; before < 35; ++before) {
    for (int c = 0; c < 256; ++c) {
      if (c == '&' || c == '%' || c >= 0x80) continue;
      SCOPED_TRACE(absl::StrCat(before, " before ", c));
      const std::string value = std::string(before, 'v') + static_cast<char>(c) + "v";
      const std::string query = "n=" + value + "&m=1";
      Parameters parameters;
      ASSERT_EQ(parameters.Read(query, ""), Outcome::kOk);
      ASSERT_EQ(parameters.sorted().size(), 2u);
      const Parameter& read = parameters.sorted()[1];
      EXPECT_EQ(read.value, c == '+' ? std::string(before, 'v') + " v" : value);
      EXPECT_EQ(read.canonical, text::IsUnreserved(static_cast<char>(c)) ? "n=" + value : "");
    }
  }
}

TEST(ParametersTest, SortsWhateverTheOrderOfArrival) {
  std::mt19937_64 rng(11);
  for (size_t count : {1, 2, 20, 64, 65, 300}) {
    std::vector<std::string> names;
    for (size_t i = 0; i < count; ++i) names.push_back(absl::StrCat("ClientIdList.", i));
    std::vector<std::string> sorted = names;
    std::sort(sorted.begin(), sorted.end());
    for (int round = 0; round < 10; ++round) {
      std::shuffle(names.begin(), names.end(), rng);
      const std::string query = absl::StrJoin(names, "&");
      Parameters parameters(400);
      ASSERT_EQ(parameters.Read(query, ""), Outcome::kOk);
      ASSERT_EQ(parameters.sorted().size(), count);
      for (size_t i = 0; i < count; ++i) EXPECT_EQ(parameters.sorted()[i].name, sorted[i]);
      EXPECT_EQ(parameters.Read(query, names[count / 2]), Outcome::kDuplicate);
      EXPECT_EQ(parameters.offending_name(), names[count / 2]);
    }
  }
}

}  // namespace
}  // namespace session_status::auth
