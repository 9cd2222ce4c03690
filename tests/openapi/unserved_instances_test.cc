#include "plugin/openapi/unserved_instances.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace session_status::openapi {
namespace {

using ::testing::IsEmpty;

std::string Unserved(absl::string_view instances, InstanceMap::Options options) {
  const auto file = auth::AccessFile::Parse(
      absl::StrCat(R"({"version": 1, "accounts": [{"id": "1001", "instances": [)", instances,
                   R"(]}, {"id": "1002", "instances": []}]})"));
  EXPECT_TRUE(file.ok()) << file.status();
  return UnservedInstances(**file, InstanceMap(std::move(options)));
}

TEST(UnservedInstancesTest, NamesWhatTheServerDoesNotServe) {
  EXPECT_EQ(Unserved(R"("post-cn-local0001")", {}),
            "account 1001 owns post-cn-local0001, which this server does not serve (instance_id is "
            "mosquitto)");
  EXPECT_EQ(Unserved(R"("a", "main", "b", "c", "d", "e")", {"main", false, {}}),
            "account 1001 owns a, account 1001 owns b, account 1001 owns c and 2 more, which this "
            "server does not serve (instance_id is main)");
}

TEST(UnservedInstancesTest, SaysNothingOfWhatIsServed) {
  EXPECT_THAT(Unserved("", {}), IsEmpty());
  EXPECT_THAT(Unserved(R"("*")", {}), IsEmpty());
  EXPECT_THAT(Unserved(R"("main", "second", "*")", {"main", false, {{1884, "second"}}}), IsEmpty());
  EXPECT_THAT(Unserved(R"("whatever", "else")", {"main", true, {}}), IsEmpty());
  EXPECT_THAT(Unserved(R"("post-*")", {"post-*", false, {}}), IsEmpty());
  EXPECT_THAT(Unserved(R"("post-*")", {"post-*", true, {}}), IsEmpty());
}

TEST(UnservedInstancesTest, ANameWithAStarIsNoPattern) {
  for (const bool by_username : {false, true}) {
    EXPECT_EQ(Unserved(R"("post-cn-*", "post-cn-1")", {"post-cn-1", by_username, {}}),
              "account 1001 owns post-cn-*, which this server does not serve (instance_id is "
              "post-cn-1); a name with * in it is taken literally");
  }
}

}  // namespace
}  // namespace session_status::openapi
