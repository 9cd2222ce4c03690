#include "plugin/feed/subscription.h"

#include <gmock/gmock.h>

#include "tests/feed/feed_fixture.h"

namespace session_status::feed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using SubscriptionTest = FeedTest;

TEST_F(SubscriptionTest, StartsNowAndFollowsEveryChange) {
  Connect("before");
  Subscription s(feed_, {});
  EXPECT_THAT(Drain(&s), ElementsAre("started 1"));
  Connect("a");
  End("a", /*kept=*/true);
  End("before");
  EXPECT_THAT(Drain(&s), ElementsAre("online a #2", "kept a #3", "offline before #4"));
  EXPECT_THAT(Drain(&s), IsEmpty());
  EXPECT_EQ(s.sequence(), 4u);
}

TEST_F(SubscriptionTest, GoesOnAfterAGivenSequence) {
  for (const char* id : {"a", "b", "c"}) Connect(id);
  Subscription s(feed_, {.has_after = true, .after_sequence = 1, .epoch = kEpoch});
  EXPECT_THAT(Drain(&s), ElementsAre("started 1", "online b #2", "online c #3"));
}

// Sessions that were restored at the start, for example.
TEST_F(SubscriptionTest, WhatTheRegistryTookBeforeTheFeedBeganIsNoChange) {
  for (const char* id : {"a", "b", "c"}) Connect(id);
  ChangeFeed later(registry_, poller_, {.buffer_bytes = 1}, kEpoch);
  Subscription now(later, {});
  EXPECT_THAT(Drain(&now), ElementsAre("started 3"));
  registry::SessionEvent event;
  event.client_id = "d";
  event.incarnation = ++incarnation_;
  event.time = kStart;
  later.OnChange(event, registry_.Apply(event));
  EXPECT_THAT(Drain(&now), ElementsAre("online d #4"));
  Subscription after(later, {.has_after = true, .after_sequence = 3, .epoch = kEpoch});
  EXPECT_THAT(Drain(&after), ElementsAre("started 3", "online d #4"));
  Subscription before(later, {.has_after = true, .after_sequence = 2, .epoch = kEpoch});
  EXPECT_THAT(Drain(&before), ElementsAre("gap 2..4", "started 4"));
  EXPECT_EQ(later.counters().gaps.value(), 1u) << "away too long";
}

TEST_F(SubscriptionTest, AnotherEpochOrAFutureSequenceIsAGap) {
  Connect("a");
  Subscription other(feed_, {.has_after = true, .after_sequence = 1, .epoch = kEpoch - 1});
  EXPECT_THAT(Drain(&other), ElementsAre("gap 1..1", "started 1"));
  Subscription future(feed_, {.has_after = true, .after_sequence = 99});
  EXPECT_THAT(Drain(&future), ElementsAre("gap 99..1", "started 1"));
  // The operator is not told that they read too slowly.
  EXPECT_EQ(feed_.counters().gaps.value(), 0u);
  EXPECT_EQ(other.missed() + future.missed(), 0u);
}

TEST_F(SubscriptionTest, FiltersByPrefixGroupAndKind) {
  Subscription prefix(feed_, {.prefix = "dev"});
  Subscription group(feed_, {.group = "g"});
  Subscription kinds(feed_, {.kinds = uint32_t{1} << static_cast<int>(ChangeKind::kOffline)});
  for (Subscription* s : {&prefix, &group, &kinds}) Drain(s);
  Connect("dev-1");
  Connect("g@@@1");
  Connect("gg@@@1");
  End("dev-1");
  EXPECT_THAT(Drain(&prefix), ElementsAre("online dev-1 #1", "offline dev-1 #4"));
  EXPECT_THAT(Drain(&group), ElementsAre("online g@@@1 #2"));
  EXPECT_THAT(Drain(&kinds), ElementsAre("offline dev-1 #4"));
  EXPECT_EQ(group.sequence(), 4u) << "what is filtered out was passed all the same";
}

TEST_F(SubscriptionTest, AWatchSetBeginsWithItsPresentStates) {
  Connect("a");
  Connect("b");
  End("b", /*kept=*/true);
  Subscription s(feed_, {.client_ids = {"b", "nobody", "a"}});
  EXPECT_THAT(Drain(&s),
              ElementsAre("state b kept", "state nobody unknown", "state a online", "started 3"));
  Connect("c");
  End("a");
  EXPECT_THAT(Drain(&s), ElementsAre("offline a #5"));
}

// The state is read after the position: the changes between the two must not be told again.
TEST_F(SubscriptionTest, AChangeThatAStateContainsIsNotToldAgain) {
  Connect("a");
  Subscription s(feed_, {.client_ids = {"filler", "a"}});
  LineSink sink;
  sink.full_at = 1;
  EXPECT_TRUE(s.Deliver(&sink));
  EXPECT_THAT(sink.Take(), ElementsAre("state filler unknown"));
  End("a");
  Connect("a");
  EXPECT_THAT(Drain(&s), ElementsAre("state a online", "started 1"));
  End("a");
  EXPECT_THAT(Drain(&s), ElementsAre("offline a #4"));
}

TEST_F(SubscriptionTest, ASlowFollowerIsToldWhatItMissedAndGoesOn) {
  Subscription s(feed_, {});
  Drain(&s);
  for (int i = 0; i < 30'000; ++i) Connect(absl::StrCat("client-", i % 100));
  EXPECT_THAT(Drain(&s), ElementsAre("gap 0..30000", "started 30000"));
  EXPECT_EQ(s.missed(), 30'000u);
  EXPECT_EQ(feed_.counters().gaps.value(), 1u);
  Connect("a");
  EXPECT_THAT(Drain(&s), ElementsAre("online a #30001"));
}

TEST_F(SubscriptionTest, AWatchSetIsToldItsStatesAgainAfterAGap) {
  Connect("a");
  Subscription s(feed_, {.client_ids = {"a"}});
  EXPECT_THAT(Drain(&s), ElementsAre("state a online", "started 1"));
  End("a");
  for (int i = 0; i < 30'000; ++i) Connect(absl::StrCat("client-", i % 100));
  EXPECT_THAT(Drain(&s), ElementsAre("gap 1..30002", "state a offline", "started 30002"));
}

// Whoever comes back has the states, and what changed since must not hide behind newer ones.
TEST_F(SubscriptionTest, AWatchSetThatGoesOnIsToldEveryChangeAndNoStates) {
  Connect("a");
  Connect("b");
  Connect("c");
  Subscription first(feed_, {.client_ids = {"a", "b"}});
  EXPECT_THAT(Drain(&first), ElementsAre("state a online", "state b online", "started 3"));
  End("a");
  End("c");
  Connect("a");
  End("b", /*kept=*/true);
  Subscription again(
      feed_, {.client_ids = {"a", "b"}, .has_after = true, .after_sequence = 3, .epoch = kEpoch});
  EXPECT_THAT(Drain(&again), ElementsAre("started 3", "offline a #4", "online a #6", "kept b #7"));
  End("a");
  EXPECT_THAT(Drain(&again), ElementsAre("offline a #8"));
  Subscription up_to_date(feed_, {.client_ids = {"a"}, .has_after = true, .after_sequence = 8});
  EXPECT_THAT(Drain(&up_to_date), ElementsAre("started 8"));
}

TEST_F(SubscriptionTest, AWatchSetThatCannotGoOnIsToldAGapAndItsStates) {
  Connect("a");
  Subscription of_earlier_life(
      feed_, {.client_ids = {"a"}, .has_after = true, .after_sequence = 1, .epoch = kEpoch - 1});
  EXPECT_THAT(Drain(&of_earlier_life), ElementsAre("gap 1..1", "state a online", "started 1"));
  for (int i = 0; i < 30'000; ++i) Connect(absl::StrCat("client-", i % 100));
  Subscription away_too_long(
      feed_, {.client_ids = {"a"}, .has_after = true, .after_sequence = 1, .epoch = kEpoch});
  EXPECT_THAT(Drain(&away_too_long),
              ElementsAre("gap 1..30001", "state a online", "started 30001"));
}

// The audit finds that the broker kept a session that its end had not told of: back from "offline".
TEST_F(SubscriptionTest, AWatchSetIsToldThatASessionWasKeptAfterAll) {
  Connect("a");
  End("a");
  Subscription s(feed_, {.client_ids = {"a"}});
  EXPECT_THAT(Drain(&s), ElementsAre("state a offline", "started 2"));
  Connect("other");
  EXPECT_THAT(Drain(&s), IsEmpty());
  registry::SessionEvent found;
  found.kind = registry::SessionEvent::Kind::kRestored;
  found.client_id = "a";
  found.incarnation = online_["a"];
  found.time = kStart;
  found.state = registry::SessionState::kOfflineSessionKept;
  found.repaired = true;
  Apply(found);
  EXPECT_THAT(Drain(&s), ElementsAre("kept a #4"));
}

TEST_F(SubscriptionTest, LooksAtABoundedNumberOfEntriesPerCall) {
  Subscription s(feed_, {.prefix = "nothing has this prefix"});
  Drain(&s);
  for (int i = 0; i < 8'000; ++i) Connect(absl::StrCat("c", i % 10));
  LineSink sink;
  EXPECT_TRUE(s.Deliver(&sink));
  EXPECT_LT(s.sequence(), 8'000u);
  EXPECT_THAT(Drain(&s), IsEmpty());
  EXPECT_EQ(s.sequence(), 8'000u);
}

TEST(WatchOptionsTest, SaysWhichMemberIsWrong) {
  pb::WatchSessionsRequest request;
  request.add_kinds(static_cast<pb::ChangeKind>(9));
  EXPECT_THAT(std::string(MakeWatchOptions(request).status().message()), HasSubstr("no kind 9"));
  request.clear_kinds();
  request.add_client_ids("");
  EXPECT_THAT(std::string(MakeWatchOptions(request).status().message()), HasSubstr("client_ids"));
  request.clear_client_ids();
  for (int i = 0; i < 10'001; ++i) request.add_client_ids("a");
  EXPECT_THAT(std::string(MakeWatchOptions(request).status().message()), HasSubstr("10001"));
}

}  // namespace
}  // namespace session_status::feed
