#include "plugin/auditing.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/testing/fake_broker.h"

namespace session_status {
namespace {

using registry::SessionEvent;
using registry::SessionState;
using testing::FakeBroker;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

class RegistrySink : public broker::EventSink {
 public:
  void OnSessionEvent(const SessionEvent& event) override { registry.Apply(event); }
  registry::SessionRegistry registry;
};

// Whoever reads the answer compares the two: a difference is what the audit is there for.
TEST(AuditingTest, WhereNothingIsLostAsManyAreRegisteredAsAreTracked) {
  for (const bool is_21 : {true, false}) {
    SCOPED_TRACE(is_21 ? "Mosquitto 2.1" : "Mosquitto 2.0");
    FakeBroker fake(is_21 ? FakeBroker::k21 : FakeBroker::k20);
    RegistrySink sink;
    broker::SessionTracker tracker(sink, 1);
    broker::BrokerLog log;
    Auditing auditing(sink.registry, tracker, log, {});
    auditing.Start(is_21 ? broker::BrokerLine::kV21 : broker::BrokerLine::kV20, nullptr);
    const auto connect = [&](const std::string& id, bool clean) {
      mosquitto* client = fake.NewClient(id);
      client->clean = clean;
      if (is_21) {
        tracker.OnConnect(0, client, kStart);
      } else {
        tracker.OnLogin(0, client, kStart);
      }
      tracker.OnLoopRound([] { return kStart; });
      return client;
    };
    const auto end = [&](const mosquitto* client, bool kept) {
      if (is_21) {
        tracker.OnEnd(client, 0, kept, kStart);
      } else {
        tracker.OnEndWithoutReason(client, kStart);
      }
    };
    connect("online", true);
    connect("online-persistent", false);
    end(connect("kept", false), true);
    end(connect("gone", true), false);
    ASSERT_EQ(sink.registry.Find("kept").state, SessionState::kOfflineSessionKept);
    api::pb::GetAuditResponse reply;
    auditing.GetAudit(&reply);
    // 2.0 frees the connection of a kept session: there is nothing to track.
    EXPECT_EQ(reply.tracked(), is_21 ? 3u : 2u);
    EXPECT_EQ(reply.registered(), reply.tracked());
  }
}

}  // namespace
}  // namespace session_status
