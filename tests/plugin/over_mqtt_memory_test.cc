// Memory that runs out on the broker's thread while a request comes in or its answer leaves.
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "plugin/over_mqtt.h"
#include "tests/feed/feed_fixture.h"
#include "tests/plugin/failing_memory.h"
#include "tests/testing/fake_broker.h"
#include "tests/testing/wait.h"

namespace session_status {
namespace {

using testing::FailingMemory;

constexpr char kConsole[] = "a console whose name has more letters than fit into the object";

class OverMqttMemoryTest : public feed::FeedTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(over_mqtt_.Start(/*nice=*/0).ok());
    registry::SessionEvent event;
    event.client_id = kConsole;
    event.incarnation = 1;
    event.time = feed::kStart;
    event.connection.username = "a user of as many letters";  // who is looked up, costs memory
    Apply(event);
    registry::SessionDetails details;
    ASSERT_TRUE(registry_.FindDetails(kConsole, &details));
    ASSERT_EQ(details.username, event.connection.username);
  }
  void Ask(absl::string_view username) {
    broker::ControlRequest request;
    request.client_id = kConsole;
    request.username = username;
    request.payload = R"({"commands":[{"command":"query","clientId":"lamp"}]})";
    request.correlation = "correlation data that does not fit into the object either";
    over_mqtt_.OnControlRequest(request);
    ++asked_;
  }
  metrics::ControlReadings Read() {
    metrics::Readings readings;
    over_mqtt_.Read(&readings);
    return readings.control.value_or(metrics::ControlReadings());
  }
  bool IsSettled() {
    const metrics::ControlReadings now = Read();
    return now.requests == asked_ && now.waiting == 0 && now.answered + now.dropped == asked_;
  }
  // Every allocation of a request, then every one of the ticks that send its answer.
  void FailEach(absl::string_view username) {
    bool failed = true;
    for (uint64_t nth = 1; failed; ++nth) {
      {
        const FailingMemory failing(nth);
        Ask(username);
      }
      failed = FailingMemory::failed() > 0;
      ASSERT_TRUE(testing::WaitUntil([&] {
        over_mqtt_.OnTick(feed::kStart);
        return IsSettled();
      })) << "each is answered or counted as dropped, also while allocation "
          << nth << " fails";
    }
    failed = true;
    for (uint64_t nth = 1; failed; ++nth) {
      Ask(username);
      failed = false;
      ASSERT_TRUE(testing::WaitUntil([&] {
        {
          std::optional<FailingMemory> failing;
          if (!failed) failing.emplace(nth);  // once: what was put off is sent by the next tick
          over_mqtt_.OnTick(feed::kStart);
        }
        failed = failed || FailingMemory::failed() > 0;
        return IsSettled();
      }));
    }
  }

  testing::FakeBroker broker_{testing::FakeBroker::k21};
  api::Service service_{registry_, {}};
  OverMqtt over_mqtt_{registry_, service_, feed_, {.control_users = {"operator"}, .topics = {}}};
  uint64_t asked_ = 0;
};

TEST_F(OverMqttMemoryTest, ARequestOfAnOperatorIsAnsweredOrCounted) {
  FailEach("operator");
  EXPECT_GT(Read().dropped, 5u);
  EXPECT_GT(Read().answered, 1u);
}

TEST_F(OverMqttMemoryTest, ARequestOfSomebodyElseIsRefusedOrCounted) {
  FailEach("somebody");
  EXPECT_GT(Read().dropped, 5u);
  EXPECT_GT(Read().refused, 1u);
}

}  // namespace
}  // namespace session_status
