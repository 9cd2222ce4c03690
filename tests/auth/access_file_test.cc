#include "plugin/auth/access_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace session_status::auth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kGood[] = R"({
  "version": 1,
  "sts": {"secret": "0123456789abcdef0123456789abcdef"},
  "accounts": [{
    "id": "1001", "name": "shop",
    "instances": ["post-cn-local0001"],
    "access_keys": [{"id": "ROOTKEY", "secret": "rootsecret"}],
    "policies": {
      "read": {"Version": "1", "Statement": {"Effect": "Allow", "Action": "mq:*", "Resource": "*"}}
    },
    "users": [{
      "name": "dashboard",
      "policies": ["read", {"Version": "1", "Statement": {"Effect": "Deny", "Action": "mq:PUB", "Resource": "*"}}],
      "access_keys": [
        {"id": "KEY1", "secret": "secretofkey1", "status": "Active"},
        {"id": "KEY2", "secret": "secretofkey2", "status": "Inactive"}
      ]
    }]
  }, {
    "id": "1002", "instances": ["*"], "users": [{"name": "dashboard"}]
  }]
})";

// docs/access.md once had it.
constexpr char kSampleStsSecret[] = "at least 32 bytes; openssl rand -base64 32 makes one";

class AccessFileOnDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string base = ::testing::TempDir() + "access_file_XXXXXX";
    std::vector<char> name(base.begin(), base.end());
    name.push_back('\0');
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name.data();
    path_ = directory_ + "/access.json";
  }
  void TearDown() override {
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }
  void Write(absl::string_view text, mode_t mode = 0600) {
    std::ofstream(path_, std::ios::trunc) << text;
    ASSERT_EQ(chmod(path_.c_str(), mode), 0);
  }
  std::string directory_;
  std::string path_;
};

TEST(AccessFileTest, ReadsAccountsUsersKeysAndPolicies) {
  const auto file = AccessFile::Parse(kGood);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->accounts(), 2u);
  EXPECT_EQ((*file)->users(), 4u);  // two of them owners
  EXPECT_EQ((*file)->keys(), 3u);
  EXPECT_NE((*file)->sts_mac(), nullptr);
  const AccessKey* key = (*file)->FindKey("KEY1");
  ASSERT_NE(key, nullptr);
  EXPECT_TRUE(key->active());
  EXPECT_EQ(key->user().name, "dashboard");
  EXPECT_EQ(key->user().account->id, "1001");
  EXPECT_FALSE(key->user().owner);
  ASSERT_EQ(key->user().policies.size(), 2u);
  EXPECT_EQ(key->user().policies[0]->name, "read");
  EXPECT_EQ(key->user().policies[1]->name, "dashboard#2");
  EXPECT_FALSE((*file)->FindKey("KEY2")->active());
  EXPECT_TRUE((*file)->FindKey("ROOTKEY")->user().owner);
  EXPECT_EQ((*file)->FindKey("KEY3"), nullptr);
  EXPECT_NE((*file)->FindUser("1001", "root"), nullptr);
  EXPECT_EQ((*file)->FindUser("1003", "dashboard"), nullptr);
  EXPECT_TRUE(key->user().account->Owns("post-cn-local0001"));
  EXPECT_FALSE(key->user().account->Owns("post-cn-local0002"));
  EXPECT_TRUE((*file)->FindUser("1002", "root")->account->Owns("anything"));
}

TEST(AccessFileTest, AnAccountOwnsTheVeryInstancesThatItLists) {
  const auto file = AccessFile::Parse(absl::StrReplaceAll(
      kGood, {{R"(["post-cn-local0001"])", R"(["post-cn-local0001", "post-cn-spare"])"}}));
  ASSERT_TRUE(file.ok()) << file.status();
  const Account& shop = *(*file)->FindUser("1001", "root")->account;
  const Account& everything = *(*file)->FindUser("1002", "root")->account;
  struct Case {
    const char* instance;
    bool owned;
  };
  for (const Case& c : {Case{"post-cn-local0001", true}, Case{"post-cn-spare", true},
                        Case{"post-cn-local00012", false}, Case{"post-cn-local0001/x", false},
                        Case{"post-cn-spare0001", false}, Case{"post-cn-local000", false},
                        Case{"POST-cn-local0001", false}, Case{"*", false}, Case{"", false}}) {
    EXPECT_EQ(shop.Owns(c.instance), c.owned) << c.instance;
    EXPECT_TRUE(everything.Owns(c.instance)) << c.instance;
  }
}

TEST(AccessFileTest, RefusesMistakesWithLineAndColumnAndWithoutSecrets) {
  struct Case {
    const char* from;
    const char* to;
    const char* want;
  };
  for (const Case& c : {
           Case{"\"version\": 1", "\"version\": 2", "line 2, column 14: the access file needs"},
           Case{"\"version\": 1,", "\"versoin\": 1,",
                "line 2, column 3: unknown member in the access file; did you mean \"version\"?"},
           Case{"0123456789abcdef0123456789abcdef", "short",
                "line 3, column 21: secret must be a string of 32 to 4096 bytes"},
           Case{"0123456789abcdef0123456789abcdef", kSampleStsSecret,
                "line 3, column 21: this secret stood in a public example; put one of your own "
                "here: "
                "openssl rand -base64 32 makes it"},
           Case{"\"id\": \"1001\", ", "", "\"id\" is missing"},
           Case{"\"id\": \"1002\"", "\"id\": \"1001\"", "account id is here twice"},
           Case{"[\"post-cn-local0001\"]", "\"post-cn-local0001\"", "\"instances\", a list"},
           Case{"\"secretofkey1\"", "\"short\"",
                "line 15, column 34: secret must be a string of 8"},
           Case{"\"Active\"", "\"active\"", "status must be"},
           Case{"\"KEY2\"", "\"KEY\\ude00\"", "line 16, column 20: The surrogate pair"},
           Case{"\"KEY2\"", "\"KEY1\"", "line 16, column 16: this access key's id is here twice"},
           Case{"\"KEY2\"", "\"STS.KEY2\"", "does not begin with STS."},
           Case{"\"KEY2\"", "\"KEY,2\"", "no comma"},
           Case{"\"name\": \"dashboard\",\n", "\"name\": \"root\",\n", "is the account's owner"},
           Case{"[\"read\"", "[\"write\"", "no policy of this name"},
           Case{"\"Effect\": \"Deny\"", "\"Effect\": \"Never\"",
                "line 13, column 69: Effect must be"},
           Case{"{\"id\": \"KEY2\"",
                "{\"id\": \"KEY3\", \"secret\": \"secretofkey3\"}, {\"id\": \"KEY2\"",
                "at most 2 access keys"},
           Case{"\"secret\": \"secretofkey1\"", "\"secret\": \"secretofkey1", "line 15"},
           Case{"\"secret\": \"secretofkey1\"", "\"secret\": \"secretofkey1\", \"secret\": \"b\"",
                "member is here twice"},
           Case{"\"secret\": \"secretofkey1\"", "\"secret\": \"\xff\xfe secretofkey1\"", "line 15"},
       }) {
    const std::string text = absl::StrReplaceAll(kGood, {{c.from, c.to}});
    ASSERT_NE(text, kGood) << c.from;
    const absl::Status status = AccessFile::Parse(text).status();
    EXPECT_THAT(
        std::string(status.message()),
        AllOf(HasSubstr(c.want), Not(HasSubstr("secretofkey")), Not(HasSubstr("rootsecret"))));
  }
}

TEST(AccessFileTest, AByteOrderMarkCountsForNothing) {
  constexpr char kMark[] = "\xEF\xBB\xBF";
  EXPECT_TRUE(AccessFile::Parse(absl::StrCat(kMark, kGood)).ok());
  for (const char* mark : {"", kMark}) {
    const auto text = absl::StrCat(mark, "{\"version\": 1, \"accounts\": 7}");
    EXPECT_THAT(std::string(AccessFile::Parse(text).status().message()),
                HasSubstr("line 1, column 28: "));
  }
  EXPECT_THAT(std::string(AccessFile::Parse(absl::StrCat(kMark, kMark, kGood)).status().message()),
              HasSubstr("line 1, column 1: "));
}

TEST(AccessFileTest, NestingIsBounded) {
  EXPECT_THAT(std::string(AccessFile::Parse(std::string(100'000, '[')).status().message()),
              HasSubstr("nested too deep"));
}

TEST_F(AccessFileOnDiskTest, OnlyTheOwnerMayHaveAccess) {
  for (const mode_t mode : {0600, 0400}) {
    Write(kGood, mode);
    EXPECT_TRUE(AccessFile::Load(path_).ok());
    ASSERT_EQ(unlink(path_.c_str()), 0);
  }
  for (const mode_t mode : {0640, 0604, 0660, 0644, 0601, 0620}) {
    Write(kGood, mode);
    EXPECT_THAT(std::string(AccessFile::Load(path_).status().message()), HasSubstr("chmod 600"));
    ASSERT_EQ(unlink(path_.c_str()), 0);
  }
  EXPECT_THAT(std::string(AccessFile::Load(directory_).status().message()),
              HasSubstr("not a regular file"));
  EXPECT_THAT(std::string(AccessFile::Load(path_ + "x").status().message()),
              HasSubstr("No such file"));
}

TEST_F(AccessFileOnDiskTest, APipeIsNotWaitedFor) {
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  const int end =
      open(path_.c_str(), O_RDWR | O_CLOEXEC);  // so that who does read fails, not hangs
  EXPECT_EQ(AccessFile::Load(path_).status().message(), path_ + ": not a regular file");
  close(end);
}

TEST_F(AccessFileOnDiskTest, AFileOfAnotherUserIsNotBelieved) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  Write(kGood);
  ASSERT_TRUE(AccessFile::Load(path_).ok());
  constexpr uid_t kAnotherUser = 65'534;
  ASSERT_EQ(chown(path_.c_str(), kAnotherUser, static_cast<gid_t>(-1)), 0);
  EXPECT_THAT(std::string(AccessFile::Load(path_).status().message()),
              HasSubstr("belongs to neither this process' user nor root"));
  AccessStore store(path_);
  EXPECT_FALSE(store.Reload().ok());
  EXPECT_EQ(store.Current(), nullptr);
}

TEST_F(AccessFileOnDiskTest, ABrokenFileLeavesTheOldOneInForce) {
  AccessStore store(path_);
  EXPECT_EQ(store.Current(), nullptr);
  EXPECT_FALSE(store.Reload().ok());
  Write(kGood);
  ASSERT_TRUE(store.Reload().ok());
  const std::shared_ptr<const AccessFile> first = store.Current();
  ASSERT_NE(first, nullptr);
  Write("{\"version\": 1,");
  EXPECT_THAT(std::string(store.Reload().message()), AllOf(HasSubstr(path_), HasSubstr("line 1")));
  EXPECT_EQ(store.Current(), first);
  Write(absl::StrReplaceAll(kGood, {{"KEY1", "KEY9"}}));
  ASSERT_TRUE(store.Reload().ok());
  EXPECT_EQ(store.Current()->FindKey("KEY1"), nullptr);
  EXPECT_NE(store.Current()->FindKey("KEY9"), nullptr);
  EXPECT_NE(first->FindKey("KEY1"), nullptr) << "whoever still holds the old one may use it";
}

}  // namespace
}  // namespace session_status::auth
