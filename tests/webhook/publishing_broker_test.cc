// Changes that leave real brokers of both lines: to MQTT topics and to a webhook.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/testing/admin_client.h"
#include "tests/testing/broker_process.h"
#include "tests/testing/mqtt_client.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/wait.h"
#include "tests/webhook/receiver.h"

namespace session_status::testing {
namespace {

using ::testing::HasSubstr;

using PluginOptions = std::vector<std::pair<std::string, std::string>>;

class PublishingTest : public ::testing::TestWithParam<BrokerLine> {
 protected:
  void Start(PluginOptions options) {
    options.insert(options.begin(),
                   {{"admin_socket", "{DIR}/admin.sock"}, {"snapshot_refresh", "20ms"}});
    broker_ = BrokerProcess::Start({.line = GetParam(),
                                    .config = kPlainConfig,
                                    .plugin = SessionStatusPlugin(),
                                    .plugin_options = std::move(options)});
    ASSERT_TRUE(broker_->running()) << broker_->Log();
    admin_ = std::make_unique<AdminClient>(broker_->Expand("{DIR}/admin.sock"));
  }
  std::unique_ptr<MqttClient> Client(const std::string& id) {
    ClientOptions options;
    options.id = id;
    options.port = broker_->port();
    auto client = std::make_unique<MqttClient>(options);
    EXPECT_EQ(client->Connect(), 0) << id;
    return client;
  }
  // True as soon as `client` has received a message that holds all of `parts`.
  static bool Hears(MqttClient* client, const std::vector<std::string>& parts) {
    return WaitUntil([&] {
      client->Serve();
      return std::any_of(client->received().begin(), client->received().end(),
                         [&](const std::string& message) {
                           return std::all_of(parts.begin(), parts.end(), [&](const auto& part) {
                             return message.find(part) != std::string::npos;
                           });
                         });
    });
  }

  Receiver receiver_;
  std::unique_ptr<BrokerProcess> broker_;
  std::unique_ptr<AdminClient> admin_;
};
INSTANTIATE_TEST_SUITE_P(OnBroker, PublishingTest, ::testing::ValuesIn(kBothLines),
                         NameOfLine<::testing::TestParamInfo<BrokerLine>>);

TEST_P(PublishingTest, SubscribersHearOfEveryChangeOfTheClientsTheyWatch) {
  Start({{"topics_prefix", "$SYS/broker/session"}});
  auto watcher = Client("watcher");
  ASSERT_TRUE(watcher->Subscribe("$SYS/broker/session/lamp"));
  auto other = Client("other");
  auto lamp = Client("lamp");
  EXPECT_TRUE(Hears(watcher.get(), {R"("clientId":"lamp")", "CHANGE_KIND_ONLINE"}));
  lamp->Disconnect();
  EXPECT_TRUE(Hears(watcher.get(), {R"("clientId":"lamp")", "CHANGE_KIND_OFFLINE"}));
  EXPECT_EQ(watcher->received().size(), 2u) << "and of nobody else";
  EXPECT_THAT(admin_->Get("/metrics").body,
              HasSubstr("\nsession_status_topics_missed_changes_total 0\n"));
}

TEST_P(PublishingTest, IdentifiersThatWouldBeWildcardsOrLevelsStayOneLevel) {
  Start({{"topics_prefix", "clients"}});
  auto watcher = Client("watcher");
  ASSERT_TRUE(watcher->Subscribe("clients/+"));
  auto odd = Client("a/b c");
  EXPECT_TRUE(Hears(watcher.get(), {R"("clientId":"a/b c")"}));
  ASSERT_TRUE(watcher->Subscribe("clients/a%2Fb%20c"));
  const size_t before = watcher->received().size();
  odd->Disconnect();
  EXPECT_TRUE(Hears(watcher.get(), {R"("clientId":"a/b c")", "CHANGE_KIND_OFFLINE"}));
  EXPECT_GT(watcher->received().size(), before);
}

TEST_P(PublishingTest, RetainedMessagesAwaitLateSubscribersAndGoWithTheirClient) {
  Start({{"topics_prefix", "clients"}, {"topics_retain", "true"}, {"ended_sessions_ttl", "1s"}});
  auto lamp = Client("lamp");
  auto early = Client("early");
  ASSERT_TRUE(early->Subscribe("clients/lamp"));
  ASSERT_TRUE(Hears(early.get(), {"CHANGE_KIND_ONLINE"}));
  auto late = Client("late");
  ASSERT_TRUE(late->Subscribe("clients/lamp"));
  EXPECT_TRUE(Hears(late.get(), {"CHANGE_KIND_ONLINE"}));
  lamp->Disconnect();
  // Forgotten a second later: an empty message tells those who listen, and the retained one is
  // gone.
  EXPECT_TRUE(WaitUntil([&] {
    late->Serve();
    return !late->received().empty() && late->received().back().empty();
  }));
  auto later = Client("later");
  ASSERT_TRUE(later->Subscribe("clients/lamp"));
  EXPECT_TRUE(later->RoundTrip());
  EXPECT_TRUE(later->received().empty());
}

TEST_P(PublishingTest, ARetainedMessageIsTrueAgainAfterAGap) {
  Start({{"topics_prefix", "clients"},
         {"topics_retain", "true"},
         {"topics_per_second_max", "10"},
         {"feed_buffer_bytes", "1048576"}});
  auto lamp = Client("lamp");
  auto early = Client("early");
  ASSERT_TRUE(early->Subscribe("clients/lamp"));
  ASSERT_TRUE(Hears(early.get(), {"SESSION_STATE_ONLINE"}));
  // Two seconds of messages before the lamp's end, and then more than the buffer holds.
  for (int i = 0; i < 10; ++i) Client(absl::StrCat("c", i))->Disconnect();
  lamp->Disconnect();
  int next = 0;
  ASSERT_TRUE(WaitUntil([&] {
    Client(absl::StrCat(++next, std::string(60'000, 'x')))->Disconnect();
    return admin_->Get("/metrics").body.find("topics_missed_changes_total 0\n") ==
           std::string::npos;
  }));
  EXPECT_TRUE(Hears(early.get(), {"SESSION_STATE_OFFLINE"}));
  auto late = Client("late");
  ASSERT_TRUE(late->Subscribe("clients/lamp"));
  EXPECT_TRUE(Hears(late.get(), {"SESSION_STATE_OFFLINE"}));
  for (const std::string& message : late->received()) {
    EXPECT_EQ(message.find("SESSION_STATE_ONLINE"), std::string::npos) << message;
  }
}

TEST_P(PublishingTest, AFlappingClientIsPublishedAFewTimesAndThenAtItsLastState) {
  Start({{"topics_prefix", "clients"},
         {"topics_flap_messages", "3"},
         {"topics_flap_interval", "2s"}});
  auto watcher = Client("watcher");
  ASSERT_TRUE(watcher->Subscribe("clients/flapper"));
  for (int i = 0; i < 30; ++i) Client("flapper")->Disconnect();
  const SessionAnswer last = admin_->WaitForState("flapper", "OFFLINE");
  EXPECT_TRUE(Hears(watcher.get(), {absl::StrCat(R"("incarnation":")", last.incarnation, "\""),
                                    "CHANGE_KIND_OFFLINE"}));
  EXPECT_LT(watcher->received().size(), 60u);
}

TEST_P(PublishingTest, TheWebhookTellsItsReceiverAndTheStatusTellsOfTheWebhook) {
  Start({{"webhook_url", receiver_.url()}});
  auto lamp = Client("lamp");
  EXPECT_TRUE(WaitUntil([&] {
    for (const Receiver::Post& post : receiver_.posts()) {
      if (post.body.find(R"("subject":"lamp")") != std::string::npos) return true;
    }
    return false;
  }));
  EXPECT_TRUE(WaitUntil([&] {
    const std::string status = admin_->Status().raw;
    return status.find(R"("webhook":{"deliveredEvents":"2")") != std::string::npos;
  })) << admin_->Status().raw;
}

TEST_P(PublishingTest, ADeadReceiverDisturbsNobodyAndTheLogSaysSoOnce) {
  receiver_.Die();
  Start({{"webhook_url", receiver_.url()}});
  auto lamp = Client("lamp");
  EXPECT_TRUE(broker_->WaitForLog("webhook: not delivered, will be tried again"));
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(lamp->RoundTrip());
  EXPECT_THAT(admin_->Get("/metrics").body,
              HasSubstr("\nsession_status_webhook_delivered_events_total 0\n"));
  receiver_.Revive();
  EXPECT_TRUE(broker_->WaitForLog("webhook: the receiver answers again"));
  EXPECT_EQ(broker_->Stop(), 0);
}

TEST_P(PublishingTest, AChangeRightBeforeTheBrokersStopReachesTheWebhooksReceiver) {
  Start({{"webhook_url", receiver_.url()}});
  const auto told = [this](const std::string& type) {
    for (const Receiver::Post& post : receiver_.posts()) {
      if (post.body.find(absl::StrCat(type, R"(","subject":"lamp")")) != std::string::npos) {
        return true;
      }
    }
    return false;
  };
  auto lamp = Client("lamp");
  ASSERT_TRUE(WaitUntil([&] { return told("online"); }));
  lamp->Disconnect();
  ASSERT_EQ(admin_->WaitForState("lamp", "OFFLINE").state, "OFFLINE");
  EXPECT_EQ(broker_->Stop(), 0);
  EXPECT_TRUE(told("offline"));
  EXPECT_EQ(broker_->Log().find("has not taken"), std::string::npos);
}

TEST_P(PublishingTest, AReceiverThatHangsDelaysTheStopForASecondAndTheLogSaysWhatItDidNotTake) {
  receiver_.hold = true;
  Start({{"webhook_url", receiver_.url()}, {"webhook_timeout", "5m"}});
  auto lamp = Client("lamp");
  ASSERT_TRUE(WaitUntil([&] { return receiver_.count() == 1; }));
  lamp->Disconnect();
  ASSERT_EQ(admin_->WaitForState("lamp", "OFFLINE").state, "OFFLINE");
  const absl::Time begin = absl::Now();
  EXPECT_EQ(broker_->Stop(), 0);
  EXPECT_LT(absl::Now() - begin, absl::Seconds(15)) << "a second, and what a slow machine adds";
  EXPECT_THAT(broker_->Log(),
              HasSubstr("session-status: webhook: changes that the receiver has not taken before "
                        "the stop, and will not get: 2"));
  receiver_.hold = false;
}

TEST_P(PublishingTest, TheWebhooksSecretIsReadAgainOnSighupAndABadOneLeavesTheOldInForce) {
  const TempDir dir;
  const std::string old_secret = "the first secret of thirty bytes";
  const std::string new_secret = "the second secret, as many bytes";
  const std::string file = dir.Write("secret", old_secret);
  Start({{"webhook_url", receiver_.url()}, {"webhook_secret_file", file}});
  // The signature of the post that tells of this client.
  const auto signed_with = [&](const std::string& id, const std::string& secret) {
    const auto client = Client(id);
    return WaitUntil([&] {
      for (const Receiver::Post& post : receiver_.posts()) {
        if (post.body.find(absl::StrCat("\"subject\":\"", id, "\"")) == std::string::npos) continue;
        return post.headers.at("webhook-signature") == SignatureOf(post, secret);
      }
      return false;
    });
  };
  EXPECT_TRUE(signed_with("before", old_secret));
  dir.Write("secret", "");
  broker_->Signal(SIGHUP);
  EXPECT_TRUE(broker_->WaitForLog(
      absl::StrCat("webhook secret not reloaded, the old one stays in force: option "
                   "plugin_opt_webhook_secret_file: ",
                   file, ": the secret has 0 bytes")));
  ASSERT_EQ(unlink(file.c_str()), 0);
  broker_->Signal(SIGHUP);
  EXPECT_TRUE(broker_->WaitForLog(absl::StrCat(file, ": No such file or directory")));
  EXPECT_TRUE(signed_with("meanwhile", old_secret));
  dir.Write("secret", new_secret);
  broker_->Signal(SIGHUP);
  EXPECT_TRUE(broker_->WaitForLog("reloaded: webhook secret"));
  EXPECT_TRUE(signed_with("after", new_secret));
  EXPECT_EQ(broker_->Log().find("secret of"), std::string::npos) << "no secret is in the log";
  EXPECT_EQ(broker_->Log().find("secret, as"), std::string::npos);
}

TEST_P(PublishingTest, ABadWebhookOrPrefixStopsTheStart) {
  struct Case {
    PluginOptions options;
    const char* want;
  };
  for (const Case& c : {
           Case{{{"webhook_url", "ftp://127.0.0.1/"}},
                "option plugin_opt_webhook_url: neither https nor http"},
           Case{{{"webhook_url", "http://127.0.0.1/"}, {"webhook_secret_file", "/nonexistent"}},
                "option plugin_opt_webhook_secret_file: /nonexistent: "},
           Case{{{"topics_prefix", "a/#"}},
                "option plugin_opt_topics_prefix: \"a/#\" has a wildcard"},
       }) {
    SCOPED_TRACE(c.want);
    PluginOptions options = c.options;
    options.push_back({"admin_socket", "{DIR}/admin.sock"});
    auto broker = BrokerProcess::Start({.line = GetParam(),
                                        .config = kPlainConfig,
                                        .plugin = SessionStatusPlugin(),
                                        .plugin_options = options});
    EXPECT_NE(broker->WaitExit(), 0);
    EXPECT_THAT(broker->Log(), HasSubstr(c.want));
  }
}

}  // namespace
}  // namespace session_status::testing
