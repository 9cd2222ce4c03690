#include "plugin/fleet/fleet_options.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/temp_dir.h"

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

TEST(FleetCredentialsTest, AreOnTheFirstLineOfAFileThatTheGroupMayRead) {
  const testing::TempDir dir;
  for (const char* text :
       {"secret", "secret\n", " secret \r\nof a comment\n", "secret\nsecond line"}) {
    const std::string path = dir.Write("file", text);
    ASSERT_EQ(chmod(path.c_str(), 0640), 0);
    Credentials credentials;
    EXPECT_EQ(ReadCredentials(path, &credentials), absl::OkStatus());
    EXPECT_EQ(credentials.user, "");
    EXPECT_EQ(credentials.password, "secret");
  }
  Credentials credentials;
  EXPECT_EQ(ReadCredentials(dir.Write("file", "ann secret\n"), &credentials), absl::OkStatus());
  EXPECT_EQ(credentials.user, "ann");
  EXPECT_EQ(credentials.password, "secret");
}

TEST(FleetCredentialsTest, AreRefusedWithTheFileAndTheReason) {
  const testing::TempDir dir;
  const std::string open = dir.Write("open", "secret");
  ASSERT_EQ(chmod(open.c_str(), 0604), 0);
  const std::string huge = dir.Write("huge", "secret\n" + std::string(1 << 20, ' '));
  struct Case {
    std::string path, want;
  };
  for (const Case& c :
       {Case{dir.File("none"), "No such file"}, Case{dir.path(), "not a regular file"},
        Case{open, "holds secrets, but is open to other users: chmod o-rwx it"},
        Case{huge, "larger than "},
        Case{dir.Write("empty", ""), "the first line must be PASSWORD or USER PASSWORD"},
        Case{dir.Write("words", "a b c"), "the first line must be PASSWORD or USER PASSWORD"}}) {
    SCOPED_TRACE(c.path);
    Credentials credentials;
    const absl::Status status = ReadCredentials(c.path, &credentials);
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat(c.path, ": ", c.want)));
  }
}

// One that nobody writes to would be waited for for ever: by the broker at its start.
TEST(FleetCredentialsTest, AreNotReadFromAPipe) {
  const testing::TempDir dir;
  const std::string pipe = dir.File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int end = open(pipe.c_str(), O_RDWR | O_CLOEXEC);  // so that who does read fails, not hangs
  ASSERT_EQ(write(end, "secret\n", 7), 7);
  Credentials credentials;
  EXPECT_EQ(ReadCredentials(pipe, &credentials).message(), pipe + ": not a regular file");
  close(end);
}

}  // namespace
}  // namespace session_status::fleet
