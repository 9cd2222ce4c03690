#include "plugin/broker/hooks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "plugin/broker/publication.h"
#include "tests/testing/fake_broker.h"

namespace session_status::broker {
namespace {

using testing::FakeBroker;
using ::testing::HasSubstr;

class CountingSink : public EventSink {
 public:
  void OnSessionEvent(const registry::SessionEvent& event) override {
    if (throws) throw std::runtime_error("a bug");
    ++(event.kind == registry::SessionEvent::Kind::kConnected ? connects : ends);
  }
  void OnHousekeeping(absl::Time) override { ++housekeepings; }
  void OnReload(absl::Time) override {
    ++reloads;
    if (throws) throw std::runtime_error("a bug");
  }
  void OnControlRequest(const ControlRequest& request) override {
    last_request = absl::StrCat(request.client_id, "|", request.username, "|", request.payload, "|",
                                request.response_topic, "|", request.correlation, "|", request.qos);
    if (throws) throw std::runtime_error("a bug");
  }
  std::string last_request;
  int connects = 0;
  int ends = 0;
  int housekeepings = 0;
  int reloads = 0;
  bool throws = false;
};

// Everything behind the hooks, against a broker of one line.
struct Plugin {
  explicit Plugin(FakeBroker::Line line) : broker(line) {}
  absl::StatusOr<std::unique_ptr<Hooks>> Register(const HookOptions& options = {},
                                                  int instance = 0) {
    return Hooks::Register(broker.NewInstance(), feed, instance, options);
  }
  FakeBroker broker;
  CountingSink sink;
  SessionTracker tracker{sink, 1};
  SteadyWallClock clock;
  BrokerLog log;
  Feed feed{sink, tracker, clock, log};
};

TEST(HooksTest, OnMosquitto21FeedsConnectsEndsAndReloadsWithoutTouchingLogins) {
  Plugin plugin(FakeBroker::k21);
  const auto hooks = plugin.Register();
  ASSERT_TRUE(hooks.ok()) << hooks.status();
  EXPECT_EQ((*hooks)->line(), BrokerLine::kV21);
  mosquitto* lamp = plugin.broker.NewClient("lamp");
  mosquitto* door = plugin.broker.NewClient("door");
  plugin.broker.Login(lamp);  // nobody listens
  EXPECT_EQ(plugin.broker.Connect(lamp), 0);
  EXPECT_EQ(plugin.broker.Connect(door), 0);
  EXPECT_EQ(plugin.broker.Disconnect(lamp, 0), 0);
  EXPECT_EQ(plugin.broker.Offline(door, 7), 0);
  EXPECT_EQ(plugin.broker.Reload(), 0);
  EXPECT_EQ(plugin.sink.connects, 2);
  EXPECT_EQ(plugin.sink.ends, 2);
  EXPECT_EQ(plugin.sink.reloads, 1);
}

TEST(HooksTest, OnMosquitto20TheStartIsRefusedUnlessTheOperatorChoseToObserveLogins) {
  Plugin plugin(FakeBroker::k20);
  const auto refused = plugin.Register();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("plugin_opt_observe_logins true"));
  EXPECT_EQ(plugin.broker.registered(), 0u);
  const auto accepted = plugin.Register({.observe_logins = true});
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_EQ((*accepted)->line(), BrokerLine::kV20);
}

TEST(HooksTest, OnMosquitto20ALoginIsAlwaysDeferred) {
  Plugin plugin(FakeBroker::k20);
  const auto hooks = plugin.Register({.observe_logins = true});
  ASSERT_TRUE(hooks.ok());
  mosquitto* lamp = plugin.broker.NewClient("lamp");
  EXPECT_EQ(plugin.broker.Login(lamp), kBrokerPluginDefer);
  plugin.broker.LoopRound();
  EXPECT_EQ(plugin.sink.connects, 1);
  EXPECT_EQ(plugin.broker.Disconnect(lamp, -1), 0);
  EXPECT_EQ(plugin.sink.ends, 1);
}

TEST(HooksTest, TakesBackExactlyWhatItTook) {
  for (FakeBroker::Line line : {FakeBroker::k20, FakeBroker::k21}) {
    Plugin plugin(line);
    auto hooks = plugin.Register({.observe_logins = true});
    ASSERT_TRUE(hooks.ok());
    EXPECT_GT(plugin.broker.registered(), 0u);
    hooks->reset();
    EXPECT_EQ(plugin.broker.registered(), 0u);
  }
}

TEST(HooksTest, ARefusedEventFailsTheStartAndLeavesNothingRegistered) {
  for (int event :
       {kEventConnect, kEventDisconnect, kEventClientOffline, kEventReload, kEventTick}) {
    Plugin plugin(FakeBroker::k21);
    plugin.broker.refuse[event] = 1;
    const auto hooks = plugin.Register();
    EXPECT_EQ(hooks.status().code(), absl::StatusCode::kInternal) << event;
    EXPECT_EQ(plugin.broker.registered(), 0u);
  }
}

TEST(HooksTest, ASecondInstanceThatMosquitto20RefusesIsServedByTheFirst) {
  Plugin plugin(FakeBroker::k20);
  const auto first = plugin.Register({.observe_logins = true});
  ASSERT_TRUE(first.ok());
  const size_t registered = plugin.broker.registered();
  for (int event : {kEventBasicAuth, kEventDisconnect, kEventReload, kEventTick}) {
    plugin.broker.refuse[event] = kBrokerAlreadyExists;
  }
  auto second = plugin.Register({.observe_logins = true}, 1);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(plugin.broker.registered(), registered);
  second->reset();
  EXPECT_EQ(plugin.broker.registered(), registered);
  mosquitto* lamp = plugin.broker.NewClient("lamp");
  plugin.broker.Login(lamp);
  plugin.broker.LoopRound();
  plugin.broker.Disconnect(lamp, -1);
  EXPECT_EQ(plugin.sink.connects, 1);
  EXPECT_EQ(plugin.sink.ends, 1);
}

TEST(HooksTest, TwoInstancesThatGetTheSameEventsTellThemOnce) {
  Plugin plugin(FakeBroker::k21);
  const auto first = plugin.Register({}, 0);
  const auto second = plugin.Register({}, 1);
  ASSERT_TRUE(first.ok() && second.ok());
  mosquitto* lamp = plugin.broker.NewClient("lamp");
  plugin.broker.Connect(lamp);
  plugin.broker.Disconnect(lamp, 7);
  EXPECT_EQ(plugin.sink.connects, 1);
  EXPECT_EQ(plugin.sink.ends, 1);
}

// 2.0 under per_listener_settings ticks once for each listener with the plugin.
TEST(HooksTest, TheTicksOfManyInstancesAreOneRound) {
  Plugin plugin(FakeBroker::k20);
  std::vector<std::unique_ptr<Hooks>> hooks;
  for (int i = 0; i < 3; ++i) {
    auto registered = plugin.Register({.observe_logins = true}, i);
    ASSERT_TRUE(registered.ok());
    hooks.push_back(*std::move(registered));
  }
  plugin.broker.LoopRound();
  mosquitto* page = plugin.broker.NewClient("page");
  page->protocol = mp_websockets;
  plugin.broker.Login(page);
  for (int round = 0; round < 2; ++round) plugin.broker.LoopRound();
  EXPECT_EQ(plugin.sink.connects, 0) << "it may be refused yet";
  hooks.erase(hooks.begin());
  plugin.broker.LoopRound();
  EXPECT_EQ(plugin.sink.connects, 1) << "whoever is left tells of the rounds";
}

TEST(HooksTest, MoreInstancesThanAreCountedAreRefused) {
  Plugin plugin(FakeBroker::k21);
  EXPECT_EQ(plugin.Register({}, kInstancesMax).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(HooksTest, NoExceptionLeavesACallbackAndTheBrokerIsToldSuccess) {
  Plugin plugin(FakeBroker::k21);
  const auto hooks = plugin.Register();
  ASSERT_TRUE(hooks.ok());
  plugin.sink.throws = true;
  EXPECT_EQ(plugin.broker.Reload(), 0);  // anything else ends a 2.1 broker
  EXPECT_EQ(plugin.feed.exceptions.value(), 1u);
}

TEST(HooksTest, HousekeepingIsOfferedAtMostOncePerInterval) {
  Plugin plugin(FakeBroker::k21);
  const auto hooks = plugin.Register();
  ASSERT_TRUE(hooks.ok());
  for (int i = 0; i < 50; ++i) plugin.broker.LoopRound();
  EXPECT_GE(plugin.sink.housekeepings, 1);
  EXPECT_LT(plugin.sink.housekeepings, 50);
}

TEST(HooksTest, RequestsOnTheControlTopicAreHandedOverWithTheirProperties) {
  for (const FakeBroker::Line line : {FakeBroker::k20, FakeBroker::k21}) {
    Plugin plugin(line);
    HookOptions options;
    options.observe_logins = true;
    options.control = true;
    const auto hooks = plugin.Register(options);
    ASSERT_TRUE(hooks.ok()) << hooks.status();
    mosquitto* anna = plugin.broker.NewClient("ops-1");
    anna->username = "anna";
    EXPECT_EQ(plugin.broker.Control(anna, "{}"), 0);
    EXPECT_EQ(plugin.sink.last_request, "ops-1|anna|{}|||1");
    EXPECT_EQ(plugin.broker.Control(anna, "{}", "answers/1", "id-7"), 0);
    EXPECT_EQ(plugin.sink.last_request, "ops-1|anna|{}|answers/1|id-7|1");
    plugin.sink.throws = true;
    EXPECT_EQ(plugin.broker.Control(anna, "{}"), 0) << "nothing leaves the C boundary";
  }
}

TEST(HooksTest, TheControlTopicIsLeftAloneUnlessAskedFor) {
  Plugin plugin(FakeBroker::k21);
  const auto hooks = plugin.Register();
  ASSERT_TRUE(hooks.ok());
  plugin.broker.Control(plugin.broker.NewClient("ops-1"), "{}");
  EXPECT_EQ(plugin.sink.last_request, "");
}

TEST(HooksTest, AControlTopicThatAnotherInstanceHoldsIsNoError) {
  Plugin plugin(FakeBroker::k21);
  plugin.broker.refuse[kEventControl] = kBrokerAlreadyExists;
  HookOptions options;
  options.control = true;
  EXPECT_TRUE(plugin.Register(options).ok());
}

TEST(PublishTest, HandsTheBrokerACopyWithQosRetainAndCorrelation) {
  FakeBroker broker(FakeBroker::k21);
  Publication message;
  message.client_id = "ops-1";
  message.topic = "answers/1";
  message.payload = "hello";
  message.correlation = "id-7";
  message.qos = 1;
  message.retain = true;
  EXPECT_TRUE(Publish(message));
  ASSERT_EQ(broker.published.size(), 1u);
  const FakeBroker::Published& sent = broker.published[0];
  EXPECT_EQ(sent.client_id + sent.topic + sent.payload + sent.correlation,
            "ops-1answers/1helloid-7");
  EXPECT_EQ(sent.qos, 1);
  EXPECT_TRUE(sent.retain);
}

TEST(PublishTest, SaysWhenTheBrokerTakesNothing) {
  FakeBroker broker(FakeBroker::k21);
  Publication message;
  EXPECT_FALSE(Publish(message)) << "no topic";
  message.topic = "t";
  message.payload = "hello";
  message.correlation = "id-7";
  broker.out_of_memory = true;
  EXPECT_FALSE(Publish(message));
}

}  // namespace
}  // namespace session_status::broker
