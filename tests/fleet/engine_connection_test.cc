#include "plugin/fleet/engine_connection.h"

#include <gmock/gmock.h>

#include "plugin/os/stop_signal.h"
#include "tests/fleet/redis_process.h"
#include "tests/testing/open_sockets.h"

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

}  // namespace
}  // namespace session_status::fleet
