// Allocations on the fleet's thread fail: the broker stays, and with memory back its view and the
// others' of it are right again.
//
// SESSION_STATUS_ALLOCATION_STEP: every how manyth allocation is tried (default 43).
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/broker/scenario.h"
#include "tests/faults/fail_page.h"
#include "tests/fleet/redis_process.h"
#include "tests/testing/admin_client.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/raw_mqtt.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

// The thread makes a few hundred allocations a round, more when it reads or writes a shard again.
constexpr uint64_t kAllocationsTried = 1000;

class Member {
 public:
  Member(const RedisProcess& engine, const char* node, const FailPage* page) {
    BrokerOptions options;
    options.config = kPlainConfig;
    options.plugin = SessionStatusPlugin();
    options.plugin_options = {{"admin_socket", "{DIR}/admin.sock"},
                              {"snapshot_refresh", "20ms"},
                              {"fleet_url", absl::StrCat("redis://127.0.0.1:", engine.port())},
                              {"node_id", node},
                              {"fleet_lease", "2s"},
                              // Of an end that the broker's thread could not keep.
                              {"audit_period", "1s"}};
    if (page != nullptr) options.environment = page->Environment();
    broker_ = BrokerProcess::Start(options);
    EXPECT_TRUE(broker_->running()) << broker_->Log();
  }
  // Without a keepalive: at full scale a client stays for minutes.
  RawConnection Connect(const std::string& id) {
    RawConnection client = RawConnection::Tcp(broker_->port());
    EXPECT_EQ(client.Connect({.id = id, .keepalive_s = 0}), 0);
    EXPECT_TRUE(client.Ping());
    return client;
  }
  // By batch, which is answered from this broker's own view.
  bool Sees(const std::string& online, const std::string& offline) {
    AdminClient admin(broker_->Expand("{DIR}/admin.sock"));
    const BatchAnswer batch = admin.Batch({online, offline});
    return batch.ok && batch.online[0] && !batch.online[1];
  }
  // Why it does not.
  std::string Story(const std::string& online, const std::string& offline) {
    AdminClient admin(broker_->Expand("{DIR}/admin.sock"));
    return absl::StrCat(admin.Query(online).raw, "\n", admin.Query(offline).raw, "\n",
                        admin.Call("GetFleet", "{}").body, "\n", broker_->Log());
  }
  BrokerProcess& broker() { return *broker_; }

 private:
  std::unique_ptr<BrokerProcess> broker_;
};

TEST(FleetAllocationFault, TheViewsComeRightAgainWheneverMemoryRanOut) {
  RedisProcess engine;
  FailPage page;
  Member hit(engine, "hit", &page);
  Member other(engine, "other", nullptr);
  RawConnection stays_there = other.Connect("stays-there");
  std::string gone = "nobody";
  const int step = FromEnvironment("SESSION_STATUS_ALLOCATION_STEP", 43);
  for (uint64_t k = 1; k < kAllocationsTried; k += static_cast<uint64_t>(step)) {
    SCOPED_TRACE(absl::StrCat("allocation ", k));
    page.Arm(k, /*burst=*/5);
    const std::string id = absl::StrCat("client-", k);
    RawConnection here = hit.Connect(id);
    ASSERT_TRUE(WaitUntil([&] { return page->failed.load() > 0; }));
    page.Disarm();
    ASSERT_TRUE(hit.broker().running()) << hit.broker().Log();
    // What the broker's thread itself could not keep is the matter of AllocationFault.
    RawConnection again = hit.Connect(id);
    ASSERT_TRUE(WaitUntil([&] { return other.Sees(id, gone); })) << hit.Story(id, gone);
    ASSERT_TRUE(WaitUntil([&] { return hit.Sees("stays-there", gone); }))
        << hit.Story("stays-there", gone);
    again.Send(EncodeDisconnect());
    ASSERT_TRUE(again.WaitClosed());
    gone = id;
  }
  ASSERT_TRUE(WaitUntil([&] { return other.Sees("stays-there", gone); }));
  EXPECT_EQ(hit.broker().Stop(), 0);
}

}  // namespace
}  // namespace session_status::testing
