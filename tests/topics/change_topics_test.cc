#include "plugin/topics/change_topics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "plugin/feed/change_json.h"
#include "tests/feed/feed_fixture.h"

namespace session_status::topics {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;
namespace pb = feed::pb;

class ChangeTopicsTest : public feed::FeedTest {
 protected:
  void Make(TopicOptions options) {
    if (options.prefix.empty()) options.prefix = "s";
    topics_ = std::make_unique<ChangeTopics>(
        registry_, feed_, options,
        [this](const std::string& topic, absl::string_view payload, bool retain) {
          sent_.push_back(absl::StrCat(topic, retain ? " R" : "", payload.empty() ? " -" : ""));
          last_payload_ = std::string(payload);
          if (hear_) hear_(topic, last_payload_, retain);
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
  std::function<void(const std::string& topic, const std::string& payload, bool retain)> hear_;
};

// What the broker would keep, and whether anybody was told an older state after a newer one.
class Retained {
 public:
  void Hear(const std::string& topic, const std::string& payload, bool retain) {
    if (topic == "s/$gap") return;
    rapidjson::Document message;
    message.Parse(payload.c_str());
    if (!payload.empty()) {
      uint64_t incarnation = 0;
      EXPECT_TRUE(absl::SimpleAtoi(message["incarnation"].GetString(), &incarnation));
      pb::SessionState state = pb::SESSION_STATE_UNKNOWN;
      EXPECT_TRUE(pb::SessionState_Parse(message["state"].GetString(), &state));
      const uint64_t order = feed::OrderOf(incarnation, static_cast<registry::SessionState>(state));
      EXPECT_GE(order, orders_[topic]) << topic << ": an older state after a newer one";
      orders_[topic] = order;
    }
    if (!retain) return;
    if (payload.empty()) {
      states_.erase(topic);
    } else {
      states_[topic] = message["state"].GetString();
    }
  }
  // SESSION_STATE_…, "" for no message.
  std::string StateAt(const std::string& topic) const {
    const auto found = states_.find(topic);
    return found == states_.end() ? "" : found->second;
  }
  size_t size() const { return states_.size(); }

 private:
  std::map<std::string, uint64_t> orders_;
  std::map<std::string, std::string> states_;
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
  Tick();  // the start's round
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
  std::string gap;
  hear_ = [&](const std::string& topic, const std::string& payload, bool) {
    if (topic == "s/$gap") gap = payload;
  };
  for (int i = 0; i < 50'000; ++i) Connect(absl::StrCat("client-of-some-length-", i % 100));
  EXPECT_EQ(Tick()[0], "s/$gap") << "never retained";
  EXPECT_EQ(gap, absl::StrCat(R"({"restartSequence":"50000","feedEpoch":")", feed::kEpoch, "\"}"));
  EXPECT_EQ(topics_->counters().missed.value(), 50'000u);
}

TEST_F(ChangeTopicsTest, AfterAGapEveryRetainedMessageBecomesTrueAgain) {
  TopicOptions options;
  options.per_second_max = 100;
  options.retain = true;
  Make(options);
  Retained retained;
  hear_ = [&](const auto&... heard) { retained.Hear(heard...); };
  for (int i = 0; i < 100; ++i) Connect(absl::StrCat("c", i));
  while (!Tick().empty()) {
  }
  EXPECT_EQ(retained.size(), 100u);
  for (int i = 0; i < 100; i += 2) End(absl::StrCat("c", i));
  for (int i = 0; i < 500; ++i) Connect(std::string(10'000, 'x'));
  EXPECT_EQ(Tick()[0], "s/$gap");
  EXPECT_EQ(sent_.size(), 10u) << "the budget is what it was";
  Connect("new");
  EXPECT_EQ(Tick()[0], "s/new R") << "changes come first";
  size_t sent = 0;
  while (!Tick().empty()) {
    EXPECT_LE(sent_.size(), 10u);
    sent += sent_.size();
  }
  EXPECT_LT(sent, 110u) << "nobody is published twice";
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(retained.StateAt(absl::StrCat("s/c", i)),
              i % 2 == 0 ? "SESSION_STATE_OFFLINE" : "SESSION_STATE_ONLINE");
  }
  EXPECT_EQ(retained.size(), 102u);
}

TEST_F(ChangeTopicsTest, ChangesThatHappenWhileStatesArePublishedComeBeforeTheNextState) {
  TopicOptions options;
  options.retain = true;
  options.flap_messages = 1'000;
  Make(options);
  Retained retained;
  bool once = false;
  hear_ = [&](const std::string& topic, const std::string& payload, bool retain) {
    retained.Hear(topic, payload, retain);
    if (topic == "s/$gap" || std::exchange(once, true)) return;
    for (int i = 0; i < 20; ++i) {
      End(absl::StrCat("c", i));
      Connect(absl::StrCat("c", i));
      End(absl::StrCat("c", i));
    }
  };
  for (int i = 0; i < 20; ++i) Connect(absl::StrCat("c", i));
  for (int i = 0; i < 500; ++i) Connect(std::string(10'000, 'x'));
  EXPECT_EQ(Tick()[0], "s/$gap");
  for (int i = 0; i < 3; ++i) Tick();
  EXPECT_TRUE(once);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(retained.StateAt(absl::StrCat("s/c", i)), "SESSION_STATE_OFFLINE");
  }
}

TEST_F(ChangeTopicsTest, WithoutRetainAGapIsFollowedByChangesAlone) {
  Make({});
  Connect("lamp");
  for (int i = 0; i < 500; ++i) Connect(std::string(10'000, 'x'));
  EXPECT_THAT(Tick(), ElementsAre("s/$gap"));
  EXPECT_THAT(Tick(), ElementsAre());
}

TEST_F(ChangeTopicsTest, WhoIsForgottenWithinAGapLeavesNoRetainedMessage) {
  TopicOptions options;
  options.retain = true;
  Make(options);
  Retained retained;
  hear_ = [&](const auto&... heard) { retained.Hear(heard...); };
  Connect("lamp");
  Tick();
  EXPECT_EQ(retained.StateAt("s/lamp"), "SESSION_STATE_ONLINE");
  End("lamp");
  for (int i = 0; i < 500; ++i) Connect(std::string(10'000, 'x'));
  registry_.Maintain(
      now_ + absl::Hours(24 * 365), 1'000,
      [this](absl::string_view id, const registry::SessionDetails&) { topics_->Forget(id); });
  while (!Tick().empty()) {
  }
  EXPECT_EQ(topics_->counters().missed.value(), 501u);
  EXPECT_EQ(retained.StateAt("s/lamp"), "");
  EXPECT_EQ(retained.size(), 1u);
}

TEST_F(ChangeTopicsTest, WhatIsHeldOfAFlapperIsReplacedByItsStateAfterAGap) {
  TopicOptions options;
  options.retain = true;
  options.flap_messages = 1;
  options.flap_interval = absl::Seconds(1);
  Make(options);
  Retained retained;
  hear_ = [&](const auto&... heard) { retained.Hear(heard...); };
  Connect("flapper");
  End("flapper");
  Tick();  // its end is held
  Connect("flapper");
  for (int i = 0; i < 500; ++i) Connect(std::string(10'000, 'x'));
  for (int i = 0; i < 25; ++i) Tick();
  EXPECT_EQ(retained.StateAt("s/flapper"), "SESSION_STATE_ONLINE");
}

// Gaps again and again, while the round after the one before is under way.
TEST_F(ChangeTopicsTest, WhateverTheGapsNobodyIsToldAnOlderStateAfterANewerAndTheLastIsRetained) {
  for (const int flap_messages : {1, 1'000}) {
    for (uint64_t seed = 1; seed <= 5; ++seed) {
      SCOPED_TRACE(absl::StrCat("flap_messages=", flap_messages, " seed=", seed));
      std::mt19937_64 rng(seed);
      TopicOptions options;
      options.retain = true;
      options.per_second_max = 300;
      options.flap_messages = flap_messages;
      options.flap_interval = absl::Milliseconds(500);
      Make(options);
      Retained retained;
      hear_ = [&](const auto&... heard) { retained.Hear(heard...); };
      const auto id = [&](size_t i) { return absl::StrCat(i, std::string(2'000, 'x')); };
      constexpr size_t kIds = 300;
      for (size_t i = 0; i < kIds; ++i) Connect(id(i));
      for (int round = 0; round < 40; ++round) {
        const size_t changes = rng() % 4 == 0 ? 1'500 : rng() % 40;
        for (size_t i = 0; i < changes; ++i) {
          const std::string client = id(rng() % kIds);
          if (rng() % 2 == 0) {
            Connect(client);
          } else {
            End(client, /*kept=*/rng() % 2 == 0);
          }
        }
        Tick();
      }
      const uint64_t gaps = topics_->counters().missed.value();
      EXPECT_GT(gaps, 0u);
      for (int i = 0; i < 100; ++i) Tick();
      EXPECT_THAT(Tick(), ElementsAre()) << "a round ends";
      for (size_t i = 0; i < kIds; ++i) {
        EXPECT_EQ(
            retained.StateAt(absl::StrCat("s/", id(i))),
            pb::SessionState_Name(static_cast<pb::SessionState>(registry_.Find(id(i)).state)));
      }
    }
  }
}

// What the session database restored is no change of the feed, and the broker may have kept a
// retained message of the life before.
TEST_F(ChangeTopicsTest, WhatIsKnownAtTheStartIsPublishedRetainedOnce) {
  registry::SessionEvent restored;
  restored.kind = registry::SessionEvent::Kind::kRestored;
  restored.state = registry::SessionState::kOffline;
  restored.reason = registry::EndReason::kBrokerRestart;
  restored.time = feed::kStart;
  for (const char* id : {"lamp", "door"}) {
    restored.client_id = id;
    restored.incarnation = ++incarnation_;
    ASSERT_EQ(registry_.Apply(restored).outcome, registry::ApplyResult::Outcome::kApplied);
  }
  TopicOptions options;
  Make(options);
  EXPECT_THAT(Tick(), ElementsAre()) << "without retain nobody keeps what is old";
  options.retain = true;
  Make(options);
  Retained retained;
  hear_ = [&](const auto&... heard) { retained.Hear(heard...); };
  EXPECT_THAT(Tick(), UnorderedElementsAre("s/lamp R", "s/door R"));
  EXPECT_EQ(retained.StateAt("s/lamp"), "SESSION_STATE_OFFLINE");
  EXPECT_EQ(retained.StateAt("s/door"), "SESSION_STATE_OFFLINE");
  EXPECT_THAT(Tick(), ElementsAre());
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
  Tick();  // the start's round
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
  ChangeTopics off(registry_, feed_, {}, [](const std::string&, absl::string_view, bool) {
    ADD_FAILURE();
    return true;
  });
  Connect("lamp");
  off.Forget("lamp");
  off.Tick(now_);
}

}  // namespace
}  // namespace session_status::topics
