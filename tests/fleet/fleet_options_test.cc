#include "plugin/fleet/fleet_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace session_status::fleet {
namespace {

using ::testing::HasSubstr;

TEST(FleetOptionsTest, TheDatabaseIsAnyNumberThatAnEngineCanHave) {
  for (const char* before :
       {"redis://a/", "redis://[::1]:6380/", "unix:///run/redis.sock?", "sentinel://a,b/main/"}) {
    for (const int database : {0, 15, 16, 1000, 2147483647}) {
      EngineAddress address;
      const absl::Status status = ParseEngineUrl(before + std::to_string(database), &address);
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_EQ(address.database, database) << address.text;
    }
    for (const char* database : {"-1", "2147483648", "x"}) {
      EngineAddress address;
      EXPECT_THAT(std::string(ParseEngineUrl(std::string(before) + database, &address).message()),
                  HasSubstr("DATABASE is a number from 0 to 2147483647"));
    }
  }
  EngineAddress address;
  EXPECT_FALSE(ParseEngineUrl("cluster://a,b/1", &address).ok()) << "it has database 0 only";
}

}  // namespace
}  // namespace session_status::fleet
