// Requests over MQTT and where their answers go, beside a broker that is not there.
#include "plugin/over_mqtt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/feed/feed_fixture.h"
#include "tests/testing/fake_broker.h"
#include "tests/testing/wait.h"

namespace session_status {
namespace {

using testing::FakeBroker;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kFixedTopic[] = "$CONTROL/session-status/v1/response";

class OverMqttTest : public feed::FeedTest {
 protected:
  void SetUp() override { Make({"operator"}); }
  void Make(const std::vector<std::string>& users) {
    OverMqttOptions options;
    options.control_users = users;
    over_mqtt_ = std::make_unique<OverMqtt>(registry_, service_, feed_, options);
    ASSERT_TRUE(over_mqtt_->Start(/*nice=*/0).ok());
  }
  static broker::ControlRequest From(absl::string_view client_id,
                                     absl::string_view username = "operator") {
    broker::ControlRequest request;
    request.client_id = client_id;
    request.username = username;
    request.payload = R"({"commands":[{"command":"query","clientId":"lamp"}]})";
    return request;
  }
  metrics::ControlReadings Read() {
    metrics::Readings readings;
    over_mqtt_->Read(&readings);
    return readings.control.value_or(metrics::ControlReadings());
  }
  // Ticks until nothing that was asked is waiting any more; returns what left.
  std::vector<FakeBroker::Published> Settle() {
    EXPECT_TRUE(testing::WaitUntil([this] {
      over_mqtt_->OnTick(feed::kStart);
      return Read().waiting == 0;
    }));
    return std::exchange(broker_.published, {});
  }

  FakeBroker broker_{FakeBroker::k21};
  api::Service service_{registry_, {}};
  std::unique_ptr<OverMqtt> over_mqtt_;
};

TEST_F(OverMqttTest, TheAnswerGoesToWhoAskedWithWhatBelongsToTheRequest) {
  Connect("console");
  broker::ControlRequest request = From("console");
  request.response_topic = "answers/of/anna";
  request.correlation = "id-7";
  request.qos = 2;
  over_mqtt_->OnControlRequest(request);
  const auto published = Settle();
  ASSERT_THAT(published, SizeIs(1));
  EXPECT_EQ(published[0].client_id, "console");
  EXPECT_EQ(published[0].topic, "answers/of/anna");
  EXPECT_EQ(published[0].correlation, "id-7");
  EXPECT_THAT(published[0].payload, HasSubstr(R"("data":{)"));
  EXPECT_EQ(published[0].qos, 1) << "once more is enough";
  EXPECT_FALSE(published[0].retain);
  EXPECT_EQ(Read().answered, 1u);
}

TEST_F(OverMqttTest, AnAnswerIsForTheConnectionThatAskedAndNotForALaterOneOfItsName) {
  Connect("console");
  over_mqtt_->OnControlRequest(From("console"));
  Connect("console");  // taken over before the answer is there
  EXPECT_THAT(Settle(), IsEmpty());

  over_mqtt_->OnControlRequest(From("console"));
  End("console");
  EXPECT_THAT(Settle(), IsEmpty());

  Connect("console");
  over_mqtt_->OnControlRequest(From("console"));
  End("console");
  Connect("console");
  EXPECT_THAT(Settle(), IsEmpty());
  EXPECT_EQ(Read().dropped, 3u);

  over_mqtt_->OnControlRequest(From("console"));
  EXPECT_THAT(Settle(), SizeIs(1));
}

// Mosquitto 2.0 does not show us every client.
TEST_F(OverMqttTest, AClientThatIsNotFollowedIsAnsweredByItsName) {
  over_mqtt_->OnControlRequest(From("stranger"));
  const auto published = Settle();
  ASSERT_THAT(published, SizeIs(1));
  EXPECT_EQ(published[0].client_id, "stranger");
}

TEST_F(OverMqttTest, AResponseTopicThatIsNoTopicNameIsReplacedByTheFixedOne) {
  const absl::string_view with_nul("a\0b", 3);
  for (const absl::string_view topic : {absl::string_view(), absl::string_view("answers/#"),
                                        absl::string_view("answers/+/x"), with_nul}) {
    broker::ControlRequest request = From("console");
    request.response_topic = topic;
    over_mqtt_->OnControlRequest(request);
    const auto published = Settle();
    ASSERT_THAT(published, SizeIs(1)) << topic;
    EXPECT_EQ(published[0].topic, kFixedTopic) << topic;
  }
}

TEST_F(OverMqttTest, OnlyTheUsersThatAreNamedAreAnsweredAndTheOthersAreToldSo) {
  struct Case {
    std::vector<std::string> users;
    const char* username;  // empty: none
    bool may_ask;
  };
  for (const Case& c : {Case{{"operator"}, "operator", true}, Case{{"operator"}, "other", false},
                        Case{{"operator"}, "", false}, Case{{"anna", "operator"}, "operator", true},
                        Case{{"*"}, "other", true}, Case{{"*"}, "", true}}) {
    SCOPED_TRACE(absl::StrCat("\"", c.username, "\" beside ", c.users.back()));
    Make(c.users);
    over_mqtt_->OnControlRequest(From("console", c.username));
    const auto published = Settle();
    ASSERT_THAT(published, SizeIs(1));
    EXPECT_THAT(published[0].payload,
                HasSubstr(c.may_ask ? R"("data":{)" : R"("code":"permission_denied")"));
    EXPECT_EQ(Read().refused, c.may_ask ? 0u : 1u);
  }
}

}  // namespace
}  // namespace session_status
