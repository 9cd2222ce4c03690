// Memory that runs out in the webhook's thread.
#include <gtest/gtest.h>
#include <pthread.h>
#include <rapidjson/document.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/webhook/http_post.h"
#include "plugin/webhook/webhook.h"
#include "tests/feed/feed_fixture.h"
#include "tests/plugin/failing_memory.h"
#include "tests/testing/wait.h"
#include "tests/webhook/receiver.h"

namespace session_status::webhook {
namespace {

using testing::FailingMemory;
using testing::Receiver;
using testing::WaitUntil;

uint64_t Number(const rapidjson::Value& data, const char* name) {
  uint64_t value = 0;
  if (data.HasMember(name)) {
    EXPECT_TRUE(absl::SimpleAtoi(data[name].GetString(), &value));
  }
  return value;
}

// Sequences that were delivered or told missing.
std::set<uint64_t> Told(const Receiver& receiver) {
  std::set<uint64_t> told;
  for (const Receiver::Post& post : receiver.posts()) {
    rapidjson::Document batch;
    batch.Parse(post.body.c_str());
    EXPECT_FALSE(batch.HasParseError()) << post.body;
    if (batch.HasParseError()) continue;
    for (const auto& event : batch.GetArray()) {
      const auto& data = event["data"];
      const bool gap = data.HasMember("restartSequence");
      const uint64_t last = Number(data, gap ? "restartSequence" : "sequence");
      for (uint64_t s = gap ? Number(data, "missedAfter") + 1 : last; s <= last; ++s)
        told.insert(s);
    }
  }
  return told;
}

class WebhookMemoryTest : public feed::FeedTest {};

TEST_F(WebhookMemoryTest, EveryChangeIsDeliveredOrToldMissing) {
  Receiver receiver;
  WebhookOptions options;
  options.url = receiver.url();
  options.retry_max = absl::Seconds(1);
  Webhook webhook(
      feed_, options, Webhook::Identity{"mosquitto", "1.2.3"}, [](absl::string_view) {}, absl::Now);
  ASSERT_TRUE(webhook.Start(0).ok());
  ASSERT_TRUE(WaitUntil([&] { return webhook.stats().delivered_batches == 1; }));
  for (uint64_t nth = 1; nth <= 12; ++nth) {
    SCOPED_TRACE(nth);
    const FailingMemory failing(nth, 2, "status-webhook");
    for (int i = 0; i < 50; ++i) {
      Connect(absl::StrCat("client ", i, " of more letters than fit into the object"));
    }
    ASSERT_TRUE(WaitUntil([&] { return FailingMemory::failed() >= 2; }));
    FailingMemory::End();
    ASSERT_TRUE(WaitUntil([&] { return webhook.stats().behind_changes == 0; }));
  }
  webhook.Stop();
  const std::set<uint64_t> told = Told(receiver);
  for (uint64_t s = 1; s <= feed_.ring().newest_sequence(); ++s) EXPECT_EQ(told.count(s), 1u) << s;
}

TEST(HttpPostMemoryTest, NothingIsSentWithoutOneOfItsHeaders) {
  Receiver receiver;
  pthread_setname_np(pthread_self(), "post");  // the receiver keeps its memory
  const absl::StatusOr<Libcurl> curl = Libcurl::Load();
  ASSERT_TRUE(curl.ok()) << curl.status();
  const os::StopSignal stop;
  HttpPost post(*curl, {receiver.url(), "", absl::Seconds(5)}, stop);
  const std::vector<std::string> headers = {"Webhook-Id: 7", "Webhook-Signature: v1,signed"};
  ASSERT_EQ(post.Post(headers, "warm").status, 200);
  HttpPost::Outcome outcome;
  int refused = 0;
  testing::FailEachAllocation(
      1, [&] { outcome = post.Post(headers, "body"); },
      [&](bool) { refused += outcome.status == 0 && !outcome.error.empty(); });
  EXPECT_EQ(outcome.status, 200) << "the last had all its memory";
  EXPECT_GT(refused, 5);
  for (const Receiver::Post& sent : receiver.posts()) {
    EXPECT_EQ(sent.headers.count("webhook-id"), 1u);
    EXPECT_EQ(sent.headers.count("webhook-signature"), 1u);
  }
}

}  // namespace
}  // namespace session_status::webhook
