#include "plugin/webhook/webhook.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/feed/feed_fixture.h"
#include "tests/testing/open_sockets.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/wait.h"
#include "tests/webhook/receiver.h"

namespace session_status::webhook {
namespace {

using ::testing::AllOf;
using testing::ClosesOnExec;
using ::testing::HasSubstr;
using testing::Receiver;
using testing::SocketsTo;
using testing::WaitUntil;

int FromEnvironment(const char* name, int otherwise) {
  const char* text = getenv(name);
  int value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

// What the receiver has taken, event by event, in order; repeated batches once.
struct Taken {
  std::vector<std::string> lines;  // "online lamp #1", "gap 1..5", "started 0"
  uint64_t changes = 0;
  uint64_t gap_changes = 0;
};

Taken TakenBy(const Receiver& receiver) {
  Taken taken;
  for (const Receiver::Post& post : receiver.posts()) {
    if (post.answered != 200) continue;
    rapidjson::Document batch;
    batch.Parse(post.body.c_str());
    EXPECT_FALSE(batch.HasParseError()) << post.body;
    for (const auto& event : batch.GetArray()) {
      const std::string type = event["type"].GetString();
      const auto& data = event["data"];
      if (type == "mosquitto.session.started") {
        taken.lines.push_back(absl::StrCat(
            "started ", data.HasMember("sequence") ? data["sequence"].GetString() : "0"));
      } else if (type == "mosquitto.session.gap") {
        uint64_t from = 0;
        uint64_t to = 0;
        if (data.HasMember("missedAfter")) {
          EXPECT_TRUE(absl::SimpleAtoi(data["missedAfter"].GetString(), &from));
        }
        EXPECT_TRUE(absl::SimpleAtoi(data["restartSequence"].GetString(), &to));
        taken.gap_changes += to - from;
        taken.lines.push_back(absl::StrCat("gap ", from, "..", to));
      } else {
        ++taken.changes;
        taken.lines.push_back(absl::StrCat(type.substr(strlen("mosquitto.session.")), " ",
                                           event["subject"].GetString(), " #",
                                           data["sequence"].GetString()));
      }
    }
  }
  return taken;
}

class WebhookTest : public feed::FeedTest {
 protected:
  void Start(WebhookOptions options = {}) {
    options.url = receiver_.url();
    options.retry_max = absl::Seconds(1);
    webhook_ = std::make_unique<Webhook>(
        feed_, options, Webhook::Identity{"mosquitto", "1.2.3"},
        [this](absl::string_view line) {
          std::lock_guard<std::mutex> lock(log_mu_);
          absl::StrAppend(&log_, line, "\n");
        },
        absl::Now);
    ASSERT_TRUE(webhook_->Start(0).ok());
  }
  std::string log() {
    std::lock_guard<std::mutex> lock(log_mu_);
    return log_;
  }

  Receiver receiver_;
  std::mutex log_mu_;
  std::string log_;
  std::unique_ptr<Webhook> webhook_;
};

TEST_F(WebhookTest, PostsEveryChangeInOrderAsCloudEvents) {
  Connect("before");
  Start();
  Connect("lamp");
  End("lamp", /*kept=*/true);
  ASSERT_TRUE(WaitUntil([&] { return TakenBy(receiver_).lines.size() == 3; }));
  EXPECT_THAT(TakenBy(receiver_).lines,
              ::testing::ElementsAre("started 1", "online lamp #2", "session_kept lamp #3"));
  const Receiver::Post post = receiver_.posts()[0];
  EXPECT_EQ(post.target, "/hooks/sessions");
  EXPECT_EQ(post.headers.at("content-type"), "application/cloudevents-batch+json; charset=utf-8");
  EXPECT_EQ(post.headers.at("user-agent"), "mosquitto-session-status/1.2.3");
  EXPECT_EQ(post.headers.count("webhook-signature"), 0u) << "there is no secret";
  EXPECT_TRUE(WaitUntil([&] { return webhook_->stats().behind_changes == 0; }));
  EXPECT_EQ(webhook_->stats().delivered_events, 3u);
}

TEST_F(WebhookTest, AProgramThatTheBrokerStartsDoesNotGetTheConnection) {
  receiver_.hold = true;
  Start();
  const auto port = static_cast<uint16_t>(
      std::atoi(receiver_.url().substr(receiver_.url().rfind(':') + 1).c_str()));
  ASSERT_TRUE(WaitUntil([&] { return !SocketsTo(port).empty(); }));
  for (const int fd : SocketsTo(port)) EXPECT_TRUE(ClosesOnExec(fd));
  receiver_.hold = false;
}

TEST_F(WebhookTest, SignsAsStandardWebhooksHasIt) {
  const testing::TempDir dir;
  const std::string secret = "a secret of thirty-two bytes ...";
  WebhookOptions options;
  options.secret_file = dir.Write("secret", secret + "\n");
  Start(options);
  ASSERT_TRUE(WaitUntil([&] { return receiver_.count() == 1; }));
  const Receiver::Post post = receiver_.posts()[0];
  EXPECT_EQ(post.headers.at("webhook-signature"), SignatureOf(post, secret));
}

TEST_F(WebhookTest, ASecretReadAgainSignsFromTheNextAttemptOnAndABadOneChangesNothing) {
  const testing::TempDir dir;
  const std::string secret = "a secret of thirty-two bytes ...";
  WebhookOptions options;
  options.secret_file = dir.Write("secret", secret);
  Start(options);
  const auto next = [this] {  // the next post that is taken
    const size_t before = receiver_.count();
    Connect(absl::StrCat("c-", before));
    EXPECT_TRUE(WaitUntil([&] { return receiver_.count() > before; }));
    return receiver_.posts().back();
  };
  const Receiver::Post first = next();
  EXPECT_EQ(first.headers.at("webhook-signature"), SignatureOf(first, secret));
  struct Bad {
    const char* content;
    mode_t mode;
    const char* want;
  };
  const std::string same_but_open = secret;
  for (const Bad& bad :
       {Bad{"", 0600, "the secret has 0 bytes"}, Bad{"short", 0600, "the secret has 5 bytes"},
        Bad{"whsec_***", 0600, "is not base64"},
        Bad{same_but_open.c_str(), 0644, "chmod 600 it"}}) {
    SCOPED_TRACE(bad.want);
    ASSERT_EQ(chmod(dir.Write("secret", bad.content).c_str(), bad.mode), 0);
    const absl::Status status = webhook_->ReloadSecret();
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr("option plugin_opt_webhook_secret_file: /"), HasSubstr(bad.want)));
    const Receiver::Post post = next();
    EXPECT_EQ(post.headers.at("webhook-signature"), SignatureOf(post, secret));
  }
  ASSERT_EQ(unlink(options.secret_file.c_str()), 0);
  EXPECT_THAT(std::string(webhook_->ReloadSecret().message()), HasSubstr("No such file"));

  // A batch that is tried again is signed anew.
  receiver_.status = 500;
  const Receiver::Post refused = next();
  EXPECT_EQ(refused.headers.at("webhook-signature"), SignatureOf(refused, secret));
  const std::string other = "another secret, of as many bytes";
  dir.Write("secret", other + "\n");
  ASSERT_TRUE(webhook_->ReloadSecret().ok());
  EXPECT_TRUE(WaitUntil([&] {
    const Receiver::Post again = receiver_.posts().back();
    return again.headers.at("webhook-id") == refused.headers.at("webhook-id") &&
           again.headers.at("webhook-signature") == SignatureOf(again, other);
  }));
}

TEST_F(WebhookTest, A500IsTriedAgainWithTheSameIdAndBodyUntilItWorks) {
  receiver_.status = 500;
  Start();
  ASSERT_TRUE(WaitUntil([&] { return receiver_.count() >= 2; }));
  EXPECT_GE(webhook_->stats().failures_in_a_row, 1u);
  receiver_.status = 200;
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().delivered_batches == 1; }));
  const std::vector<Receiver::Post> posts = receiver_.posts();
  for (const Receiver::Post& post : posts) {
    EXPECT_EQ(post.body, posts[0].body);
    EXPECT_EQ(post.headers.at("webhook-id"), posts[0].headers.at("webhook-id"));
  }
  EXPECT_EQ(webhook_->stats().failed_posts, posts.size() - 1);
  EXPECT_EQ(webhook_->stats().failures_in_a_row, 0u);
  EXPECT_THAT(log(), HasSubstr("webhook: not delivered, will be tried again: HTTP 500\n"));
  EXPECT_THAT(log(), HasSubstr("the receiver answers again"));
}

TEST_F(WebhookTest, ARedirectIsNotFollowed) {
  receiver_.status = 302;
  Start();
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().failed_posts >= 1; }));
  for (const Receiver::Post& post : receiver_.posts()) EXPECT_EQ(post.target, "/hooks/sessions");
}

TEST_F(WebhookTest, AReceiverThatDiesGetsEverythingWhenItIsBack) {
  Start();
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().delivered_batches == 1; }));
  receiver_.Die();
  for (int i = 0; i < 2'000; ++i) Connect(absl::StrCat("c-", i));
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().failures_in_a_row >= 1; }));
  EXPECT_GE(webhook_->stats().behind_changes, 1'000u);
  receiver_.Revive();
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().behind_changes == 0; }));
  const Taken taken = TakenBy(receiver_);
  ASSERT_EQ(taken.lines.size(), 2'001u);
  for (int i = 0; i < 2'000; ++i) {
    EXPECT_EQ(taken.lines[static_cast<size_t>(i) + 1], absl::StrCat("online c-", i, " #", i + 1));
  }
  EXPECT_EQ(webhook_->stats().dropped_changes, 0u);
}

TEST_F(WebhookTest, WhatTheRingLosesIsCountedWhileTheReceiverIsAwayAndToldByAGap) {
  Start();
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().delivered_batches == 1; }));
  receiver_.Die();
  Connect("first");
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().failures_in_a_row >= 1; }));
  // The smallest ring there is, several times over.
  const uint64_t total = 50'000;
  for (uint64_t i = 1; i < total; ++i) Connect(absl::StrCat("client-of-some-length-", i % 1'000));
  EXPECT_TRUE(WaitUntil([&] { return webhook_->stats().dropped_changes > 0; }))
      << "counted while the receiver is still away";
  receiver_.Revive();
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().behind_changes == 0; }));
  const Taken taken = TakenBy(receiver_);
  EXPECT_EQ(taken.changes + taken.gap_changes, total) << "every change arrived or was told missing";
  EXPECT_EQ(taken.gap_changes, webhook_->stats().dropped_changes);
  ASSERT_GE(taken.lines.size(), 3u);
  EXPECT_EQ(taken.lines[1], "online first #1") << "the batch that waited came first";
  EXPECT_THAT(taken.lines[2], ::testing::StartsWith("gap 1.."));
}

TEST_F(WebhookTest, TwoLossesWhileTheReceiverIsAwayAreToldAsOneGapOverBoth) {
  Start();
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().delivered_batches == 1; }));
  receiver_.Die();
  Connect("first");
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().failures_in_a_row >= 1; }));
  uint64_t total = 1;
  uint64_t dropped = 0;
  for (int loss = 0; loss < 2; ++loss) {
    // The smallest ring there is, several times over.
    for (int i = 0; i < 50'000; ++i, ++total) {
      Connect(absl::StrCat("client-of-some-length-", i % 9));
    }
    ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().dropped_changes > dropped; }));
    dropped = webhook_->stats().dropped_changes;
  }
  receiver_.Revive();
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().behind_changes == 0; }));
  const Taken taken = TakenBy(receiver_);
  EXPECT_EQ(taken.changes + taken.gap_changes, total) << "every change arrived or was told missing";
  EXPECT_EQ(taken.gap_changes, webhook_->stats().dropped_changes);
  ASSERT_GE(taken.lines.size(), 3u);
  EXPECT_THAT(taken.lines[2], ::testing::StartsWith("gap 1.."));
}

// A page that is being deployed, a key that is being changed, a limit on calls.
TEST_F(WebhookTest, ARefusalThatMayPassCostsNoEvents) {
  Start();
  uint64_t changes = 0;
  for (const int status : {401, 403, 404, 408, 429}) {
    SCOPED_TRACE(status);
    receiver_.status = status;
    Connect("lamp");
    ++changes;
    ASSERT_TRUE(WaitUntil([&] {
      const WebhookStats stats = webhook_->stats();
      return stats.failures_in_a_row >= 1 || stats.rejected_events > 0;
    }));
    EXPECT_EQ(webhook_->stats().rejected_events, 0u);
    receiver_.status = 200;
    ASSERT_TRUE(WaitUntil([&] {
      const WebhookStats stats = webhook_->stats();
      return stats.behind_changes == 0 && stats.failures_in_a_row == 0;
    }));
    EXPECT_EQ(TakenBy(receiver_).changes, changes);
  }
}

TEST_F(WebhookTest, ABatchThatTheReceiverNeverTakesIsCountedAndTheNextOneSent) {
  receiver_.status = 422;
  Start();
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().rejected_events == 1; }));
  receiver_.status = 200;
  Connect("lamp");
  ASSERT_TRUE(WaitUntil([&] { return TakenBy(receiver_).changes == 1; }));
  EXPECT_EQ(webhook_->stats().failed_posts, 0u);
  EXPECT_THAT(log(), HasSubstr("a batch was rejected with HTTP 422"));
}

TEST_F(WebhookTest, BatchesRejectedInARowAreOneLineAndItsEndAnother) {
  receiver_.status = 422;
  Start();
  for (uint64_t rejected = 1; rejected <= 4; ++rejected) {
    ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().rejected_events == rejected; }));
    if (rejected == 4) receiver_.status = 200;
    Connect(absl::StrCat("lamp", rejected));
  }
  ASSERT_TRUE(WaitUntil([&] { return TakenBy(receiver_).changes == 1; }));
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().behind_changes == 0; }));
  EXPECT_EQ(
      log(),
      "webhook: a batch was rejected with HTTP 422; those that follow are only counted until one "
      "is taken\nwebhook: the receiver takes batches again, after 4 rejected\n");
}

TEST_F(WebhookTest, ASlowReceiverIsGivenUpAfterTheTimeoutAndTriedAgain) {
  receiver_.hold = true;
  WebhookOptions options;
  options.timeout = absl::Milliseconds(300);
  Start(options);
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().failed_posts >= 1; }));
  receiver_.hold = false;
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().delivered_batches >= 1; }));
}

TEST_F(WebhookTest, AReceiverMayAskForALongerWaitThanTheLimitOfRetries) {
  receiver_.status = 429;
  receiver_.retry_after = 3;
  Start();  // retry_max is a second
  ASSERT_TRUE(WaitUntil([&] { return receiver_.count() == 2; }));
  const std::vector<Receiver::Post> posts = receiver_.posts();
  EXPECT_GE(posts[1].at - posts[0].at, absl::Seconds(2.9));
}

TEST_F(WebhookTest, AStopEndsAPostUnderWayASecondLaterAndTellsWhatTheReceiverHasNotTaken) {
  receiver_.hold = true;
  WebhookOptions options;
  options.timeout = absl::Minutes(5);  // longer than this test may take
  Start(options);
  ASSERT_TRUE(WaitUntil([&] { return receiver_.count() == 1; }));
  Connect("lamp");
  End("lamp");
  const absl::Time begin = absl::Now();
  webhook_->Stop();
  EXPECT_LT(absl::Now() - begin, kStopWait + absl::Seconds(10)) << "as slow as a machine may be";
  EXPECT_EQ(receiver_.count(), 1u);
  EXPECT_EQ(
      log(),
      "webhook: changes that the receiver has not taken before the stop, and will not get: 2\n");
  webhook_->Stop();
  EXPECT_EQ(std::count(log_.begin(), log_.end(), '\n'), 1) << "once";
  receiver_.hold = false;
}

TEST_F(WebhookTest, WhatIsThereAtAStopIsStillSentHoweverManyBatchesItIs) {
  WebhookOptions options;
  options.batch_events_max = 10;
  Start(options);
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().delivered_batches == 1; }));
  // So long as the stop leaves one look between it and the last change.
  for (int i = 0; i < 95; ++i) Connect(absl::StrCat("c-", i));
  webhook_->Stop();
  EXPECT_EQ(TakenBy(receiver_).changes, 95u);
  EXPECT_EQ(webhook_->stats().behind_changes, 0u);
  EXPECT_EQ(log(), "");
}

TEST_F(WebhookTest, AStopTriesTheBatchThatWaitsOnceMoreWhateverWaitWasAskedFor) {
  receiver_.status = 503;
  receiver_.retry_after = 3600;
  Start();
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().failed_posts == 1; }));
  Connect("lamp");
  receiver_.status = 200;
  webhook_->Stop();
  EXPECT_THAT(TakenBy(receiver_).lines, ::testing::ElementsAre("started 0", "online lamp #1"));
}

TEST_F(WebhookTest, ALastAttemptThatFailsIsTheLastAndNothingYoungerIsSentAfterIt) {
  receiver_.status = 503;
  WebhookOptions options;
  options.batch_events_max = 1;
  Start(options);
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().failed_posts >= 1; }));
  for (int i = 0; i < 3; ++i) Connect("lamp");
  webhook_->Stop();
  const std::vector<Receiver::Post> posts = receiver_.posts();
  for (const Receiver::Post& post : posts) EXPECT_EQ(post.body, posts[0].body);
  EXPECT_THAT(log(), HasSubstr("has not taken before the stop, and will not get: 3\n"));
}

TEST_F(WebhookTest, BatchesHoldSoManyEventsAtMost) {
  WebhookOptions options;
  options.batch_events_max = 10;
  receiver_.Die();
  Start(options);
  for (int i = 0; i < 95; ++i) Connect(absl::StrCat("c-", i));
  receiver_.Revive();
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().delivered_events == 96; }));
  EXPECT_GE(webhook_->stats().delivered_batches, 10u);
}

// SESSION_STATUS_WEBHOOK_SECONDS: how long the receiver stays dead under 5,000 changes a second
// (default 2; the promise is held at 600). The time of an append is told with and without.
TEST_F(WebhookTest, ADeadReceiverCostsTheWriterNothingAndEveryDropIsCounted) {
  const int seconds = FromEnvironment("SESSION_STATUS_WEBHOOK_SECONDS", 2);
  constexpr int kPerSecond = 5'000;
  const auto run = [&](int count) {
    std::vector<int64_t> nanos;
    nanos.reserve(static_cast<size_t>(count));
    const absl::Time begin = absl::Now();
    for (int i = 0; i < count; ++i) {
      if (i % 50 == 0) {
        WaitUntil([&] { return absl::Now() >= begin + absl::Seconds(i) / kPerSecond; },
                  testing::kPatience, absl::Milliseconds(1));
      }
      const absl::Time before = absl::Now();
      Connect(absl::StrCat("client-of-some-length-", i % 10'000));
      nanos.push_back(absl::ToInt64Nanoseconds(absl::Now() - before));
    }
    std::sort(nanos.begin(), nanos.end());
    return std::make_pair(nanos[nanos.size() / 2], nanos[nanos.size() * 99 / 100]);
  };
  const auto without = run(2 * kPerSecond);
  const uint64_t before = feed_.ring().newest_sequence();
  receiver_.Die();
  Start();
  const auto with = run(seconds * kPerSecond);
  const WebhookStats dead = webhook_->stats();
  EXPECT_EQ(dead.delivered_events, 0u);
  receiver_.Revive();
  ASSERT_TRUE(WaitUntil([&] { return webhook_->stats().behind_changes == 0; }));
  const Taken taken = TakenBy(receiver_);
  EXPECT_EQ(taken.changes + taken.gap_changes, feed_.ring().newest_sequence() - before);
  EXPECT_EQ(taken.gap_changes, webhook_->stats().dropped_changes);
  RecordProperty("median_ns_without", static_cast<int>(without.first));
  RecordProperty("p99_ns_without", static_cast<int>(without.second));
  RecordProperty("median_ns_with", static_cast<int>(with.first));
  RecordProperty("p99_ns_with", static_cast<int>(with.second));
  RecordProperty("dropped_while_dead", static_cast<int>(dead.dropped_changes));
  RecordProperty("delivered_after", static_cast<int>(taken.changes));
}

TEST(WebhookStartTest, SaysWhichOptionIsBadAndWhatWouldBeRight) {
  const testing::TempDir dir;
  const std::string open = dir.Write("open", std::string(32, 's'));
  chmod(open.c_str(), 0644);
  struct Case {
    std::string url, secret_file, want;
  };
  registry::SessionRegistry registry;
  os::Poller poller(absl::Milliseconds(10));
  feed::ChangeFeed feed(registry, poller, {.buffer_bytes = 1}, 1);
  for (const Case& c : {
           Case{"host/path", "", "option plugin_opt_webhook_url: not a URL"},
           Case{"ftp://host/path", "", "option plugin_opt_webhook_url: neither https nor http"},
           Case{"https://u:p@host/", "", "holds a user name or password"},
           Case{"https://host/", dir.File("none"), "option plugin_opt_webhook_secret_file: /"},
           Case{"https://host/", open,
                "open: holds secrets, but others than its owner have access: chmod 600 it"},
           Case{"https://host/", dir.Write("short", "abc"), "the secret has 3 bytes"},
           Case{"https://host/", dir.Write("bad", "whsec_***"), "is not base64"},
       }) {
    SCOPED_TRACE(c.want);
    WebhookOptions options;
    options.url = c.url;
    options.secret_file = c.secret_file;
    Webhook webhook(
        feed, options, {}, [](absl::string_view) {}, absl::Now);
    const absl::Status status = webhook.Start(0);
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.want));
    EXPECT_THAT(std::string(status.message()), ::testing::Not(HasSubstr("u:p")));
  }
}

TEST(SignerTest, TakesSecretsInTheFormOfTheSpecification) {
  const testing::TempDir dir;
  // The specification's own example.
  auto signer = Signer::Load(dir.Write("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"));
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_EQ((*signer)->Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(SignerTest, ALineEndBehindTheSecretDoesNotCountWhateverSystemWroteIt) {
  const testing::TempDir dir;
  const std::string secret = "a secret of thirty-two bytes ...";
  const std::string want = Signer(secret).Sign("id", 7, "body");
  ASSERT_NE(want, "");
  for (const std::string& text :
       {secret, std::string("whsec_YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyAuLi4=")}) {
    for (const char* line_end : {"", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n"}) {
      SCOPED_TRACE(::testing::PrintToString(absl::StrCat(text, line_end)));
      const auto signer = Signer::Load(dir.Write("secret", absl::StrCat(text, line_end)));
      ASSERT_TRUE(signer.ok()) << signer.status();
      EXPECT_EQ((*signer)->Sign("id", 7, "body"), want);
    }
  }
}

TEST(SignerTest, ASecretIsNotReadFromAPipe) {
  const testing::TempDir dir;
  const std::string pipe = dir.File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int end = open(pipe.c_str(), O_RDWR | O_CLOEXEC);  // so that who does read fails, not hangs
  ASSERT_EQ(write(end, std::string(32, 's').data(), 32), 32);
  EXPECT_EQ(Signer::Load(pipe).status().message(), pipe + ": not a regular file");
  close(end);
}

TEST(SignerTest, AFileThatHoldsMoreThanASecretIsNotReadToItsEnd) {
  const testing::TempDir dir;
  const std::string path = dir.Write("huge", std::string(1 << 20, '\n'));
  EXPECT_THAT(std::string(Signer::Load(path).status().message()),
              HasSubstr(path + ": larger than "));
}

TEST(RetryDelayTest, DoublesFromASecondToTheLimitAndHonoursWhatTheReceiverAsks) {
  const absl::Duration max = absl::Minutes(1);
  const auto delay = [&](int failures, absl::Duration asked, double random) {
    return RetryDelay(failures, max, asked, random);
  };
  EXPECT_EQ(delay(1, absl::ZeroDuration(), 0.0), absl::Milliseconds(500));
  EXPECT_EQ(delay(1, absl::ZeroDuration(), 1.0), absl::Seconds(1));
  EXPECT_EQ(delay(3, absl::ZeroDuration(), 1.0), absl::Seconds(4));
  EXPECT_EQ(delay(1'000'000, absl::ZeroDuration(), 1.0), max);
  EXPECT_EQ(delay(1, absl::Seconds(30), 0.0), absl::Seconds(30));
  EXPECT_EQ(delay(1, absl::Minutes(30), 0.0), absl::Minutes(30)) << "beyond the limit of its own";
  EXPECT_EQ(delay(1, absl::Hours(30), 0.0), absl::Hours(1));
}

TEST(CloudEventsTest, AChangeWhoseTimeIsNotKnownHasNone) {
  CloudEvents events("a", 7);
  feed::Change found;
  found.sequence = 3;
  found.kind = feed::ChangeKind::kRepaired;
  found.client_id = "lamp";
  events.AddChange(found);
  rapidjson::Document batch;
  batch.Parse(std::string(events.Finish()).c_str());
  ASSERT_FALSE(batch.HasParseError());
  ASSERT_EQ(batch.Size(), 1u);
  EXPECT_FALSE(batch[0].HasMember("time"));
  EXPECT_STREQ(batch[0]["subject"].GetString(), "lamp");
  EXPECT_STREQ(batch[0]["data"]["clientId"].GetString(), "lamp");
}

TEST(CloudEventsTest, EscapesWhatJsonAndUrisMust) {
  CloudEvents events("a b/c", 7);
  feed::Change change;
  change.sequence = 3;
  change.kind = feed::ChangeKind::kOnline;
  change.client_id = "quote\" and \n";
  change.time_ms = 1'700'000'000'123;
  events.AddChange(change);
  events.AddGap(3, 9, absl::FromUnixSeconds(1'700'000'001));
  rapidjson::Document batch;
  batch.Parse(std::string(events.Finish()).c_str());
  ASSERT_FALSE(batch.HasParseError());
  ASSERT_EQ(batch.Size(), 2u);
  EXPECT_STREQ(batch[0]["specversion"].GetString(), "1.0");
  EXPECT_STREQ(batch[0]["id"].GetString(), "7-3");
  EXPECT_STREQ(batch[0]["source"].GetString(), "/mosquitto_session_status/a%20b%2Fc");
  EXPECT_STREQ(batch[0]["subject"].GetString(), "quote\" and \n");
  EXPECT_STREQ(batch[0]["time"].GetString(), "2023-11-14T22:13:20.123+00:00");
  EXPECT_STREQ(batch[0]["datacontenttype"].GetString(), "application/json");
  EXPECT_STREQ(batch[1]["id"].GetString(), "7-9-gap");
  EXPECT_FALSE(batch[1].HasMember("subject"));
  events.Clear();
  EXPECT_EQ(events.Finish(), "[]");
}

}  // namespace
}  // namespace session_status::webhook
