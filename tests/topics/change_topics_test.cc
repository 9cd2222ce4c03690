#include "plugin/topics/change_topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/feed/feed_fixture.h"

namespace session_status::topics {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class ChangeTopicsTest : public feed::FeedTest {
 protected:
  void Make(TopicOptions options) {
    if (options.prefix.empty()) options.prefix = "s";
    topics_ = std::make_unique<ChangeTopics>(
        feed_, options, [this](const std::string& topic, absl::string_view payload, bool retain) {
          sent_.push_back(absl::StrCat(topic, retain ? " R" : "", payload.empty() ? " -" : ""));
          last_payload_ = std::string(payload);
          return !refuse_;
        });
  }
  // A tick; what it sent.
  std::vector<std::string> Tick() {
    sent_.clear();
    topics_->Tick(now_ += absl::Milliseconds(100));
    return sent_;
  }

  std::unique_ptr<ChangeTopics> topics_;
  absl::Time now_ = feed::kStart;
  std::vector<std::string> sent_;
  std::string last_payload_;
  bool refuse_ = false;
};

TEST_F(ChangeTopicsTest, PublishesEachChangeWithTheFeedsJson) {
  Connect("before");
  Make({});
  Connect("lamp");
  EXPECT_THAT(Tick(), ElementsAre("s/lamp"));
  EXPECT_THAT(last_payload_, HasSubstr(R"("kind":"CHANGE_KIND_ONLINE","clientId":"lamp")"));
  End("lamp");
  Connect("a/b");
  EXPECT_THAT(Tick(), ElementsAre("s/lamp", "s/a%2Fb"));
  EXPECT_THAT(Tick(), ElementsAre());
  EXPECT_EQ(topics_->counters().published.value(), 3u);
}

TEST_F(ChangeTopicsTest, ATickPublishesABoundedBatchAndTheNextGoesOn) {
  TopicOptions options;
  options.per_second_max = 100;
  Make(options);
  for (int i = 0; i < 25; ++i) Connect(absl::StrCat("c", i));
  EXPECT_EQ(Tick().size(), 10u);
  EXPECT_EQ(Tick().size(), 10u);
  EXPECT_THAT(Tick(), ElementsAre("s/c20", "s/c21", "s/c22", "s/c23", "s/c24"));

  options.per_second_max = 100'000;
  Make(options);
  for (int i = 0; i < 10; ++i) Connect(std::string(60'000, static_cast<char>('a' + i)));
  EXPECT_LT(Tick().size(), 10u) << "bytes are bounded too";
  EXPECT_GE(Tick().size(), 1u);
}

TEST_F(ChangeTopicsTest, AFlapperIsHeldAndItsLastStateComesThrough) {
  TopicOptions options;
  options.flap_messages = 2;
  options.flap_interval = absl::Seconds(1);
  Make(options);
  for (int i = 0; i < 10; ++i) {
    Connect("flapper");
    End("flapper");
  }
  Connect("lamp");
  EXPECT_THAT(Tick(), ElementsAre("s/flapper", "s/flapper", "s/lamp"));
  std::vector<std::string> later;
  for (int i = 0; i < 12; ++i) {
    for (const std::string& line : Tick()) later.push_back(line);
  }
  EXPECT_THAT(later, ElementsAre("s/flapper"));
  EXPECT_THAT(last_payload_, HasSubstr("CHANGE_KIND_OFFLINE"));
  EXPECT_EQ(topics_->counters().coalesced.value(), 17u);
}

TEST_F(ChangeTopicsTest, TheRetainedMessageOfAFlapperBecomesItsLastState) {
  TopicOptions options;
  options.retain = true;
  options.flap_messages = 1;
  options.flap_interval = absl::Seconds(1);
  Make(options);
  Connect("flapper");
  End("flapper");
  EXPECT_THAT(Tick(), ElementsAre("s/flapper R"));
  EXPECT_THAT(last_payload_, HasSubstr("CHANGE_KIND_ONLINE"));
  std::vector<std::string> later;
  for (int i = 0; i < 12; ++i) {
    for (const std::string& line : Tick()) later.push_back(line);
  }
  EXPECT_THAT(later, ElementsAre("s/flapper R"));
  EXPECT_THAT(last_payload_, HasSubstr("CHANGE_KIND_OFFLINE"));
}

TEST_F(ChangeTopicsTest, MoreThanCanBePublishedIsToldAsAGap) {
  TopicOptions options;
  options.per_second_max = 10;
  options.retain = true;
  Make(options);
  for (int i = 0; i < 50'000; ++i) Connect(absl::StrCat("client-of-some-length-", i % 100));
  EXPECT_THAT(Tick(), ElementsAre("s/$gap")) << "never retained";
  EXPECT_EQ(last_payload_,
            absl::StrCat(R"({"restartSequence":"50000","feedEpoch":")", feed::kEpoch, "\"}"));
  EXPECT_EQ(topics_->counters().missed.value(), 50'000u);
  Connect("next");
  EXPECT_THAT(Tick(), ElementsAre("s/next R"));
}

TEST_F(ChangeTopicsTest, WhatIsForgottenLosesItsRetainedMessageUnlessItIsBack) {
  TopicOptions options;
  options.retain = true;
  Make(options);
  Connect("lamp");
  Tick();
  topics_->Forget("door");
  topics_->Forget("lamp");
  EXPECT_THAT(Tick(), ElementsAre("s/door R -"));
  options.retain = false;
  Make(options);
  topics_->Forget("door");
  EXPECT_THAT(Tick(), ElementsAre()) << "nothing is retained";
}

TEST_F(ChangeTopicsTest, WhatComesAfterItsClientIsForgottenIsNotRetained) {
  TopicOptions options;
  options.retain = true;
  options.flap_messages = 1;
  options.flap_interval = absl::Seconds(1);
  Make(options);
  Connect("flapper");
  EXPECT_THAT(Tick(), ElementsAre("s/flapper R"));
  End("flapper");
  EXPECT_THAT(Tick(), ElementsAre()) << "its end is held";
  Connect("lamp");
  End("lamp");  // both changes wait in the ring
  registry_.Maintain(
      now_ + absl::Hours(24 * 365), 1'000,
      [this](absl::string_view id, const registry::SessionDetails&) { topics_->Forget(id); });
  EXPECT_THAT(Tick(), UnorderedElementsAre("s/flapper R -", "s/lamp R -", "s/lamp"));
  std::vector<std::string> later;
  for (int i = 0; i < 12; ++i) {
    for (const std::string& line : Tick()) later.push_back(line);
  }
  EXPECT_THAT(later, UnorderedElementsAre("s/flapper", "s/lamp"));
}

TEST_F(ChangeTopicsTest, WhatCannotBePublishedIsCounted) {
  Make({});
  Connect(std::string(30'000, '/'));
  EXPECT_THAT(Tick(), ElementsAre());
  EXPECT_EQ(topics_->counters().skipped.value(), 1u);
  refuse_ = true;
  Connect("lamp");
  Tick();
  EXPECT_EQ(topics_->counters().skipped.value(), 2u);
  EXPECT_EQ(topics_->counters().published.value(), 0u);
}

TEST_F(ChangeTopicsTest, WithoutAPrefixNothingHappens) {
  TopicOptions options;
  options.prefix = "s";
  Make(options);
  ChangeTopics off(feed_, {}, [](const std::string&, absl::string_view, bool) {
    ADD_FAILURE();
    return true;
  });
  Connect("lamp");
  off.Forget("lamp");
  off.Tick(now_);
}

}  // namespace
}  // namespace session_status::topics
