#include "plugin/limits/counted_instances.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace session_status::limits {
namespace {

const absl::Time kHour = absl::FromUnixSeconds(1'767'322'800);  // the beginning of one

TEST(CountedInstancesTest, AnAccountHasSoManyNamesAnHourAndTheRestTogether) {
  CountedInstances counted(3);
  for (const char* name : {"a", "b", "c", "a", "c"}) {
    EXPECT_EQ(counted.NameFor("1001", name, kHour), name);
  }
  EXPECT_EQ(counted.NameFor("1001", "d", kHour), "(other instances)");
  EXPECT_EQ(counted.NameFor("1001", "e", kHour + absl::Minutes(59)), "(other instances)");
  EXPECT_EQ(counted.NameFor("1001", "b", kHour + absl::Minutes(59)), "b") << "one that is in";
  EXPECT_EQ(counted.NameFor("1002", "d", kHour), "d") << "another account's";
}

TEST(CountedInstancesTest, TheNextHourBeginsAnewAndALateCallOfTheLastDoesNot) {
  CountedInstances counted(1);
  const absl::Time next = kHour + absl::Hours(1);
  EXPECT_EQ(counted.NameFor("1001", "a", next - absl::Seconds(1)), "a");
  EXPECT_EQ(counted.NameFor("1001", "b", next - absl::Seconds(1)), kOtherInstances);
  EXPECT_EQ(counted.NameFor("1001", "b", next), "b");
  EXPECT_EQ(counted.NameFor("1001", "a", next - absl::Seconds(1)), kOtherInstances);
  EXPECT_EQ(counted.NameFor("1001", "b", next), "b");
  EXPECT_EQ(counted.NameFor("1001", "c", next - absl::Hours(5)), "c") << "the clock was set back";
}

TEST(CountedInstancesTest, AThousandNamesAreAsManyAsThereAreByDefault) {
  CountedInstances counted;
  int own = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::string name = absl::StrCat("made-up-", i);
    own += counted.NameFor("1001", name, kHour) == name;
  }
  EXPECT_EQ(own, 1000);
}

}  // namespace
}  // namespace session_status::limits
