#include "plugin/handshake_log.h"

#include <gmock/gmock.h>

#include "tests/testing/fake_broker.h"

namespace session_status {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

absl::Time g_now;

TEST(HandshakeLogTest, WritesALineInTenSecondsAndCountsTheOthers) {
  testing::FakeBroker broker(testing::FakeBroker::k21);
  broker::BrokerLog log;
  HandshakeLog handshakes(log, [] { return g_now; });
  http::Peer peer;
  peer.address = "192.0.2.7";
  const auto fail_after = [&](absl::Duration time) {
    g_now += time;
    broker.log.clear();
    handshakes.OnFailedHandshake(peer, "no shared cipher");
  };
  g_now = absl::FromUnixSeconds(1'000'000'000);
  fail_after(absl::ZeroDuration());
  EXPECT_THAT(broker.log,
              ElementsAre("session-status: TLS handshake with 192.0.2.7 failed: no shared cipher"));
  for (int i = 0; i < 9; ++i) {
    fail_after(absl::Seconds(1));
    EXPECT_THAT(broker.log, IsEmpty());
  }
  fail_after(absl::Seconds(1));
  EXPECT_THAT(broker.log, ElementsAre("session-status: TLS handshake with 192.0.2.7 failed: no "
                                      "shared cipher (9 more left out before)"));
  fail_after(-absl::Hours(1));
  fail_after(absl::Seconds(10));
  EXPECT_THAT(broker.log, ElementsAre("session-status: TLS handshake with 192.0.2.7 failed: no "
                                      "shared cipher (1 more left out before)"))
      << "a clock that was set back";
}

}  // namespace
}  // namespace session_status
