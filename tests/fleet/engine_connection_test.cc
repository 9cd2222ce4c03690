#include "plugin/fleet/engine_connection.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "plugin/os/stop_signal.h"
#include "tests/fleet/redis_process.h"
#include "tests/testing/open_sockets.h"
#include "tests/testing/temp_dir.h"

namespace session_status::fleet {
namespace {

using testing::ClosesOnExec;
using testing::SocketsTo;

// Who has it is logged in at the engine.
TEST(EngineConnectionTest, AProgramThatThisProcessStartsDoesNotGetTheConnection) {
  testing::RedisProcess redis;
  EngineAddress address;
  address.hosts = {{"127.0.0.1", redis.port()}};
  const os::StopSignal stop;
  HostNames names(&stop);
  Patience patience = {absl::Seconds(5)};
  EngineConnection connection(address, "", patience, names);
  const absl::Status status = connection.Open();
  ASSERT_TRUE(status.ok()) << status;
  const std::vector<int> sockets = SocketsTo(redis.port());
  EXPECT_THAT(sockets, ::testing::SizeIs(1));
  for (const int fd : sockets) EXPECT_TRUE(ClosesOnExec(fd));
}

// Why the engine of that URL cannot be opened; empty: it can.
std::string WhyNot(const std::string& url, const std::string& credentials_file = "") {
  EngineAddress address;
  EXPECT_TRUE(ParseEngineUrl(url, &address).ok());
  const os::StopSignal stop;
  HostNames names(&stop);
  Patience patience = {absl::Seconds(5)};
  EngineConnection connection(address, credentials_file, patience, names);
  return std::string(connection.Open().message());
}

TEST(EngineConnectionTest, ASentinelThatWantsAPasswordIsGivenTheEngines) {
  testing::RedisProcess redis;
  const auto sentinel = testing::RedisProcess::Sentinel(redis.port());
  const std::string url = absl::StrCat("sentinel://127.0.0.1:", sentinel->port(), "/fleet");
  const testing::TempDir dir;
  const std::string credentials = dir.Write("credentials", "secret");
  ASSERT_EQ(chmod(credentials.c_str(), 0600), 0);
  ASSERT_EQ(redis.Command("CONFIG SET requirepass secret"), "OK");
  EXPECT_EQ(WhyNot(url, credentials), "") << "a Sentinel without a password";
  ASSERT_EQ(sentinel->Command("ACL SETUSER default resetpass >secret"), "OK");
  EXPECT_EQ(WhyNot(url, credentials), "");
  EXPECT_THAT(WhyNot(url), ::testing::HasSubstr("this Sentinel says NOAUTH"));
  const std::string wrong = dir.Write("wrong", "another");
  ASSERT_EQ(chmod(wrong.c_str(), 0600), 0);
  EXPECT_THAT(WhyNot(url, wrong), ::testing::HasSubstr("WRONGPASS"));
}

TEST(EngineConnectionTest, AnEngineWithoutFunctionsIsSaidToBeTooOld) {
  testing::RedisProcess redis({"--rename-command", "FCALL_RO", ""});
  EXPECT_THAT(WhyNot(absl::StrCat("redis://127.0.0.1:", redis.port())),
              ::testing::HasSubstr("is older than Redis 7, or has no functions: ERR unknown"));
}

}  // namespace
}  // namespace session_status::fleet
