#include "plugin/api/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"

namespace session_status::api {
namespace {

using registry::EndReason;
using registry::SessionEvent;
using registry::SessionState;
using ::testing::HasSubstr;

const absl::Time kStart = absl::FromUnixMillis(1'700'000'000'000);

class ServiceTest : public ::testing::Test {
 protected:
  void Connect(absl::string_view id, uint64_t incarnation, uint16_t keepalive_s = 60) {
    SessionEvent e;
    e.kind = SessionEvent::Kind::kConnected;
    e.client_id = id;
    e.incarnation = incarnation;
    e.time = kStart;
    e.connection.address = "10.0.0.7";
    e.connection.username = "alice";
    e.connection.listener_port = 1883;
    e.connection.keepalive_s = keepalive_s;
    e.connection.protocol_version = registry::ProtocolVersion::kMqtt5;
    e.connection.transport = registry::Transport::kMqtt;
    e.connection.clean_start = true;
    registry_.Apply(e);
  }
  void End(absl::string_view id, uint64_t incarnation, EndReason reason, bool kept = false) {
    SessionEvent e;
    e.kind = SessionEvent::Kind::kEnded;
    e.client_id = id;
    e.incarnation = incarnation;
    e.time = kStart + absl::Seconds(9);
    e.reason = reason;
    e.broker_code = 7;
    e.session_kept = kept;
    registry_.Apply(e);
  }
  pb::QuerySessionByClientIdResponse Query(const std::string& id) {
    pb::QuerySessionByClientIdRequest request;
    request.set_client_id(id);
    pb::QuerySessionByClientIdResponse reply;
    EXPECT_TRUE(service_.QuerySessionByClientId(request, now_, &reply).ok());
    return reply;
  }
  absl::Status Batch(const std::vector<std::string>& ids,
                     pb::BatchQuerySessionByClientIdsResponse* reply) {
    pb::BatchQuerySessionByClientIdsRequest request;
    for (const std::string& id : ids) request.add_client_ids(id);
    return service_.BatchQuerySessionByClientIds(request, now_, reply);
  }

  absl::Time now_ = kStart + absl::Seconds(10);
  registry::SessionRegistry registry_;
  Service service_{registry_,
                   {"1.2.3", "mosquitto 2.1", "site-a", kStart, absl::Seconds(1),
                    absl::ZeroDuration(), absl::Seconds(5)}};
};

TEST_F(ServiceTest, AnEndThatNobodySawIsToldAsAnInterval) {
  SessionEvent e;
  e.kind = SessionEvent::Kind::kRestored;
  e.client_id = "a";
  e.incarnation = 5;
  e.state = SessionState::kOffline;
  e.reason = EndReason::kBrokerRestart;
  e.connected_at = kStart - absl::Hours(1);
  e.session_created_at = absl::InfinitePast();
  e.ended_not_before = kStart - absl::Milliseconds(640);
  e.time = kStart;
  registry_.Apply(e);
  auto reply = Query("a");
  EXPECT_EQ(reply.end_reason(), pb::END_REASON_BROKER_RESTART);
  EXPECT_EQ(reply.ended_not_before_ms(), 1'699'999'999'360);
  EXPECT_EQ(reply.ended_not_after_ms(), 1'700'000'000'000);
  EXPECT_EQ(reply.last_seen_at_ms(), reply.ended_not_before_ms());
  EXPECT_EQ(reply.disconnected_at_ms(), reply.ended_not_after_ms());
  EXPECT_FALSE(reply.has_session_created_at_ms());
  EXPECT_TRUE(reply.restored());
  Connect("a", 6);
  End("a", 6, EndReason::kNetworkError);
  reply = Query("a");
  EXPECT_FALSE(reply.has_ended_not_before_ms());
  EXPECT_FALSE(reply.has_ended_not_after_ms());
  EXPECT_FALSE(reply.restored());
}

TEST_F(ServiceTest, StoredHistoryNeedsADatabaseAndBoundsNeedStoredHistory) {
  pb::GetHistoryRequest request;
  request.set_client_id("a");
  request.set_stored(true);
  request.set_from_ms(5);
  pb::GetHistoryResponse reply;
  const absl::Status without = service_.GetHistory(request, now_, &reply);
  EXPECT_EQ(without.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(without.message().find("plugin_opt_session_database"), std::string::npos) << without;
  struct Source : StoredHistorySource {
    absl::Status GetStoredHistory(const pb::GetHistoryRequest& asked,
                                  pb::GetHistoryResponse* out) override {
      out->set_complete_until_ms(asked.from_ms());
      return absl::OkStatus();
    }
  } source;
  service_.use_stored_history(&source);
  EXPECT_TRUE(service_.GetHistory(request, now_, &reply).ok());
  EXPECT_EQ(reply.complete_until_ms(), 5);
  request.set_stored(false);
  EXPECT_EQ(service_.GetHistory(request, now_, &reply).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ServiceTest, AnOnlineClientIsDescribedInFull) {
  Connect("a", 5);
  const auto reply = Query("a");
  EXPECT_TRUE(reply.online());
  EXPECT_EQ(reply.state(), pb::SESSION_STATE_ONLINE);
  EXPECT_EQ(reply.incarnation(), 5u);
  EXPECT_EQ(reply.connected_at_ms(), absl::ToUnixMillis(kStart));
  EXPECT_EQ(reply.last_seen_at_ms(), absl::ToUnixMillis(now_));
  EXPECT_FALSE(reply.has_disconnected_at_ms());
  EXPECT_EQ(reply.end_reason(), pb::END_REASON_NONE);
  EXPECT_EQ(reply.address(), "10.0.0.7");
  EXPECT_EQ(reply.listener_port(), 1883u);
  EXPECT_EQ(reply.protocol_version(), "MQTT 5");
  EXPECT_EQ(reply.transport(), pb::TRANSPORT_MQTT);
  EXPECT_EQ(reply.username(), "alice");
  EXPECT_TRUE(reply.clean_start());
}

TEST_F(ServiceTest, AnEndedClientSaysWhenAndWhy) {
  Connect("a", 5);
  End("a", 5, EndReason::kNetworkError);
  const auto reply = Query("a");
  EXPECT_TRUE(reply.has_online());
  EXPECT_FALSE(reply.online());
  EXPECT_EQ(reply.state(), pb::SESSION_STATE_OFFLINE);
  EXPECT_EQ(reply.end_reason(), pb::END_REASON_NETWORK_ERROR);
  EXPECT_EQ(reply.broker_code(), 7u);
  EXPECT_EQ(reply.disconnected_at_ms(), absl::ToUnixMillis(kStart + absl::Seconds(9)));
  EXPECT_EQ(reply.last_seen_at_ms(), reply.disconnected_at_ms());
}

TEST_F(ServiceTest, AKeptSessionHasAStateOfItsOwn) {
  Connect("a", 5);
  End("a", 5, EndReason::kClientDisconnect, /*kept=*/true);
  EXPECT_EQ(Query("a").state(), pb::SESSION_STATE_OFFLINE_SESSION_KEPT);
}

TEST_F(ServiceTest, AnUnknownClientIsOfflineAndUnknown) {
  const auto reply = Query("nobody");
  EXPECT_TRUE(reply.has_online());
  EXPECT_FALSE(reply.online());
  EXPECT_EQ(reply.state(), pb::SESSION_STATE_UNKNOWN);
  EXPECT_FALSE(reply.has_connected_at_ms());
}

// MQTT 5, 3.1.2.10: one and a half times the keepalive; the broker looks every five seconds.
TEST_F(ServiceTest, TheDetectionBoundFollowsTheKeepalive) {
  Connect("a", 1, /*keepalive_s=*/60);
  EXPECT_EQ(Query("a").detection_bound_s(), 95u);
  Connect("b", 2, /*keepalive_s=*/5);
  EXPECT_EQ(Query("b").detection_bound_s(), 13u);
}

TEST_F(ServiceTest, WithoutKeepaliveTheAnswerSaysThatASilentDeathGoesUnnoticed) {
  Connect("a", 1, /*keepalive_s=*/0);
  EXPECT_FALSE(Query("a").has_detection_bound_s());
  EXPECT_TRUE(Query("a").silent_death_undetected());
}

TEST_F(ServiceTest, ABatchIsAnsweredFromTheSnapshotAndSaysHowOldItIs) {
  Connect("a", 1);
  registry_.PublishSnapshot(kStart + absl::Seconds(9));
  Connect("b", 2);
  pb::BatchQuerySessionByClientIdsResponse reply;
  ASSERT_TRUE(Batch({"b", "a", "b"}, &reply).ok());
  ASSERT_EQ(reply.sessions_size(), 3);
  EXPECT_EQ(reply.sessions(0).client_id(), "b");
  EXPECT_FALSE(reply.sessions(0).online());
  EXPECT_EQ(reply.sessions(1).client_id(), "a");
  EXPECT_TRUE(reply.sessions(1).online());
  EXPECT_EQ(reply.sessions(2).client_id(), "b");
  EXPECT_EQ(reply.snapshot().sequence(), 1u);
  EXPECT_EQ(reply.snapshot().age_ms(), 1000);
}

TEST_F(ServiceTest, AClockSetBackDoesNotMakeTheAgeNegative) {
  registry_.PublishSnapshot(now_ + absl::Minutes(5));
  pb::BatchQuerySessionByClientIdsResponse reply;
  ASSERT_TRUE(Batch({"a"}, &reply).ok());
  EXPECT_EQ(reply.snapshot().age_ms(), 0);
}

TEST_F(ServiceTest, ABadElementIsAnErrorInThatElementOnly) {
  Connect("a", 1);
  registry_.PublishSnapshot(now_);
  pb::BatchQuerySessionByClientIdsResponse reply;
  ASSERT_TRUE(Batch({"", "a", std::string(65'536, 'x')}, &reply).ok());
  EXPECT_EQ(reply.sessions(0).error().code(), "invalid_argument");
  EXPECT_FALSE(reply.sessions(0).has_online());
  EXPECT_TRUE(reply.sessions(1).online());
  EXPECT_THAT(reply.sessions(2).error().message(), HasSubstr("65536 bytes"));
}

TEST_F(ServiceTest, ABatchTakesOneToTenThousandIdentifiers) {
  pb::BatchQuerySessionByClientIdsResponse reply;
  EXPECT_THAT(std::string(Batch({}, &reply).message()), HasSubstr("1 to 10000"));
  std::vector<std::string> ids(10'000, "a");
  EXPECT_TRUE(Batch(ids, &reply).ok());
  EXPECT_EQ(reply.sessions_size(), 10'000);
  ids.push_back("a");
  EXPECT_THAT(std::string(Batch(ids, &reply).message()), HasSubstr("10001 elements"));
}

TEST_F(ServiceTest, AnotherInstanceIsNotFound) {
  pb::QuerySessionByClientIdRequest request;
  request.set_client_id("a");
  request.set_instance_id("site-b");
  pb::QuerySessionByClientIdResponse reply;
  EXPECT_EQ(service_.QuerySessionByClientId(request, now_, &reply).code(),
            absl::StatusCode::kNotFound);
  request.set_instance_id("site-a");
  EXPECT_TRUE(service_.QuerySessionByClientId(request, now_, &reply).ok());
}

TEST_F(ServiceTest, AnEmptyOrTooLongIdentifierIsRefused) {
  pb::QuerySessionByClientIdRequest request;
  pb::QuerySessionByClientIdResponse reply;
  EXPECT_THAT(std::string(service_.QuerySessionByClientId(request, now_, &reply).message()),
              HasSubstr("clientId is empty"));
  request.set_client_id(std::string(65'536, 'x'));
  EXPECT_EQ(service_.QuerySessionByClientId(request, now_, &reply).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ServiceTest, TheServerStatusCounts) {
  Connect("a", 1);
  Connect("a", 2);
  Connect("b", 3);
  End("a", 1, EndReason::kTakenOver);
  End("b", 3, EndReason::kClientDisconnect);
  pb::GetServerStatusResponse reply;
  ASSERT_TRUE(service_.GetServerStatus({}, now_, &reply).ok());
  EXPECT_EQ(reply.version(), "1.2.3");
  EXPECT_EQ(reply.broker(), "mosquitto 2.1");
  EXPECT_EQ(reply.uptime_ms(), 10'000);
  EXPECT_EQ(reply.sessions().online(), 1u);
  EXPECT_EQ(reply.sessions().offline(), 1u);
  EXPECT_EQ(reply.connects(), 3u);
  EXPECT_EQ(reply.takeovers(), 1u);
  EXPECT_EQ(reply.stale_events(), 1u);
  EXPECT_EQ(reply.sequence(), 4u);
}

// Ten thousand events about few clients, then every figure against a walk over all sessions.
TEST_F(ServiceTest, CountsEqualABruteForceCountAfterAnyChurn) {
  std::mt19937_64 rng(5);
  std::map<std::string, uint64_t> current;
  uint64_t incarnation = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string id =
        absl::StrCat(rng() % 3 == 0 ? "" : absl::StrCat("g", rng() % 7, "@@@"), rng() % 40);
    const auto found = current.find(id);
    if (found == current.end() || rng() % 2 == 0) {
      Connect(id, current[id] = ++incarnation);
    } else {
      End(id, found->second, static_cast<EndReason>(1 + rng() % 13), rng() % 2 == 0);
    }
  }
  pb::GetCountsResponse counts;
  ASSERT_TRUE(service_.GetCounts({}, now_, &counts).ok());

  std::map<std::string, std::array<uint64_t, 4>> by_group;
  std::array<uint64_t, 4> by_state{};
  std::map<uint32_t, uint64_t> by_listener;
  registry_.ForEach([&](absl::string_view id, const registry::SessionDetails& d) {
    const size_t at = id.find("@@@");
    const std::string group(at == absl::string_view::npos ? "" : id.substr(0, at));
    ++by_group[group][static_cast<size_t>(d.status.state)];
    ++by_state[static_cast<size_t>(d.status.state)];
    if (d.status.online()) ++by_listener[d.listener_port];
    return true;
  });
  const auto expect = [](const pb::StateCounts& got, const std::array<uint64_t, 4>& want) {
    EXPECT_EQ(got.online(), want[1]);
    EXPECT_EQ(got.offline_session_kept(), want[2]);
    EXPECT_EQ(got.offline(), want[3]);
  };
  expect(counts.sessions(), by_state);
  EXPECT_EQ(static_cast<size_t>(counts.groups_size()), by_group.size());
  for (const pb::GroupCount& group : counts.groups()) {
    SCOPED_TRACE(group.group());
    expect(group.sessions(), by_group[group.group()]);
  }
  ASSERT_EQ(static_cast<size_t>(counts.online_by_listener_size()), by_listener.size());
  EXPECT_EQ(counts.online_by_listener(0).online(), by_listener[1883]);
  EXPECT_EQ(counts.online_by_protocol(0).protocol_version(), "MQTT 5");
  EXPECT_EQ(counts.online_by_protocol(0).online(), by_state[1]);
  EXPECT_EQ(counts.sequence(), registry_.sequence());
}

}  // namespace
}  // namespace session_status::api
