// The wall clock jumps, in the broker's process only (libfaketime): who is online stays online, the
// snapshot goes on, connections keep their timeouts, and times move with the clock.
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"
#include "tests/faults/signed_calls.h"
#include "tests/transport/test_client.h"

namespace session_status::testing {
namespace {

class ClockFault : public ScenarioTest {
 protected:
  void StartWithClock(const std::string& config = kPlainConfig, const Files& files = {},
                      const Files& more_options = {}) {
    Files options = {{"admin_socket", "{DIR}/admin.sock"}, {"snapshot_refresh", "20ms"}};
    options.insert(options.end(), more_options.begin(), more_options.end());
    clock_.Write("clock", "+0");
    broker_ =
        BrokerProcess::Start({.line = GetParam(),
                              .config = config,
                              .plugin = SessionStatusPlugin(),
                              .plugin_options = options,
                              .files = files,
                              .environment = {{"LD_PRELOAD", SESSION_STATUS_FAKETIME_LIBRARY},
                                              {"FAKETIME_TIMESTAMP_FILE", clock_.File("clock")},
                                              {"FAKETIME_NO_CACHE", "1"},
                                              {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
                                              {"DONT_FAKE_MONOTONIC", "1"}}});
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    admin_ = std::make_unique<AdminClient>(broker_->Expand("{DIR}/admin.sock"));
  }

  // From now on the broker's wall clock differs from ours by `offset`.
  void Jump(absl::Duration offset) {
    clock_.Write("clock", absl::StrCat(offset < absl::ZeroDuration() ? "" : "+",
                                       absl::ToInt64Seconds(offset)));
    offset_ = offset;
  }

  RawConnection Connected(const std::string& id) {
    RawConnection client = RawConnection::Tcp(port());
    EXPECT_EQ(client.Connect({.id = id, .keepalive_s = 3600}), 0);
    EXPECT_TRUE(client.Ping());
    EXPECT_TRUE(admin_->WaitForState(id, "ONLINE").online);
    return client;
  }

  // Batches go on being answered from new snapshots that say so, and see `id` online.
  void ExpectFreshSnapshot(const std::string& id) {
    const uint64_t before = admin_->Batch({id}).sequence;
    RawConnection other = Connected("other");  // a change, so that the sequence moves
    EXPECT_TRUE(WaitUntil([&] {
      const BatchAnswer answer = admin_->Batch({id, "other"});
      return answer.ok && answer.sequence > before && answer.online[0] && answer.online[1] &&
             std::abs(answer.age_ms) < absl::ToInt64Milliseconds(kPatience);
    }));
    other.Send(EncodeDisconnect());
    EXPECT_EQ(admin_->WaitForState("other", "OFFLINE").state, "OFFLINE");
  }

  TempDir clock_;
  absl::Duration offset_;
};
INSTANTIATE_TEST_SUITE_P(OnBroker, ClockFault, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(ClockFault, JumpsInBothDirectionsChangeNobodysStatus) {
  ASSERT_NO_FATAL_FAILURE(StartWithClock());
  RawConnection lamp = Connected("lamp");
  for (const absl::Duration jump : {absl::Minutes(16), -absl::Minutes(16), -absl::Hours(1),
                                    absl::Hours(24 * 300), absl::ZeroDuration()}) {
    SCOPED_TRACE(absl::FormatDuration(jump));
    Jump(jump);
    EXPECT_TRUE(lamp.Ping()) << "the broker's own keepalive did not fire";
    ExpectOnline("lamp");
    ExpectFreshSnapshot("lamp");
    EXPECT_EQ(admin_->Status().online, 1u);
  }
}

TEST_P(ClockFault, TimesFollowAJumpForwardAndNeverRunBackwards) {
  ASSERT_NO_FATAL_FAILURE(StartWithClock());
  RawConnection first = Connected("first");
  Jump(absl::Hours(24 * 300));
  RawConnection second = Connected("second");
  const int64_t forward_ms = Query("second").connected_at_ms;
  EXPECT_GT(forward_ms, absl::ToUnixMillis(absl::Now() + offset_ - absl::Hours(1)));
  Jump(-absl::Hours(1));
  RawConnection third = Connected("third");
  EXPECT_GE(Query("third").connected_at_ms, forward_ms) << "later connections have later times";
  third.Send(EncodeDisconnect());
  const SessionAnswer ended = admin_->WaitForState("third", "OFFLINE");
  EXPECT_GE(ended.disconnected_at_ms, ended.connected_at_ms);
}

// 2.1 calls plugins by the time of day: after a step back it would not for as long, and what the
// plugin remembers of one round of the broker's loop would be held against clients of later ones.
TEST_P(ClockFault, RefusedLoginsAfterAStepBackHideNobody) {
  ASSERT_NO_FATAL_FAILURE(
      StartWithClock("listener {PORT} 127.0.0.1\nallow_anonymous true\n"
                     "password_file {DIR}/passwords\nplugin {PLUGIN}\n{OPTIONS}\n",
                     {{"passwords", PasswordFile("anna", "secret")}}));
  RawConnection lamp = Connected("lamp");
  Jump(-absl::Hours(1));
  for (int i = 0; i < 5; ++i) {
    RawConnection refused = RawConnection::Tcp(port());
    EXPECT_NE(refused.Connect({.id = "door", .username = "anna", .password = "wrong"}), 0);
    EXPECT_TRUE(refused.WaitClosed());
    RawConnection door = Connected("door");  // as a rule at the refused one's place in memory
    door.Send(EncodeDisconnect());
    EXPECT_EQ(admin_->WaitForState("door", "OFFLINE").state, "OFFLINE");
  }
  ExpectOnline("lamp");
}

// A year ahead for a moment: what is forgotten cannot be brought back.
TEST_P(ClockFault, AJumpForwardForgetsNobodyWhoHasLeft) {
  ASSERT_NO_FATAL_FAILURE(StartWithClock());
  RawConnection lamp = Connected("lamp");
  lamp.Send(EncodeDisconnect());
  EXPECT_EQ(admin_->WaitForState("lamp", "OFFLINE").state, "OFFLINE");
  Jump(absl::Hours(24 * 365));
  Settle();  // rounds of the broker's loop, with their housekeeping
  RawConnection other = Connected("other");
  // Several times as long as housekeeping waits.
  EXPECT_FALSE(
      WaitUntil([&] { return Query("lamp").state == "UNKNOWN"; }, absl::Milliseconds(500)));
  EXPECT_EQ(Query("lamp").state, "OFFLINE");
  Jump(absl::ZeroDuration());
  EXPECT_TRUE(other.Ping());
  EXPECT_EQ(Query("lamp").state, "OFFLINE");
}

TEST_P(ClockFault, AfterAStepBackTheStatusSaysHowFarAheadItsTimeIs) {
  ASSERT_NO_FATAL_FAILURE(StartWithClock());
  EXPECT_FALSE(absl::StrContains(admin_->Status().raw, "clockAheadMs")) << "not at all";
  Jump(absl::Hours(24 * 300));
  RawConnection lamp = Connected("lamp");  // the jump was seen
  Jump(absl::ZeroDuration());
  // 300 days, less and less: it waits for the clock.
  EXPECT_TRUE(WaitUntil([this] {
    return absl::StrContains(admin_->Status().raw, "\"clockAheadMs\":\"25919");
  })) << admin_->Status().raw;
}

// All of one socket of ours, which reconnects to nothing: its timeouts are of the monotonic clock.
TEST_P(ClockFault, AnIdleAdminConnectionSurvivesAJump) {
  ASSERT_NO_FATAL_FAILURE(StartWithClock());
  RawConnection lamp = Connected("lamp");
  constexpr absl::string_view kGet = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
  transport::TestClient idle(broker_->Expand("{DIR}/admin.sock"));
  ASSERT_EQ(idle.Ask(kGet).status, 200);
  transport::TestClient in_the_middle(broker_->Expand("{DIR}/admin.sock"));
  ASSERT_EQ(in_the_middle.Ask(kGet).status, 200);
  for (const absl::Duration jump : {absl::Hours(2), -absl::Hours(2)}) {
    SCOPED_TRACE(absl::FormatDuration(jump));
    ASSERT_TRUE(in_the_middle.Send(kGet.substr(0, 20)));
    Jump(jump);
    Settle();  // connections come and go: the listener looks at its clocks
    ASSERT_TRUE(in_the_middle.Send(kGet.substr(20)));
    EXPECT_EQ(in_the_middle.Read().status, 200);
    EXPECT_EQ(idle.Ask(kGet).status, 200);
  }
  ExpectOnline("lamp");
}

// What does go by the clock as it is set: how old a signature may be.
TEST_P(ClockFault, ASignatureIsJudgedByTheClockAsItIs) {
  // Without rates: after a step back a bucket counts as empty, and fills within a second.
  ASSERT_NO_FATAL_FAILURE(StartWithClock(kPlainConfig,
                                         {{"access.json", OwnersAccessFile("the-secret")}},
                                         {{"access_file", "{DIR}/access.json"},
                                          {"api_batch_calls_per_second", "0"},
                                          {"api_address_calls_per_second", "0"},
                                          {"api_failures_per_second", "0"}}));
  RawConnection lamp = Connected("lamp");
  transport::TestClient client(broker_->Expand("{DIR}/admin.sock"));
  int nonce = 0;
  const auto status = [&](absl::Duration signed_at) {
    return client
        .Ask(OwnersCall("the-secret", absl::Now() + signed_at, absl::StrCat("nonce-", ++nonce)))
        .status;
  };
  EXPECT_EQ(status(absl::ZeroDuration()), 200);
  for (const absl::Duration jump : {absl::Hours(2), -absl::Hours(2), absl::ZeroDuration()}) {
    SCOPED_TRACE(absl::FormatDuration(jump));
    Jump(jump);
    EXPECT_EQ(status(jump), 200) << "by that clock it is fresh";
    EXPECT_EQ(status(jump + absl::Minutes(20)), 400);
    EXPECT_EQ(status(jump - absl::Minutes(20)), 400);
  }
  ExpectOnline("lamp");
}

}  // namespace
}  // namespace session_status::testing
