// The commands that work on files: access check, sts issue, usage.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/auth/sts.h"
#include "plugin/store/usage_store.h"

namespace session_status {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kAccessFile[] = R"({
  "version": 1,
  "sts": {"secret": "0123456789abcdef0123456789abcdef"},
  "accounts": [{
    "id": "1001", "instances": ["post-cn-local0001"],
    "access_keys": [{"id": "OWNER", "secret": "secretofowner"}],
    "policies": {"office": {"Version": "1", "Statement": [
      {"Effect": "Deny", "Action": "*", "Resource": "*",
       "Condition": {"Bool": {"acs:SecureTransport": "false"}}},
      {"Effect": "Allow", "Action": "mq:MqttInstanceAccess",
       "Resource": "acs:mq:*:*:instance/post-cn-local*",
       "Condition": {"IpAddress": {"acs:SourceIp": "10.0.0.0/8"}}}]}},
    "users": [{"name": "bob", "policies": [{"Version": "1", "Statement": [
      {"Effect": "Allow", "Action": "mq:MqttInstanceAccess", "Resource": "*"},
      {"Effect": "Deny", "Action": "mq:QuerySessionByClientId", "Resource": "*"}]}],
      "access_keys": [{"id": "BOB", "secret": "secretofbob"}]},
      {"name": "sue", "policies": [{"Version": "1", "Statement": [
      {"Effect": "Allow", "Action": "mq:QuerySessionByClientId", "Resource": "*"}]}],
      "access_keys": [{"id": "SUE", "secret": "secretofsue"}]},
      {"name": "ann", "policies": ["office"], "access_keys": [
      {"id": "ANN", "secret": "secretofann"},
      {"id": "OLD", "secret": "secretofold", "status": "Inactive"}]}]
  }]
})";

struct Ran {
  int exit_code;
  std::string output;
};

class FileCommandsTest : public ::testing::Test {
 protected:
  FileCommandsTest() {
    std::string base = ::testing::TempDir() + "file_commands_XXXXXX";
    directory_ = mkdtemp(base.data());
    access_ = Write("access.json", kAccessFile);
  }
  ~FileCommandsTest() override {
    for (const char* name : {"access.json", "policy.json", "u.db", "u.db-wal", "u.db-shm"}) {
      unlink((directory_ + "/" + name).c_str());
    }
    rmdir(directory_.c_str());
  }
  std::string Write(const std::string& name, absl::string_view text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path, std::ios::trunc) << text;
    EXPECT_EQ(chmod(path.c_str(), 0600), 0);
    return path;
  }
  static Ran Run(absl::string_view arguments) {
    Ran ran;
    FILE* pipe = popen(absl::StrCat(CLI_PATH, " ", arguments, " 2>&1").c_str(), "r");
    char buffer[4096];
    while (const size_t got = fread(buffer, 1, sizeof(buffer), pipe))
      ran.output.append(buffer, got);
    const int status = pclose(pipe);
    ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ran;
  }
  Ran Check(absl::string_view arguments) {
    return Run(absl::StrCat("access check --file ", access_, " ", arguments));
  }
  std::string directory_;
  std::string access_;
};

TEST_F(FileCommandsTest, AccessCheckSaysWhichStatementDecides) {
  struct Case {
    const char* arguments;
    int exit_code;
    const char* output;
  };
  for (const Case& c : {
           Case{
               "-k ANN -a mq:MqttInstanceAccess -r post-cn-local0001 --secure --source-ip 10.1.2.3",
               0, "allowed by statement 2 of policy \"office\"\n"},
           Case{"-k ANN -a mq:QuerySessionByClientId -r acs:mq:x:1001:post-cn-local0001 --secure "
                "--region x --source-ip 10.1.2.3",
                0, "allowed by statement 2 of policy \"office\"\n"},
           Case{"-k ANN -a mq:MqttInstanceAccess -r post-cn-local0001 --source-ip 10.1.2.3", 1,
                "denied by statement 1 of policy \"office\"\n"},
           Case{"-k ANN -a mq:MqttInstanceAccess -r post-cn-local0001 --secure", 1,
                "denied, because no statement allows it\n"},
           Case{
               "-k ANN -a mq:MqttInstanceAccess -r post-cn-local0002 --secure --source-ip 10.1.2.3",
               1,
               "denied: account 1001 does not own the instance (policies: allowed by statement 2"},
           Case{
               "-k OLD -a mq:MqttInstanceAccess -r post-cn-local0001 --secure --source-ip 10.1.2.3",
               1, "allowed by statement 2 of policy \"office\"; but the key is inactive\n"},
           Case{"-k OWNER -a mq:BatchQuerySessionByClientIds -r post-cn-local0001", 0,
                "allowed: the account's owner needs no policy\n"},
           Case{"-k NONE -a ecs:x -r y", 4,
                "mosquitto_session: the access file has no such access key\n"},
           Case{"-k ANN -a ecs:x -r y --at yesterday", 2, "--at: \"yesterday\" is neither a day"},
           Case{"-k ANN -a ecs:x -r y --source-ip 999", 2,
                "--source-ip: \"999\" is no address as in 10.1.2.3 or 2001:db8::7"},
           Case{"-k ANN -a ecs:x -r y --source-ip 10.0.0.0/8", 2, "is no address"},
           Case{"-k ANN -a ecs:x -r y --source-ip 2001:db8::7", 1, "denied by statement 1"},
           Case{"-k ANN -a ecs:x", 2, "--resource is required"},
       }) {
    const Ran ran = Check(c.arguments);
    EXPECT_EQ(ran.exit_code, c.exit_code) << c.arguments;
    EXPECT_THAT(ran.output, AllOf(HasSubstr(c.output), Not(HasSubstr("secretof"))));
  }
  EXPECT_EQ(Check("--json -k ANN -a ecs:x -r y").output,
            "{\"allowed\":false,\"explanation\":\"denied by statement 1 of policy \\\"office\\\"\","
            "\"policy\":\"office\",\"statement\":1}\n");
}

// The server puts the caller's account and its own region into the name that it asks for.
TEST_F(FileCommandsTest, AccessCheckAllowsNobodyTheNameOfAnotherAccountOrRegion) {
  const auto check = [this](absl::string_view key, absl::string_view resource) {
    return Check(absl::StrCat(
        "-k ", key, " -a mq:MqttInstanceAccess --secure --source-ip 10.1.2.3 -r ", resource));
  };
  for (const char* key : {"OWNER", "ANN"}) {
    SCOPED_TRACE(key);
    for (const char* name : {"post-cn-local0001", "instance/post-cn-local0001"}) {
      EXPECT_EQ(check(key, absl::StrCat("acs:mq:local:1001:", name)).exit_code, 0);
      const Ran account = check(key, absl::StrCat("acs:mq:local:1002:", name));
      EXPECT_EQ(account.exit_code, 1);
      EXPECT_THAT(account.output, StartsWith("denied: the key is of account 1001, "));
      const Ran region = check(key, absl::StrCat("acs:mq:eu:1001:", name));
      EXPECT_EQ(region.exit_code, 2);
      EXPECT_THAT(region.output, HasSubstr("--resource: is of region eu, and the server's "));
      EXPECT_EQ(check(key, absl::StrCat("acs:mq:eu:1001:", name, " --region eu")).exit_code, 0);
    }
  }
}

TEST_F(FileCommandsTest, AccessCheckJudgesNoNameThatTheServerNeverAsksFor) {
  const auto check = [this](absl::string_view resource) {
    return Check(absl::StrCat("-k OWNER -a mq:MqttInstanceAccess -r ", resource));
  };
  for (const char* part : {"acs:foo", "acs:", "acs:mq:local:1001", "acs:mq:local:1001:"}) {
    const Ran ran = check(part);
    EXPECT_EQ(ran.exit_code, 2) << part;
    EXPECT_THAT(ran.output, HasSubstr(absl::StrCat("--resource: \"", part,
                                                   "\" is no resource name: that has five parts")));
  }
  for (const char* other :
       {"acs:ecs:::instance/i:1", "acs:oss:local:1001:x", "acs:mq:local:1002:topic/nope/t",
        "acs:mq:cn-beijing:1001:topic/nope/t", "acs:mq:local:1001:groupId/g"}) {
    const Ran ran = check(other);
    EXPECT_EQ(ran.exit_code, 2) << other;
    EXPECT_THAT(ran.output, HasSubstr("names no instance, and the server asks for instances only"));
  }
}

TEST_F(FileCommandsTest, AccessCheckKnowsTheActions) {
  const auto check = [this](absl::string_view action) {
    return Check(absl::StrCat("-k OWNER -r post-cn-local0001 -a ", action));
  };
  for (const char* action : {"mq:MqttInstanceAccess", "mq:querysessionbyclientid",
                             "MQ:BatchQuerySessionByClientIds", "ecs:DescribeInstances"}) {
    EXPECT_EQ(check(action).exit_code, 0) << action;
  }
  for (const char* action : {"mq:MqttInstanceAcess", "MqttInstanceAccess", "mq:*", "Mq:x"}) {
    const Ran ran = check(action);
    EXPECT_EQ(ran.exit_code, 2) << action;
    EXPECT_THAT(ran.output, HasSubstr("(there are mq:BatchQuerySessionByClientIds, ")) << action;
  }
  for (const char* action : {"mq:MqttInstanceAcess", "MqttInstanceAccess"}) {
    EXPECT_THAT(check(action).output, HasSubstr("; did you mean mq:MqttInstanceAccess?")) << action;
  }
}

TEST_F(FileCommandsTest, AccessCheckTakesATimeAsTheOtherCommandsDo) {
  for (const char* time : {"2027-01-01", "2027-01-01T00:00:00+08:00", "7d", "90s"}) {
    EXPECT_EQ(
        Check(absl::StrCat("-k OWNER -a mq:MqttInstanceAccess -r post-cn-local0001 --at ", time))
            .exit_code,
        0)
        << time;
  }
}

// As openapi/authorization.cc asks.
TEST_F(FileCommandsTest, AccessCheckAsksForTheQueryUnderBothOfItsNames) {
  constexpr char kBatch[] = "the batch with api_batch_needs_instance_access";
  for (const char* action : {"mq:MqttInstanceAccess", "MQ:querysessionbyclientid"}) {
    const bool may_be_of_batch = action[3] == 'M';
    SCOPED_TRACE(action);
    const Ran bob = Check(absl::StrCat("-k BOB -r post-cn-local0001 -a ", action));
    EXPECT_EQ(bob.exit_code, 1);
    EXPECT_THAT(bob.output, StartsWith("denied by statement 2"));
    const Ran sue = Check(absl::StrCat("-k SUE -r post-cn-local0001 -a ", action));
    EXPECT_EQ(sue.exit_code, 0);
    EXPECT_THAT(sue.output, StartsWith("allowed by statement 1"));
    for (const Ran& ran : {bob, sue}) {
      EXPECT_EQ(absl::StrContains(ran.output, kBatch), may_be_of_batch) << ran.output;
    }
  }
  EXPECT_THAT(Check("-k BOB -r post-cn-local0001 -a mq:MqttInstanceAccess").output,
              HasSubstr("for this name alone: allowed by statement 1"));
  EXPECT_THAT(
      Check("--json -k SUE -r post-cn-local0001 -a mq:MqttInstanceAccess").output,
      HasSubstr(R"(,"batch_needs_instance_access":{"allowed":false,"explanation":"denied,)"));
}

TEST_F(FileCommandsTest, AccessCheckRefusesAFileThatOthersCanRead) {
  ASSERT_EQ(chmod(access_.c_str(), 0644), 0);
  const Ran ran = Check("-k ANN -a ecs:x -r y");
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.output, HasSubstr("chmod 600"));
}

TEST_F(FileCommandsTest, RootMayWorkOnTheFileOfTheBrokersUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can give a file to another user";
  constexpr uid_t kNobody = 65'534;
  ASSERT_EQ(chown(access_.c_str(), kNobody, static_cast<gid_t>(-1)), 0);
  EXPECT_THAT(Check("-k OWNER -a ecs:x -r post-cn-local0001").output,
              HasSubstr("allowed: the account's owner needs no policy"));
  EXPECT_EQ(Run(absl::StrCat("sts issue -f ", access_, " -a 1001 -u ann")).exit_code, 0);
  ASSERT_EQ(chmod(access_.c_str(), 0640), 0);
  EXPECT_THAT(Check("-k OWNER -a ecs:x -r post-cn-local0001").output, HasSubstr("chmod 600"));
}

TEST_F(FileCommandsTest, StsIssueMakesCredentialsThatTheServerAccepts) {
  const std::string policy = Write("policy.json", R"({"Version":"1","Statement":[
    {"Effect":"Allow","Action":"mq:*","Resource":"*"}]})");
  const Ran ran =
      Run(absl::StrCat("sts issue -f ", access_, " -a 1001 -u ann --ttl 20m --policy ", policy));
  ASSERT_EQ(ran.exit_code, 0) << ran.output;
  const auto value = [&ran](const std::string& name) {
    const std::string start = "export " + name + "='";
    const size_t begin = ran.output.find(start) + start.size();
    return ran.output.substr(begin, ran.output.find('\'', begin) - begin);
  };
  const auto file = auth::AccessFile::Load(access_);
  ASSERT_TRUE(file.ok());
  auth::Session session;
  EXPECT_EQ(auth::VerifyToken(**file, value("ALIBABA_CLOUD_SECURITY_TOKEN"),
                              value("ALIBABA_CLOUD_ACCESS_KEY_ID"), absl::Now(), &session),
            auth::TokenVerdict::kValid);
  EXPECT_NE(session.policy, nullptr);
  const auto secret =
      auth::TemporaryKeySecret(*(*file)->sts_mac(), value("ALIBABA_CLOUD_ACCESS_KEY_ID"));
  ASSERT_TRUE(secret.has_value());
  EXPECT_EQ(secret->reveal(), value("ALIBABA_CLOUD_ACCESS_KEY_SECRET"));
}

TEST_F(FileCommandsTest, StsIssuePrintsJsonInTheShapeOfTheVendorsReply) {
  for (const auto& [user, arn] :
       {std::pair("root", "acs:ram::1001:root"), std::pair("ann", "acs:ram::1001:user/ann")}) {
    const Ran ran = Run(absl::StrCat("--json sts issue -f ", access_, " -a 1001 -u ", user));
    ASSERT_EQ(ran.exit_code, 0) << ran.output;
    EXPECT_THAT(ran.output, ::testing::MatchesRegex(absl::StrCat(
                                "\\{\"AssumedRoleUser\":\\{\"Arn\":\"", arn,
                                "\"\\},\"Credentials\":\\{\"AccessKeyId\":\"STS\\.[0-9a-f]+\","
                                "\"AccessKeySecret\":\"[^\"]+\",\"SecurityToken\":\"[^\"]+\","
                                "\"Expiration\":\"20[-0-9T:]+Z\"\\}\\}\n")));
  }
}

TEST_F(FileCommandsTest, StsIssueExplainsWhatIsWrong) {
  const std::string policy = Write("policy.json", "{\"Version\": \"1\",\n \"Statement\": 7}");
  struct Case {
    std::string arguments;
    int exit_code;
    std::string output;
  };
  for (const Case& c :
       {Case{"-a 1001 -u eve", 4, "no such user"},
        Case{"-a 1001 -u ann --ttl soon", 2, "--ttl: \"soon\" is not a duration from 1m to 12h"},
        Case{"-a 1001 -u ann --ttl 1d", 2, "--ttl: \"1d\" is not a duration from 1m to 12h"},
        Case{"-a 1001 -u ann --ttl 13h", 2, "from 1m to 12h"},
        Case{"-a 1001 -u ann --ttl 59s", 2, "from 1m to 12h"},
        Case{"-a 1001 -u ann --policy " + policy, 4,
             "mosquitto_session: " + policy + ": line 2, column 15"},
        Case{"-a 1001 -u ann --policy /nonexistent", 4, "/nonexistent: No such file"}}) {
    const Ran ran = Run(absl::StrCat("sts issue -f ", access_, " ", c.arguments));
    EXPECT_EQ(ran.exit_code, c.exit_code) << c.arguments;
    EXPECT_THAT(ran.output, HasSubstr(c.output)) << c.arguments;
  }
}

TEST_F(FileCommandsTest, AnErrorInASessionPolicyNamesItsFile) {
  const std::string policy = Write("policy.json", "{\"Version\": \"1\",\n \"Statement\": 7}");
  const Ran ran = Check(absl::StrCat(
      "-k OWNER -a mq:MqttInstanceAccess -r post-cn-local0001 --session-policy ", policy));
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_THAT(ran.output, StartsWith(absl::StrCat("mosquitto_session: ", policy, ": ")));
}

// An empty file, a folder and one that cannot be read would else be no session policy, which
// narrows nothing: the owner may do everything.
TEST_F(FileCommandsTest, ASessionPolicyThatIsGivenIsNeverTakenForNone) {
  struct Case {
    std::string file;
    const char* output;
  };
  for (const Case& c :
       {Case{Write("policy.json", ""), ": line 1, column 1: The document is empty."},
        Case{directory_, ": it is a folder"},
        Case{"/proc/self/mem", "/proc/self/mem: Input/output error"},
        Case{"/dev/null", "/dev/null: line 1, column 1: The document is empty."},
        Case{"''", "the name of a file is empty"}}) {
    for (const std::string& command :
         {absl::StrCat("sts issue -f ", access_, " -a 1001 -u root --policy ", c.file),
          absl::StrCat("access check -f ", access_,
                       " -k OWNER -a mq:MqttInstanceAccess -r post-cn-local0001 --session-policy ",
                       c.file)}) {
      const Ran ran = Run(command);
      EXPECT_EQ(ran.exit_code, 4) << command;
      EXPECT_THAT(ran.output, AllOf(StartsWith("mosquitto_session: "), HasSubstr(c.output)));
      EXPECT_THAT(ran.output, Not(HasSubstr("allowed")));
    }
  }
}

TEST_F(FileCommandsTest, ACertificateAuthorityWithoutANameIsNotTakenForNone) {
  const Ran ran = Run("--ca '' --socket https://127.0.0.1:1 status");
  EXPECT_EQ(ran.exit_code, 2);
  EXPECT_THAT(ran.output, HasSubstr("--ca: names no file"));
}

TEST_F(FileCommandsTest, UsageCountsWholeHoursAlsoTheOneThatRuns) {
  store::UsageOptions options;
  options.path = directory_ + "/u.db";
  auto store = store::UsageStore::Open(options);
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::Time now = absl::Now();
  ASSERT_TRUE((*store)->TryCount({"1001", "ann", "shop", "Batch"}, now));
  ASSERT_TRUE((*store)->Flush().ok());
  // Whether the hour ends meanwhile or not, the one that holds the call is among them.
  const std::string usage = absl::StrCat("usage --csv -d ", options.path);
  EXPECT_EQ(Run(usage + " --from 5m").output, "account,calls\n1001,1\n");
  EXPECT_EQ(
      Run(absl::StrCat(usage, " --from ", absl::FormatTime(now, absl::UTCTimeZone()), " --to ",
                       absl::FormatTime(now + absl::Seconds(1), absl::UTCTimeZone())))
          .output,
      "account,calls\n1001,1\n");
}

TEST_F(FileCommandsTest, UsagePrintsTableCsvAndJsonWhileTheServerWrites) {
  const std::string path = directory_ + "/u.db";
  store::UsageOptions options;
  options.path = path;
  auto store = store::UsageStore::Open(options);
  ASSERT_TRUE(store.ok()) << store.status();
  const absl::Time time =
      absl::FromCivil(absl::CivilSecond(2026, 1, 2, 3, 4, 5), absl::UTCTimeZone());
  for (int i = 0; i < 12; ++i) (*store)->TryCount({"1001", "ann", "i,1", "Batch"}, time);
  (*store)->TryCount({"1002", "bob", "i\"2", "Query"}, time + absl::Hours(24));
  ASSERT_TRUE((*store)->Flush().ok());
  const std::string usage = absl::StrCat("usage -d ", path, " ");
  EXPECT_EQ(Run(usage).output, "account  calls\n1001     12\n1002     1\ntotal    13\n");
  EXPECT_EQ(Run(usage + "--csv --by instance,hour").output,
            "instance,hour,calls\n\"i\"\"2\",2026-01-03T03:00Z,1\n\"i,1\",2026-01-02T03:00Z,12\n");
  EXPECT_EQ(Run(usage + "--json --by user --from 2026-01-03").output,
            "{\"usage\":[{\"user\":\"bob\",\"calls\":1}]}\n");
  EXPECT_EQ(Run(usage + "--csv --to 2026-01-03T00:00:00Z").output, "account,calls\n1001,12\n");
  EXPECT_EQ(Run(usage + "--csv --by user,account,user,user").output,
            "user,account,calls\nann,1001,12\nbob,1002,1\n");
  const Ran backwards = Run(usage + "--from 7d --to 8d");
  EXPECT_EQ(backwards.exit_code, 2);
  EXPECT_THAT(backwards.output, HasSubstr("--from is not before --to\n"));
  EXPECT_EQ(Run(usage + "--from 2026-01-02 --to 2026-01-02").exit_code, 2);
  EXPECT_EQ(Run(usage + "--from 8d --to 7d").exit_code, 0);
  EXPECT_EQ(Run(usage + "--from monday").exit_code, 2);
  EXPECT_EQ(Run(usage + "--by colour").exit_code, 2);
  const Ran missing = Run(absl::StrCat("usage -d ", directory_, "/none.db"));
  EXPECT_EQ(missing.exit_code, 4);
  EXPECT_THAT(missing.output, HasSubstr("with --database\n"));
  const Ran other = Run(absl::StrCat("usage -d ", access_));
  EXPECT_EQ(other.exit_code, 4);
  EXPECT_THAT(other.output, HasSubstr(absl::StrCat(access_, " is no usage database")));
  EXPECT_THAT(Run("usage -d /dev/null").output, HasSubstr("/dev/null: not a regular file"));
  EXPECT_THAT(
      Run(absl::StrCat("usage -d ", directory_)).output,
      HasSubstr(absl::StrCat("cannot read ", directory_, ": it is a folder; name the plugin's ")));
}

// As two brokers of one machine do.
TEST_F(FileCommandsTest, UsageSumsWhatTwoServersWriteIntoOneDatabase) {
  store::UsageOptions options;
  options.path = directory_ + "/u.db";
  auto one = store::UsageStore::Open(options);
  auto other = store::UsageStore::Open(options);
  ASSERT_TRUE(one.ok() && other.ok()) << one.status() << other.status();
  const absl::Time time = absl::FromUnixSeconds(1'767'323'045);
  for (int i = 0; i < 3; ++i) {
    (*one)->TryCount({"1001", "ann", "shop", "Batch"}, time);
    (*other)->TryCount({"1001", "ann", "shop", "Batch"}, time);
    (*other)->TryCount({"1001", "ann", "mill", "Batch"}, time);
    ASSERT_TRUE((*one)->Flush().ok());
    ASSERT_TRUE((*other)->Flush().ok());
  }
  EXPECT_EQ(Run(absl::StrCat("usage --csv --by instance -d ", options.path)).output,
            "instance,calls\nmill,3\nshop,6\n");
}

}  // namespace
}  // namespace session_status
