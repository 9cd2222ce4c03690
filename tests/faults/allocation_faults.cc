// Every allocation inside the plugin fails once: the broker stays, what is answered is
// right but for an event that there was no memory for, which is counted, and with memory
// back everything is right again.
//
// SESSION_STATUS_ALLOCATION_STEP: every how manyth allocation is tried, beyond the first ten
// (default 5; the promise is held at 1).
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"
#include "tests/faults/fail_page.h"

namespace session_status::testing {
namespace {

constexpr char kList[] = "{\"pageSize\":10}";

class AllocationFault : public ScenarioTest {
 protected:
  void StartWithFailures(const std::string& config = kPlainConfig, const Files& files = {}) {
    broker_ = BrokerProcess::Start(
        {.line = GetParam(),
         .config = config,
         .plugin = SessionStatusPlugin(),
         .plugin_options = {{"admin_socket", "{DIR}/admin.sock"}, {"snapshot_refresh", "10ms"}},
         .files = files,
         .environment = page_.Environment()});
    ASSERT_TRUE(broker_->running()) << broker_->Log();
  }

  std::string Socket() { return broker_->Expand("{DIR}/admin.sock"); }

  // Events that the plugin says it has lost. Asked with memory at hand.
  uint64_t CountedLosses() {
    const std::string metrics = AdminClient(Socket()).Get("/metrics").body;
    uint64_t losses = 0;
    for (const char* name : {"lost_events", "untracked_connections", "callback_exceptions"}) {
      const std::string line = absl::StrCat("\nsession_status_", name, "_total ");
      const size_t at = metrics.find(line);
      if (at == std::string::npos) ADD_FAILURE() << name << " is not in " << metrics;
      if (at != std::string::npos) losses += std::stoull(metrics.substr(at + line.size()));
    }
    return losses;
  }

  // A client's life and every kind of question, with a failure somewhere in between. Replies may be
  // missing or errors; what is answered must be right, but where the client's connect was lost:
  // `*lost` says so.
  void Exercise(const std::string& id, bool* lost) {
    RawConnection client = RawConnection::Tcp(port());
    ASSERT_EQ(client.Connect({.id = id}), 0) << "the plugin's trouble is not the client's";
    ASSERT_TRUE(client.Ping() && client.Ping());
    AdminClient admin(Socket());
    const SessionAnswer exact = admin.Query(id);
    *lost = exact.ok && !exact.online;
    const BatchAnswer batch = admin.Batch({id, "nobody"});
    if (batch.ok) {
      ASSERT_EQ(batch.states.size(), 2u);
      EXPECT_TRUE(batch.states[0] == "UNKNOWN" || batch.states[0] == "ONLINE" ||
                  batch.states[0] == "OFFLINE")
          << batch.states[0] << ": it is there, or the cut is from before";
      EXPECT_EQ(batch.states[1], "UNKNOWN");
      EXPECT_FALSE(batch.online[1]);
    }
    const StatusAnswer status = admin.Status();
    if (status.ok && exact.ok) {
      EXPECT_EQ(status.online, exact.online ? 1u : 0u) << status.raw;
    }
    *lost = *lost || (status.ok && status.online == 0);
    admin.Call("ListSessions", kList);
    admin.Call("GetCounts", "{}");
    admin.Call("Nothing", "{}");
    admin.Get("/metrics");
    admin.Get("/");
    admin.Get("/v1/sessions");
    client.Send(EncodeDisconnect());
    EXPECT_TRUE(client.WaitClosed());
  }

  void ExpectRight(const std::string& id) {
    ASSERT_TRUE(broker_->running()) << "exit " << broker_->WaitExit();
    AdminClient admin(Socket());
    RawConnection client = RawConnection::Tcp(port());
    ASSERT_EQ(client.Connect({.id = id}), 0);
    ASSERT_TRUE(client.Ping());
    ASSERT_TRUE(admin.WaitForState(id, "ONLINE").online);
    ASSERT_TRUE(WaitUntil([&] {
      const BatchAnswer batch = admin.Batch({id, "nobody"});
      return batch.ok && batch.online[0] && !batch.online[1];
    })) << "the snapshot goes on";
    client.Send(EncodeDisconnect());
    ASSERT_TRUE(client.WaitClosed());
    ASSERT_EQ(admin.WaitForState(id, "OFFLINE").state, "OFFLINE");
    ASSERT_EQ(admin.Status().online, 0u);
  }

  void TryEveryAllocation(uint64_t burst) {
    const int step = FromEnvironment("SESSION_STATUS_ALLOCATION_STEP", 5);
    int tried = 0;
    int events_lost = 0;
    // The first are those of the connect itself: each of them.
    for (uint64_t k = 1;; k += k < 10 ? 1 : static_cast<uint64_t>(step)) {
      SCOPED_TRACE(absl::StrCat("allocation ", k));
      const std::string id = absl::StrCat("GID_of_a_lamp_with_a_name@@@a", k % 50);
      const uint64_t losses = CountedLosses();
      bool lost = false;
      page_.Arm(k, burst);
      ASSERT_NO_FATAL_FAILURE(Exercise(id, &lost));
      page_.Disarm();
      if (lost) {
        EXPECT_GT(CountedLosses(), losses) << "a connect was lost and nobody counted it";
      }
      events_lost += lost ? 1 : 0;
      ASSERT_NO_FATAL_FAILURE(ExpectRight(id));
      if (page_->failed.load() == 0) break;  // the exercise makes fewer than k allocations
      ++tried;
    }
    EXPECT_GT(tried, 3);
    RecordProperty("allocations_failed", tried);
    RecordProperty("connects_lost", events_lost);
    // Threads of ours that were hit live: a stop joins them all.
    EXPECT_EQ(broker_->Stop(), 0);
  }

  FailPage page_;
};
INSTANTIATE_TEST_SUITE_P(OnBroker, AllocationFault, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(AllocationFault, EachAllocationFailsOnce) {
  ASSERT_NO_FATAL_FAILURE(StartWithFailures());
  TryEveryAllocation(1);
}

TEST_P(AllocationFault, TenAllocationsInARowFail) {
  ASSERT_NO_FATAL_FAILURE(StartWithFailures());
  TryEveryAllocation(10);
}

// Two clients ask over MQTT, and one of them may not.
class ControlAllocationFault : public AllocationFault {
 protected:
  static std::string Question() {
    constexpr absl::string_view kTopic = "$CONTROL/session-status/v1";
    std::string body = {'\0', static_cast<char>(kTopic.size())};
    absl::StrAppend(&body, kTopic, R"({"commands":[{"command":"query","clientId":"lamp"}]})");
    return EncodePacket(0x30, body);  // PUBLISH, QoS 0
  }

  // Requests that came to their end.
  uint64_t Done() {
    uint64_t done = 0;
    const std::string metrics = AdminClient(Socket()).Get("/metrics").body;
    for (const char* name : {"answers", "dropped_answers"}) {
      const std::string line = absl::StrCat("\nsession_status_control_", name, "_total ");
      const size_t at = metrics.find(line);
      if (at == std::string::npos) ADD_FAILURE() << metrics;
      if (at != std::string::npos) done += std::stoull(metrics.substr(at + line.size()));
    }
    return done;
  }

  void Ask(uint64_t nth, uint64_t burst) {
    RawConnection asker = RawConnection::Tcp(port());
    ASSERT_EQ(asker.Connect({.id = "a console whose name has more letters than fit into the object",
                             .username = "operator",
                             .password = "secret"}),
              0);
    RawConnection stranger = RawConnection::Tcp(port());
    ASSERT_EQ(stranger.Connect({.id = "a stranger of as long a name, whom no option names"}), 0);
    const uint64_t done = Done();
    page_.Arm(nth, burst);
    size_t answers = 0;
    for (RawConnection* client : {&asker, &stranger}) ASSERT_TRUE(client->Send(Question()));
    // Nothing else is asked meanwhile: the failures are for what serves these two.
    ASSERT_TRUE(WaitUntil([&] {
      for (RawConnection* client : {&asker, &stranger}) {
        answers += client->Receive(absl::Milliseconds(5)).empty() ? 0 : 1;
      }
      return answers == 2 || page_->failed.load() > 0;
    })) << broker_->Log();
    page_.Disarm();
    ASSERT_TRUE(asker.Ping() && stranger.Ping()) << "the plugin's trouble is not the client's";
    ASSERT_TRUE(WaitUntil([&] { return Done() == done + 2; })) << "each is answered or counted";
  }
};
INSTANTIATE_TEST_SUITE_P(OnBroker, ControlAllocationFault, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(ControlAllocationFault, EachAllocationOfARequestAndItsAnswerFails) {
  ASSERT_NO_FATAL_FAILURE(StartWithFailures(
      absl::StrCat(kPlainConfig,
                   "plugin_opt_control_users operator\n"
                   "password_file {DIR}/passwords\n"),  // 2.0 refuses user names without one
      {{"passwords", PasswordFile("operator", "secret")}}));
  uint64_t tried = 0;
  for (const uint64_t burst : {uint64_t{1}, uint64_t{3}}) {
    for (uint64_t nth = 1;; ++nth, ++tried) {
      SCOPED_TRACE(absl::StrCat("allocation ", nth, ", burst ", burst));
      ASSERT_NO_FATAL_FAILURE(Ask(nth, burst));
      if (page_->failed.load() == 0) break;
    }
  }
  EXPECT_GT(tried, 20u);
  EXPECT_EQ(broker_->Stop(), 0);
}

}  // namespace
}  // namespace session_status::testing
