#include "plugin/listing/frozen_cuts.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>
#include <vector>

#include "plugin/feed/subscription.h"
#include "tests/listing/listing_fixture.h"

namespace session_status::listing {
namespace {

using registry::SessionState;
using ::testing::HasSubstr;

class FrozenCutsTest : public ::testing::Test {
 protected:
  std::shared_ptr<FrozenCut> Open(Writer& writer) {
    auto cut = writer.cuts.Open(kStart);
    EXPECT_TRUE(cut.ok()) << cut.status();
    return *cut;
  }
  os::Poller poller_{absl::Milliseconds(1)};
};

TEST_F(FrozenCutsTest, ShowsWhatWasThereWhenItWasOpened) {
  Writer writer(poller_);
  writer.Connect("changed");
  writer.Connect("untouched");
  writer.Connect("ended-before");
  writer.End("ended-before");
  const auto cut = Open(writer);
  EXPECT_EQ(cut->sequence(), 4u);
  writer.End("changed", /*kept=*/true);
  writer.Connect("changed");
  writer.Connect("new");
  Mirror seen;
  ASSERT_TRUE(ReadCut(cut.get(), &seen).ok());
  EXPECT_EQ(seen, (Mirror{{"changed", {SessionState::kOnline, 1}},
                          {"untouched", {SessionState::kOnline, 2}},
                          {"ended-before", {SessionState::kOffline, 3}}}));
}

TEST_F(FrozenCutsTest, StillShowsWhoWasForgottenMeanwhile) {
  Writer writer(poller_);
  writer.Connect("a");
  writer.End("a");
  const auto cut = Open(writer);
  EXPECT_EQ(writer.Maintain(kStart + absl::Hours(48), 10), 1u);
  EXPECT_EQ(writer.registry.Find("a").state, SessionState::kUnknown);
  Mirror seen;
  ASSERT_TRUE(ReadCut(cut.get(), &seen).ok());
  EXPECT_EQ(seen, (Mirror{{"a", {SessionState::kOffline, 1}}}));
}

TEST_F(FrozenCutsTest, NotesKeepEveryDetail) {
  Writer writer(poller_);
  writer.Connect("a", "2001:db8::1");
  registry::SessionDetails before;
  ASSERT_TRUE(writer.registry.FindDetails("a", &before));
  const auto cut = Open(writer);
  writer.End("a");
  uint64_t next = 0;
  int visits = 0;
  do {
    ASSERT_TRUE(cut->Read(
                       next, next,
                       [&](uint64_t, absl::string_view, const registry::SessionDetails& d) {
                         ++visits;
                         EXPECT_EQ(d.connected_at, before.connected_at);
                         EXPECT_EQ(d.disconnected_at, before.disconnected_at);
                         EXPECT_EQ(d.session_created_at, before.session_created_at);
                         EXPECT_EQ(d.address, before.address);
                         EXPECT_EQ(d.username, before.username);
                         EXPECT_EQ(d.keepalive_s, before.keepalive_s);
                         EXPECT_EQ(d.listener_port, before.listener_port);
                         EXPECT_EQ(d.protocol_version, before.protocol_version);
                         EXPECT_EQ(d.transport, before.transport);
                         EXPECT_EQ(d.connects, before.connects);
                         EXPECT_EQ(d.status.reason, before.status.reason);
                       },
                       &next)
                    .ok());
  } while (next != 0);
  EXPECT_EQ(visits, 1);
}

TEST_F(FrozenCutsTest, TooManyAtATimeAreRefusedUntilOneEnds) {
  Writer writer(poller_, {.cuts_max = 2});
  auto first = Open(writer);
  const auto second = Open(writer);
  EXPECT_TRUE(absl::IsResourceExhausted(writer.cuts.Open(kStart).status()));
  first.reset();
  EXPECT_TRUE(writer.cuts.Open(kStart).ok());
}

TEST_F(FrozenCutsTest, AnIdleCutIsGivenUp) {
  Writer writer(poller_, {.idle_max = absl::Seconds(60)});
  writer.Connect("a");
  const auto cut = Open(writer);
  poller_.PollOnce(absl::Seconds(100));
  poller_.PollOnce(absl::Seconds(160));
  EXPECT_TRUE(cut->open());
  poller_.PollOnce(absl::Seconds(161));
  EXPECT_FALSE(cut->open());
  Mirror seen;
  const absl::Status status = ReadCut(cut.get(), &seen);
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("not read for 1m"));
  EXPECT_EQ(writer.cuts.open(), 0) << "the writer takes no more notes";
}

TEST_F(FrozenCutsTest, ACutIsIdleSinceItWasLastRead) {
  Writer writer(poller_);
  const auto cut = Open(writer);
  poller_.PollOnce(absl::Seconds(100));
  EXPECT_EQ(cut->idle(), absl::ZeroDuration());
  poller_.PollOnce(absl::Seconds(103));
  EXPECT_EQ(cut->idle(), absl::Seconds(3));
  Mirror seen;
  ASSERT_TRUE(ReadCut(cut.get(), &seen).ok());
  EXPECT_EQ(cut->idle(), absl::ZeroDuration());
  poller_.PollOnce(absl::Seconds(104));
  EXPECT_EQ(cut->idle(), absl::ZeroDuration());
}

TEST_F(FrozenCutsTest, ACutWithTooManyChangesIsGivenUpInsteadOfGrowing) {
  Writer writer(poller_, {.notes_bytes_max = 100'000});
  for (int i = 0; i < 2'000; ++i) writer.Connect(absl::StrCat("c", i));
  const auto cut = Open(writer);
  for (int i = 0; i < 2'000; ++i) writer.End(absl::StrCat("c", i));
  poller_.PollOnce(absl::Seconds(1));
  Mirror seen;
  EXPECT_THAT(std::string(ReadCut(cut.get(), &seen).message()), HasSubstr("too much changed"));
}

TEST_F(FrozenCutsTest, AnOverrunOfTheNotesIsNoticed) {
  Writer writer(poller_, {.ring_bytes = 1, .notes_bytes_max = size_t{1} << 30});
  for (int i = 0; i < 20'000; ++i) writer.Connect(absl::StrCat("client-", i));
  const auto cut = Open(writer);
  for (int i = 0; i < 20'000; ++i) writer.End(absl::StrCat("client-", i));
  Mirror seen;
  EXPECT_TRUE(absl::IsAborted(ReadCut(cut.get(), &seen)));
}

// Any number of cuts beside a writer at full speed: each shows exactly what the events up to its
// sequence make, no session twice, none missing.
TEST_F(FrozenCutsTest, EveryCutEqualsTheEventsUpToItsSequence) {
  // Generous limits: the writer here is far faster than any broker.
  Writer writer(poller_, {.ring_bytes = size_t{64} << 20, .notes_bytes_max = size_t{1} << 30});
  constexpr uint64_t kIds = 5'000;
  constexpr uint64_t kSeed = 7;
  std::atomic<bool> stop{false};
  std::thread broker([&] {
    std::mt19937_64 rng(kSeed);
    uint64_t incarnation = 0;
    Mirror model;
    std::string id;
    while (!stop.load()) {
      writer.Apply(RandomEvent(&rng, kIds, &incarnation, &model, &id));
      if (rng() % 64 == 0) std::this_thread::yield();
    }
  });
  std::vector<std::pair<uint64_t, Mirror>> cuts;
  for (int i = 0; i < 30; ++i) {
    const auto cut = Open(writer);
    Mirror seen;
    const absl::Status status = ReadCut(cut.get(), &seen);
    ASSERT_TRUE(status.ok()) << status;
    cuts.emplace_back(cut->sequence(), std::move(seen));
  }
  stop.store(true);
  broker.join();
  // Replays the same events up to each cut.
  std::mt19937_64 rng(kSeed);
  uint64_t incarnation = 0;
  uint64_t sequence = 0;
  Mirror model;
  std::string id;
  for (const auto& [at, seen] : cuts) {
    for (; sequence < at; ++sequence) {
      RandomEvent(&rng, kIds, &incarnation, &model, &id);
      rng();  // the draw that the writer made too
    }
    Mirror want;
    for (const auto& [name, known] : model) {
      if (known.state != SessionState::kUnknown) want.emplace(name, known);
    }
    ASSERT_EQ(seen.size(), want.size()) << "at " << at;
    ASSERT_TRUE(seen == want) << "at " << at;
  }
}

// The same with sessions being forgotten. That has no sequence, so offline ones may be there or
// not.
TEST_F(FrozenCutsTest, ForgettingBesideACutLosesNobodyWhoIsNotGone) {
  Writer writer(poller_, {.ring_bytes = size_t{64} << 20, .notes_bytes_max = size_t{1} << 30},
                {.ended_max = 200});
  for (int i = 0; i < 2'000; ++i) writer.Connect(absl::StrCat("stays-", i));
  std::atomic<bool> stop{false};
  std::thread broker([&] {
    std::mt19937_64 rng(1);
    for (uint64_t i = 0; !stop.load(); ++i) {
      const std::string id = absl::StrCat("passes-", rng() % 3'000);
      writer.Connect(id);
      writer.End(id);
      if (i % 32 == 0) writer.Maintain(kStart, 64);
    }
  });
  for (int round = 0; round < 30; ++round) {
    const auto cut = Open(writer);
    Mirror seen;
    const absl::Status status = ReadCut(cut.get(), &seen);
    ASSERT_TRUE(status.ok()) << status;
    for (int i = 0; i < 2'000; ++i) ASSERT_EQ(seen.count(absl::StrCat("stays-", i)), 1u);
  }
  stop.store(true);
  broker.join();
}

// A follower that is killed at random loads a cut, follows from its sequence, and always ends up
// with what the registry holds.
TEST_F(FrozenCutsTest, AKilledFollowerRebuildsItsMirrorFromACutAndTheFeed) {
  Writer writer(poller_, {.ring_bytes = size_t{64} << 20, .notes_bytes_max = size_t{1} << 30}, {},
                size_t{32} << 20);
  class Follower : public feed::Subscription::Sink {
   public:
    explicit Follower(Mirror* mirror) : mirror_(mirror) {}
    void OnStarted(uint64_t) override {}
    void OnState(const feed::Change&) override {}
    void OnChange(const feed::Change& c) override {
      (*mirror_)[std::string(c.client_id)] = {c.after, c.incarnation};
    }
    void OnGap(uint64_t, uint64_t) override { gap = true; }
    bool Full() const override { return gap; }
    bool gap = false;

   private:
    Mirror* const mirror_;
  };
  Mirror model;
  std::atomic<bool> stop{false};
  std::thread broker([&] {
    std::mt19937_64 rng(3);
    uint64_t incarnation = 0;
    std::string id;
    while (!stop.load()) {
      writer.Apply(RandomEvent(&rng, 500, &incarnation, &model, &id));
      if (rng() % 16 == 0) std::this_thread::yield();
    }
  });
  std::mt19937 rng(4);
  constexpr int kKills = 300;
  Mirror mirror;
  for (int kill = 0; kill <= kKills; ++kill) {
    mirror.clear();
    const auto cut = Open(writer);
    ASSERT_TRUE(ReadCut(cut.get(), &mirror).ok());
    feed::Subscription follow(
        writer.feed, {.has_after = true, .after_sequence = cut->sequence(), .epoch = kEpoch});
    Follower follower(&mirror);
    // Killed after a few deliveries; the last one goes on to the very end.
    if (kill == kKills) {
      stop.store(true);
      broker.join();
    }
    for (auto i = rng() % 5; kill == kKills || i > 0; --i) {
      if (!follow.Deliver(&follower) && kill == kKills) break;
    }
    if (follower.gap) {  // it was too slow, and knows it: starts over, as one that was killed
      ASSERT_LT(kill, kKills);
      continue;
    }
  }
  for (auto it = model.begin(); it != model.end();) {
    it = it->second.state == SessionState::kUnknown ? model.erase(it) : std::next(it);
  }
  EXPECT_TRUE(mirror == model);
}

}  // namespace
}  // namespace session_status::listing
