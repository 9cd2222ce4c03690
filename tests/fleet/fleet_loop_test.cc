// The fleet's rounds, made one at a time by the test, against a real engine: orders of things that
// free-running threads meet once in a million rounds.
#include "plugin/fleet/fleet_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "plugin/fleet/node_directory.h"
#include "tests/fleet/redis_process.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

using registry::SessionEvent;

struct NodeOptions {
  size_t kicks_waiting_max = 64;
  fleet::Mode mode = fleet::Mode::kReplica;
  fleet::Takeover takeover = fleet::Takeover::kKick;
  absl::Duration lease = absl::Minutes(5);
  bool engine_is_there = true;
  const char* instance = "shop-a";
  std::vector<const RedisProcess*> more_engines{};  // static sharding; the first is home
};

// One node without threads: the test is its broker, and makes its rounds.
class SteppedNode {
 public:
  SteppedNode(const char* name, const RedisProcess& engine, const NodeOptions& options = {})
      : kicks_(options.kicks_waiting_max),
        loop_(Options(name, engine, options), Clocks(), own_, others_, changes_, kicks_, board_,
              stop_) {
    if (!options.engine_is_there) return;
    EXPECT_TRUE(StepUntil([this] { return board_.GetStatus().ready; })) << Describe();
  }

  void Step() { loop_.Step(); }
  void SetWallClock(absl::Duration by) { wall_clock_set_by_ += by; }
  // From now on its clocks stand still, as a paused machine's do; they go on where they stood.
  void Pause() { paused_at_ = Clocks().monotonic(); }
  void Resume() {
    behind_ = fleet::SystemClocks().monotonic() - *paused_at_;
    paused_at_.reset();
  }
  // It was suspended for so long: its clocks, and the engine's, went on.
  void Suspend(absl::Duration length) { behind_ -= length; }
  // The same in the midst of the next round.
  void SuspendInARound(absl::Duration length) {
    suspended_in_a_round_ = length;
    clock_reads_left_ = 1;
  }
  template <typename Condition>
  bool StepUntil(Condition&& condition) {
    return WaitUntil([&] {
      loop_.Step();
      return condition();
    });
  }

  // What the registry hears of the connection; `told`: and the fleet.
  void Connect(const std::string& id, bool told = true, absl::Duration ago = {}) {
    SessionEvent event;
    event.client_id = id;
    event.incarnation = ++incarnation_;
    event.time = Clocks().wall() - ago;
    Apply(event, told, ago);
  }
  void Disconnect(const std::string& id) {
    registry::SessionDetails details;
    ASSERT_TRUE(own_.FindDetails(id, &details));
    SessionEvent event;
    event.kind = SessionEvent::Kind::kEnded;
    event.client_id = id;
    event.incarnation = details.incarnation;
    event.reason = registry::EndReason::kClientDisconnect;
    event.time = Clocks().wall();
    Apply(event, true);
  }
  // As when the queue was full.
  void DropAChange() { changes_.Lose(); }

  // Everything that was told is in the engine.
  bool HasWritten() const {
    const registry::FleetStatus s = board_.GetStatus();
    return s.events_written > 0 && s.queued == 0;
  }
  bool Sees(const std::string& id) const {
    return others_.Find(board_.GetDirections()->hasher.Hash(id).view()).online();
  }
  // The number of the other node that holds the client as far as this one knows; 0: none.
  uint32_t HolderOf(const std::string& id) const {
    registry::SessionDetails details;
    if (!others_.FindDetails(HashOf(id), &details) || !details.status.online()) return 0;
    return details.listener_port;
  }
  bool HasDirections() const { return board_.GetDirections() != nullptr; }
  uint32_t number() const { return board_.GetDirections()->me; }
  std::string HashOf(const std::string& id) const {
    return std::string(board_.GetDirections()->hasher.Hash(id).view());
  }
  // Takes one kick from the ring, as the broker's tick does; empty: there is none.
  std::string TakeKick() {
    std::string id;
    kicks_.Drain(1, [&id](fleet::Kick&& kick) { id = std::move(kick.client_id); });
    return id;
  }
  registry::FleetStatus Status() const { return board_.GetStatus(); }
  absl::Duration AsOf() const { return board_.GetAsOf(); }
  // Of what is known about the others, so much later.
  size_t Forget(absl::Duration later) {
    return others_.Maintain(fleet::Board::DateOfEnd(Clocks().monotonic() + later), 1000);
  }
  // Of a client of the others, as it is told.
  absl::Time TimeOfEnd(const std::string& id) const {
    registry::SessionDetails details;
    if (!others_.FindDetails(HashOf(id), &details)) return absl::InfinitePast();
    return board_.TimeOfEnd(details.disconnected_at);
  }
  absl::Time Now() { return Clocks().wall(); }
  // An end that it heard of now would be told as of now.
  bool KnowsHowItsClockIsSet() {
    const absl::Time told = board_.TimeOfEnd(fleet::Board::DateOfEnd(Clocks().monotonic()));
    return absl::AbsDuration(Now() - told) < fleet::PastWallClock::kStep;
  }
  bool HasSeenAlive(const SteppedNode& other) const {
    const std::vector<registry::FleetNode> nodes = Status().nodes;
    return std::any_of(nodes.begin(), nodes.end(), [&](const registry::FleetNode& node) {
      return node.number == other.number() && node.last_alive > absl::InfinitePast();
    });
  }
  std::string Describe() const {
    const registry::FleetStatus s = board_.GetStatus();
    return absl::StrCat(s.node, ": ", s.state, ", ready ", s.ready, ", taken over ", s.taken_over,
                        ", kicks ", s.kicks, ", ", s.last_error);
  }

 private:
  static fleet::FleetOptions Options(const char* name, const RedisProcess& engine,
                                     const NodeOptions& node) {
    fleet::FleetOptions options;
    std::vector<const RedisProcess*> engines = {&engine};
    engines.insert(engines.end(), node.more_engines.begin(), node.more_engines.end());
    for (const RedisProcess* e : engines) {
      options.engines.emplace_back();
      EXPECT_TRUE(fleet::ParseEngineUrl(absl::StrCat("redis://127.0.0.1:", e->port()),
                                        &options.engines.back())
                      .ok());
    }
    options.name = "test";
    options.instance_id = node.instance;
    options.node_id = name;
    options.lease = node.lease;
    options.capacity = 10'000;
    options.mode = node.mode;
    options.takeover = node.takeover;
    return options;
  }
  fleet::Clocks Clocks() {
    fleet::Clocks clocks = fleet::SystemClocks();
    clocks.wall = [this] { return absl::Now() + wall_clock_set_by_; };
    clocks.monotonic = [this, running = clocks.monotonic] {
      if (suspended_in_a_round_ > absl::ZeroDuration() && clock_reads_left_-- == 0) {
        Suspend(std::exchange(suspended_in_a_round_, absl::ZeroDuration()));
      }
      return paused_at_.value_or(running() - behind_);
    };
    return clocks;
  }
  void Apply(const SessionEvent& event, bool told, absl::Duration ago = {}) {
    own_.Apply(event);
    if (!told) return;
    changes_.Push(event.client_id, event.incarnation, Clocks().monotonic() - ago,
                  event.kind == SessionEvent::Kind::kConnected, event.reason);
  }

  absl::Duration wall_clock_set_by_;
  absl::Duration behind_;
  absl::Duration suspended_in_a_round_;
  int clock_reads_left_ = 0;
  std::optional<absl::Duration> paused_at_;
  registry::SessionRegistry own_;
  registry::SessionRegistry others_;
  fleet::ChangeQueue changes_;
  fleet::KickRing kicks_;
  fleet::Board board_;
  os::StopSignal stop_;
  fleet::FleetLoop loop_;
  uint64_t incarnation_ = 0;
};

TEST(FleetLoopTest, AConnectionWhoseBeginningWasDroppedIsTakenOverByOneThatIsOverAlready) {
  RedisProcess engine;
  SteppedNode here("here", engine);
  SteppedNode there("there", engine);
  here.Connect("lamp", /*told=*/false, /*ago=*/absl::Seconds(1));
  there.Connect("lamp");
  // Read here while nothing is known of a connection of ours that it could concern.
  ASSERT_TRUE(WaitUntil([&] {
    there.Step();
    here.Step();
    return here.Sees("lamp");
  })) << here.Describe();
  there.Disconnect("lamp");
  ASSERT_TRUE(WaitUntil([&] {
    there.Step();
    here.Step();
    return !here.Sees("lamp");
  })) << here.Describe();
  here.DropAChange();
  std::string kicked;
  EXPECT_TRUE(here.StepUntil([&] { return !(kicked = here.TakeKick()).empty(); }))
      << here.Describe();
  EXPECT_EQ(kicked, "lamp");
}

TEST(FleetLoopTest, AConnectionWhoseBeginningWasDroppedIsTakenOverByOneThatLives) {
  RedisProcess engine;
  SteppedNode here("here", engine);
  SteppedNode there("there", engine);
  here.Connect("lamp", /*told=*/false, /*ago=*/absl::Seconds(1));
  there.Connect("lamp");
  ASSERT_TRUE(WaitUntil([&] {
    there.Step();
    here.Step();
    return here.Sees("lamp");
  })) << here.Describe();
  here.DropAChange();
  std::string kicked;
  EXPECT_TRUE(here.StepUntil([&] { return !(kicked = here.TakeKick()).empty(); }))
      << here.Describe();
  EXPECT_EQ(kicked, "lamp");
  EXPECT_TRUE(here.Sees("lamp"));
}

// What was written meanwhile is no longer in the stream; only the row says that a connection of
// ours has been taken over, by one that is over.
TEST(FleetLoopTest, ARowThatIsNobodysTellsOfATakeoverThatTheStreamNoLongerHolds) {
  RedisProcess engine;
  SteppedNode here("here", engine);
  SteppedNode there("there", engine);
  here.Connect("lamp");
  ASSERT_TRUE(WaitUntil([&] {
    here.Step();
    there.Step();
    return there.Sees("lamp");
  })) << there.Describe();
  there.Connect("lamp");
  ASSERT_TRUE(there.StepUntil([&] { return !there.Sees("lamp"); })) << there.Describe();
  there.Disconnect("lamp");
  const auto nobodys = [&] {
    for (int shard = 0; shard < 16; ++shard) {
      const std::string keys = engine.Command(absl::StrCat("KEYS ms:{test.s", shard, "}:[0-9]*"));
      if (keys.empty()) continue;
      const std::string row = engine.Command(absl::StrCat("HVALS ", keys));
      return row.size() > 14 && row.substr(8, 2) == std::string(2, '\0');
    }
    return false;
  };
  ASSERT_TRUE(there.StepUntil(nobodys)) << there.Describe();
  for (int shard = 0; shard < 16; ++shard) {
    engine.Command(absl::StrCat("XTRIM ms:{test.s", shard, "}:d MAXLEN 0"));
  }
  there.Connect("fan");  // the next entry of its shard does not follow on what was read here
  for (int i = 0; i < 64; ++i) there.Connect(absl::StrCat("fan-", i));
  std::string kicked;
  EXPECT_TRUE(WaitUntil([&] {
    there.Step();
    here.Step();
    return !(kicked = here.TakeKick()).empty();
  })) << here.Describe();
  EXPECT_EQ(kicked, "lamp");
}

// No rows are kept in direct mode, and the stream no longer holds what `there` wrote: only the
// engine's word about our own connect, sent late, says that it is taken over.
TEST(FleetLoopTest, InDirectModeAConnectThatComesTooLateToTheEngineIsTakenOver) {
  RedisProcess engine;
  SteppedNode here("here", engine, {.mode = fleet::Mode::kDirect});
  SteppedNode there("there", engine);
  here.Connect("lamp", /*told=*/true, /*ago=*/absl::Seconds(1));
  there.Connect("lamp");
  ASSERT_TRUE(there.StepUntil([&] { return there.HasWritten(); })) << there.Describe();
  for (int shard = 0; shard < 16; ++shard) {
    engine.Command(absl::StrCat("XTRIM ms:{test.s", shard, "}:d MAXLEN 0"));
  }
  std::string kicked;
  EXPECT_TRUE(here.StepUntil([&] { return !(kicked = here.TakeKick()).empty(); }))
      << here.Describe();
  EXPECT_EQ(kicked, "lamp");
}

// As above, but the connect was told in time, and `here` was cut off while the client moved.
TEST(FleetLoopTest, InDirectModeWhoMovedAwayInAGapOfTheStreamIsTakenOver) {
  RedisProcess engine;
  SteppedNode here("here", engine, {.mode = fleet::Mode::kDirect});
  SteppedNode there("there", engine);
  here.Connect("lamp");
  ASSERT_TRUE(here.StepUntil([&] { return here.HasWritten(); })) << here.Describe();
  there.Connect("lamp");
  ASSERT_TRUE(there.StepUntil([&] { return there.HasWritten(); })) << there.Describe();
  for (int shard = 0; shard < 16; ++shard) {
    engine.Command(absl::StrCat("XTRIM ms:{test.s", shard, "}:d MAXLEN 0"));
  }
  for (int i = 0; i < 300; ++i) there.Connect(absl::StrCat("other-", i));
  ASSERT_TRUE(there.StepUntil([&] { return there.HasWritten(); })) << there.Describe();
  std::string kicked;
  EXPECT_TRUE(here.StepUntil([&] { return !(kicked = here.TakeKick()).empty(); }))
      << here.Describe();
  EXPECT_EQ(kicked, "lamp");
}

// Two clients of `here` that moved to `there`, and room for one kick.
void TakeTwoOver(SteppedNode& here, SteppedNode& there) {
  const auto both = [](const SteppedNode& node) { return node.Sees("lamp") && node.Sees("fan"); };
  here.Connect("lamp");
  here.Connect("fan");
  ASSERT_TRUE(WaitUntil([&] {
    here.Step();
    there.Step();
    return both(there);
  })) << there.Describe();
  there.Connect("lamp");
  there.Connect("fan");
  ASSERT_TRUE(WaitUntil([&] {
    there.Step();
    here.Step();
    return both(here);
  })) << here.Describe();
}

TEST(FleetLoopTest, KicksThatDoNotFitAreCarriedOutLater) {
  RedisProcess engine;
  SteppedNode here("here", engine, {.kicks_waiting_max = 1});
  SteppedNode there("there", engine);
  TakeTwoOver(here, there);
  engine.Kill();  // it takes no engine to close a connection
  here.Step();    // notices
  std::vector<std::string> kicked = {here.TakeKick()};
  EXPECT_EQ(here.TakeKick(), "");
  here.Step();
  kicked.push_back(here.TakeKick());
  std::sort(kicked.begin(), kicked.end());
  EXPECT_EQ(kicked, (std::vector<std::string>{"fan", "lamp"}));
}

TEST(FleetLoopTest, KicksThatDoNotFitAreStillDueAfterJoiningAnew) {
  RedisProcess engine;
  SteppedNode here("here", engine, {.kicks_waiting_max = 1});
  {
    SteppedNode there("there", engine);
    TakeTwoOver(here, there);
  }
  engine.Command("FLUSHALL");
  SteppedNode first("first", engine);  // makes the fleet's keys anew, with another key for the hash
  ASSERT_NE(here.HashOf("lamp"), first.HashOf("lamp"));
  ASSERT_TRUE(here.StepUntil([&] { return here.HashOf("lamp") == first.HashOf("lamp"); }))
      << here.Describe();
  std::vector<std::string> kicked = {here.TakeKick()};
  here.Step();
  kicked.push_back(here.TakeKick());
  std::sort(kicked.begin(), kicked.end());
  EXPECT_EQ(kicked, (std::vector<std::string>{"fan", "lamp"}));
}

// Its first attempt made the fleet's keys, and went no further.
TEST(FleetLoopTest, ANodeThatIsFirstInAnEmptyEngineIsThatAtTheNextAttemptToo) {
  RedisProcess engine;
  ASSERT_EQ(engine.Command("ACL SETUSER default -fcall"), "OK");
  SteppedNode here("here", engine, {.engine_is_there = false});
  ASSERT_TRUE(here.StepUntil([&] {
    return absl::StartsWith(here.Status().state, "not joined: NOPERM");
  })) << here.Describe();
  ASSERT_EQ(engine.Command("ACL SETUSER default +fcall"), "OK");
  ASSERT_TRUE(here.StepUntil([&] { return here.Status().state == "joined"; })) << here.Describe();
  EXPECT_FALSE(here.Status().ready);
  here.Pause();  // so that the others have all the time that there is, to come there too
  for (int i = 0; i < 20; ++i) here.Step();
  EXPECT_FALSE(here.Status().ready);
  EXPECT_EQ(here.AsOf(), -absl::InfiniteDuration());
  here.Resume();
  EXPECT_TRUE(here.StepUntil([&] { return here.Status().ready; })) << here.Describe();
}

// One of two engines is away, so what is to be removed waits; then the fleet's keys are made anew.
TEST(FleetLoopTest, ANodeThatIsBackInAFleetMadeAnewIsNotRemovedForWhatItWasBefore) {
  RedisProcess home, second;
  SteppedNode here("here", home, {.more_engines = {&second}});
  SteppedNode there("there", home, {.more_engines = {&second}});
  const std::string number = absl::StrCat(there.number());
  ASSERT_TRUE(WaitUntil([&] {
    there.Step();
    here.Step();
    return here.HasSeenAlive(there);
  })) << here.Describe();
  second.Kill();
  home.Command(absl::StrCat("DEL ms:{test}:lease:", number));
  for (int minutes = 0; minutes < 90; ++minutes) {  // less each time than a lease that is missed
    here.Suspend(absl::Minutes(1));
    here.Step();
  }
  ASSERT_EQ(home.Command(absl::StrCat("HEXISTS ms:{test}:nodes ", number)), "1") << "it waits";
  home.Command("FLUSHALL");
  SteppedNode first("first", home, {.engine_is_there = false, .more_engines = {&second}});
  ASSERT_TRUE(first.StepUntil([&] { return first.Status().state == "joined"; }));
  ASSERT_NE(here.HashOf("lamp"), first.HashOf("lamp"));
  ASSERT_TRUE(WaitUntil([&] {
    there.Step();
    here.Step();
    return here.HashOf("lamp") == first.HashOf("lamp") &&
           there.HashOf("lamp") == first.HashOf("lamp");
  })) << here.Describe();
  ASSERT_EQ(absl::StrCat(there.number()), number);
  second.Start();
  EXPECT_TRUE(here.StepUntil([&] { return here.Status().ready; })) << here.Describe();
  EXPECT_EQ(home.Command(absl::StrCat("HEXISTS ms:{test}:nodes ", number)), "1");
}

// All who saw it alive were started anew since.
TEST(FleetLoopTest, ANodeThatNobodyHasSeenAliveIsRemovedAfterAnHour) {
  RedisProcess engine;
  engine.Command("HSET ms:{test}:nodes 4711 gone");
  SteppedNode here("here", engine);
  const auto is_there = [&] { return engine.Command("HEXISTS ms:{test}:nodes 4711"); };
  const auto pass = [&](int minutes) {
    for (int i = 0; i < minutes; ++i) {  // less each time than a lease that is missed
      here.Suspend(absl::Minutes(1));
      here.Step();
      here.Step();
    }
  };
  pass(55);
  EXPECT_EQ(is_there(), "1");
  pass(10);
  EXPECT_EQ(is_there(), "0");
}

TEST(FleetLoopTest, AFleetMadeAnewWithFewerShardsIsSweptInTheseOnly) {
  RedisProcess engine;
  SteppedNode here("here", engine);
  const auto dead_row = [](int shard, int bucket) {
    return absl::StrCat("ms:{test.s", shard, "}:", bucket, " 0123456789abcdef 0123456789abcd");
  };
  constexpr int kBuckets = 6;
  for (int shard = 1; shard < 16; ++shard) {
    for (int bucket = 0; bucket < kBuckets; ++bucket) {
      engine.Command(absl::StrCat("HSET ", dead_row(shard, bucket)));
    }
  }
  const auto rows_left = [&] { return std::stoi(engine.Command("DBSIZE")); };
  const int rows = rows_left();
  ASSERT_TRUE(here.StepUntil([&] {  // it is at the beginning of another shard than the first
    here.Suspend(absl::Milliseconds(100));
    return rows_left() < rows;
  }));
  engine.Command("HSET ms:{test}:meta shards 1");
  engine.Command("CLIENT KILL TYPE normal");
  ASSERT_TRUE(here.StepUntil([&] { return here.Status().shards == 1; })) << here.Describe();
  const int left = rows_left();
  for (int i = 0; i < kBuckets; ++i) {
    here.Suspend(absl::Milliseconds(100));
    here.Step();
  }
  EXPECT_EQ(rows_left(), left);
}

// A command that the engine's access list takes away, and gives back.
class RefusedQuestionTest : public ::testing::TestWithParam<const char*> {
 protected:
  void Allow(bool allowed) {
    ASSERT_EQ(
        engine_.Command(absl::StrCat("ACL SETUSER default ", allowed ? "+" : "-", GetParam())),
        "OK");
  }
  static bool SaysSo(const SteppedNode& node) {
    return absl::StartsWith(node.Status().state, "cannot read what the others write: ");
  }
  RedisProcess engine_;
};
INSTANTIATE_TEST_SUITE_P(Fleet, RefusedQuestionTest,
                         ::testing::Values("xread", "fcall_ro", "hgetall", "mget", "time"));

TEST_P(RefusedQuestionTest, MakesWhatIsKnownOldAndIsSaidAndCounted) {
  SteppedNode here("here", engine_);
  SteppedNode there("there", engine_);
  const auto both_step_until = [&](auto&& condition) {
    return WaitUntil([&] {
      there.Step();
      here.Step();
      return condition();
    });
  };
  ASSERT_TRUE(both_step_until([&] { return here.Status().nodes.size() == 2; }));
  const uint64_t errors = here.Status().engine_errors;
  Allow(false);
  ASSERT_TRUE(both_step_until([&] { return SaysSo(here); })) << here.Describe();
  const absl::Duration as_of = here.AsOf();
  there.Connect("door");
  const absl::Time begun = absl::Now();  // nodes are asked for once a second
  ASSERT_TRUE(both_step_until([&] {
    EXPECT_EQ(here.AsOf(), as_of);
    return absl::Now() - begun > absl::Seconds(2);
  }));
  EXPECT_TRUE(SaysSo(here)) << here.Describe();
  EXPECT_TRUE(absl::EndsWith(here.Status().state, here.Status().last_error)) << here.Describe();
  EXPECT_GT(here.Status().engine_errors, errors);
  Allow(true);
  EXPECT_TRUE(both_step_until([&] {
    return here.Sees("door") && here.AsOf() > as_of && here.Status().state == "joined";
  })) << here.Describe();
}

TEST(FleetLoopTest, ANodeWhoseQuestionsAreRefusedDoesNotBecomeReady) {
  RedisProcess engine;
  for (const char* command : {"xread", "hgetall", "time"}) {
    SCOPED_TRACE(command);
    ASSERT_EQ(engine.Command(absl::StrCat("ACL SETUSER default -", command)), "OK");
    SteppedNode here(command, engine, {.engine_is_there = false});
    ASSERT_TRUE(here.StepUntil([&] {
      const std::string state = here.Status().state;
      return state != "connecting" && state != "joined";
    })) << here.Describe();
    EXPECT_FALSE(here.Status().ready);
    ASSERT_EQ(engine.Command(absl::StrCat("ACL SETUSER default +", command)), "OK");
    EXPECT_TRUE(here.StepUntil([&] { return here.Status().ready; })) << here.Describe();
  }
}

TEST(FleetLoopTest, WhatItMayNotWriteToJoinIsSaidInTheEnginesWords) {
  RedisProcess engine;
  const auto awaits = [&](const char* name, const char* why) {
    SteppedNode here(name, engine, {.engine_is_there = false});
    EXPECT_TRUE(here.StepUntil([&] {
      return absl::StartsWith(here.Status().state, absl::StrCat("not joined: ", why));
    })) << here.Describe();
  };
  ASSERT_EQ(engine.Command("ACL SETUSER default -hsetnx"), "OK");
  awaits("keys", "NOPERM");
  ASSERT_EQ(engine.Command("ACL SETUSER default +hsetnx"), "OK");
  SteppedNode first("first", engine);
  ASSERT_EQ(engine.Command("CONFIG SET maxmemory 1"), "OK");
  awaits("number", "OOM");
}

// Whether the pause was so long that the connection to the engine has gone.
class PausedMachineTest : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Fleet, PausedMachineTest, ::testing::Bool(),
                         [](const auto& test) { return test.param ? "Long" : "Short"; });

TEST_P(PausedMachineTest, AClientThatComesBackToItIsNewerThanItsConnectionElsewhere) {
  RedisProcess engine;
  SteppedNode here("here", engine);
  SteppedNode there("there", engine);
  here.Pause();
  there.Connect("fan");  // takes a while
  ASSERT_TRUE(there.StepUntil([&] { return there.HasWritten(); })) << there.Describe();
  there.Connect("lamp");
  ASSERT_TRUE(there.StepUntil([&] { return there.Status().events_written == 2; }))
      << there.Describe();
  if (GetParam()) engine.Command("CLIENT KILL TYPE normal");
  here.Resume();
  here.Connect("lamp");
  std::string kicked_here, kicked_there;
  ASSERT_TRUE(WaitUntil([&] {
    here.Step();
    there.Step();
    kicked_here += here.TakeKick();
    kicked_there += there.TakeKick();
    return !kicked_here.empty() || !kicked_there.empty();
  })) << here.Describe();
  EXPECT_EQ(kicked_here, "");
  EXPECT_EQ(kicked_there, "lamp");
}

// Whether that was in the midst of a round.
class SuspendedMachinesTest : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Fleet, SuspendedMachinesTest, ::testing::Bool(), [](const auto& test) {
  return test.param ? "InARound" : "BetweenRounds";
});

// The engine's machine among them: leases have run out, and everybody is about to
// renew, some sooner than others.
TEST_P(SuspendedMachinesTest, NobodyIsLost) {
  constexpr absl::Duration kLease = absl::Seconds(2);
  RedisProcess engine;
  SteppedNode here("here", engine, {.lease = kLease});
  SteppedNode there("there", engine, {.lease = kLease});
  there.Connect("lamp");
  const absl::Time begun = absl::Now();
  ASSERT_TRUE(WaitUntil([&] {  // in contact for longer than a lease
    there.Step();
    here.Step();
    return here.Sees("lamp") && absl::Now() - begun > absl::Seconds(3);
  })) << here.Describe();
  if (GetParam()) {
    here.SuspendInARound(absl::Minutes(1));
    here.Step();
  } else {
    here.Suspend(absl::Minutes(1));
  }
  there.Suspend(absl::Minutes(1));
  engine.Command(
      absl::StrCat("DEL ms:{test}:lease:", here.number(), " ms:{test}:lease:", there.number()));
  const absl::Time resumed = absl::Now();
  ASSERT_TRUE(
      here.StepUntil([&] { return absl::Now() - resumed > fleet::LeaseMissed(kLease) * 2; }));
  ASSERT_LT(absl::Now() - resumed, kLease);
  EXPECT_TRUE(here.Sees("lamp")) << here.Describe();
  EXPECT_TRUE(WaitUntil([&] {
    there.Step();
    here.Step();
    EXPECT_TRUE(here.Sees("lamp"));
    return engine.Command(absl::StrCat("EXISTS ms:{test}:lease:", there.number())) == "1";
  })) << there.Describe();
}

// And each is told at the time that this host's clock showed, as an own end is.
TEST(FleetLoopTest, EndsSeenWhileTheClockWasAheadDoNotKeepLaterOnes) {
  RedisProcess engine;
  SteppedNode here("here", engine);
  SteppedNode there("there", engine);
  // Returns the time that is told of its end.
  const auto comes_and_goes = [&](const std::string& id) {
    EXPECT_TRUE(here.StepUntil([&] { return here.KnowsHowItsClockIsSet(); }));
    const auto is_seen = [&](bool online) {
      return WaitUntil([&] {
        there.Step();
        here.Step();
        return here.Sees(id) == online;
      });
    };
    there.Connect(id);
    EXPECT_TRUE(is_seen(true)) << here.Describe();
    const absl::Time before = here.Now();
    there.Disconnect(id);
    EXPECT_TRUE(is_seen(false)) << here.Describe();
    EXPECT_GT(here.TimeOfEnd(id), before - fleet::PastWallClock::kStep);
    EXPECT_LT(here.TimeOfEnd(id), here.Now() + fleet::PastWallClock::kStep);
    return here.TimeOfEnd(id);
  };
  constexpr absl::Duration kTenYears = absl::Hours(24 * 3652);
  here.SetWallClock(kTenYears);  // before NTP has set it right
  const absl::Time lamp_ended = comes_and_goes("lamp");
  here.SetWallClock(-kTenYears);
  comes_and_goes("fan");
  EXPECT_EQ(here.TimeOfEnd("lamp"), lamp_ended) << "told once";
  EXPECT_EQ(here.Forget(absl::Hours(1)), 0u);
  EXPECT_EQ(here.Forget(absl::Hours(25)), 2u);
}

#ifdef SESSION_STATUS_ENGINE_CLOCK_LIBRARY
class EngineClockTest : public ::testing::TestWithParam<absl::Duration> {};
INSTANTIATE_TEST_SUITE_P(Fleet, EngineClockTest, ::testing::Values(absl::Hours(1), -absl::Hours(1)),
                         [](const auto& test) {
                           return test.param > absl::ZeroDuration() ? "Forward" : "Back";
                         });

// Or a fail-over to a host that has another clock.
TEST_P(EngineClockTest, ThatIsSetChangesNoEndThatIsKnownAndNoTakeoverAndLosesNobody) {
  const auto engine = RedisProcess::WithClock(SESSION_STATUS_ENGINE_CLOCK_LIBRARY);
  SteppedNode here("here", *engine, {.lease = absl::Seconds(10)});
  SteppedNode there("there", *engine, {.lease = absl::Seconds(10)});
  const auto both_step_until = [&](auto&& condition) {
    return WaitUntil([&] {
      there.Step();
      here.Step();
      return condition();
    });
  };
  there.Connect("lamp");
  there.Connect("stays");
  // A node that was never seen alive is lost as soon as its lease is missing.
  ASSERT_TRUE(both_step_until(
      [&] { return here.Sees("lamp") && here.Sees("stays") && here.HasSeenAlive(there); }));
  there.Disconnect("lamp");
  ASSERT_TRUE(both_step_until([&] { return !here.Sees("lamp"); })) << here.Describe();
  const absl::Time lamp_ended = here.TimeOfEnd("lamp");
  EXPECT_LT(absl::AbsDuration(here.Now() - lamp_ended), absl::Minutes(1));

  const auto engine_time = [&] { return std::stoll(engine->Command("TIME")); };
  const int64_t before = engine_time();
  engine->SetClock(GetParam());
  ASSERT_GT(std::abs(engine_time() - before), 3000);
  // Each has taken the new time: before connects are numbered it is asked for.
  here.Connect("door");
  there.Connect("fan");
  ASSERT_TRUE(both_step_until([&] {
    EXPECT_TRUE(here.Sees("stays")) << here.Describe();
    return there.Sees("door") && here.Sees("fan");
  }));
  EXPECT_EQ(here.TimeOfEnd("lamp"), lamp_ended);
  there.Disconnect("fan");
  ASSERT_TRUE(both_step_until([&] { return !here.Sees("fan"); })) << here.Describe();
  EXPECT_LT(absl::AbsDuration(here.Now() - here.TimeOfEnd("fan")), absl::Minutes(1));
  EXPECT_GE(here.TimeOfEnd("fan"), lamp_ended);

  there.Connect("door");
  std::string kicked_here, kicked_there;
  ASSERT_TRUE(both_step_until([&] {
    kicked_here += here.TakeKick();
    kicked_there += there.TakeKick();
    return !kicked_here.empty() || !kicked_there.empty();
  }));
  EXPECT_EQ(kicked_here, "door");
  EXPECT_EQ(kicked_there, "");
}
#endif

// Brokers of two instances that share an engine and the name of the fleet.
class AnotherInstanceTest : public ::testing::Test {
 protected:
  static constexpr char kRefused[] =
      "not joined: the fleet test is of instance shop-a, this broker's plugin_opt_instance_id is "
      "shop-b; give this broker another plugin_opt_fleet_name, or the same plugin_opt_instance_id "
      "(a fleet whose brokers have all been given another: HDEL ms:{test}:meta instance in the "
      "engine)";

  bool BothStepUntil(const std::function<bool()>& condition) {
    return WaitUntil([&] {
      other_.Step();
      if (here_.has_value()) here_->Step();
      return condition();
    });
  }
  void AwaitRefusal() {
    const uint64_t errors = other_.Status().engine_errors;
    ASSERT_TRUE(BothStepUntil([this, errors] {
      const registry::FleetStatus status = other_.Status();
      return status.engine_errors > errors && status.state == kRefused;
    })) << other_.Describe();
  }

  RedisProcess engine_;
  std::optional<SteppedNode> here_{std::in_place, "here", engine_};
  SteppedNode other_{"other", engine_, {.engine_is_there = false, .instance = "shop-b"}};
};

TEST_F(AnotherInstanceTest, DoesNotJoinAndTakesNoPart) {
  AwaitRefusal();
  EXPECT_FALSE(other_.Status().ready);
  EXPECT_EQ(engine_.Command("HLEN ms:{test}:nodes"), "1");
  EXPECT_EQ(engine_.Command("HGET ms:{test}:meta instance"), "shop-a");
}

TEST_F(AnotherInstanceTest, DoesNotTakeTheFleetWhenTheEngineLosesItsData) {
  AwaitRefusal();
  engine_.Command("FLUSHALL");
  ASSERT_TRUE(
      BothStepUntil([this] { return engine_.Command("HGET ms:{test}:meta instance") != ""; }));
  EXPECT_EQ(engine_.Command("HGET ms:{test}:meta instance"), "shop-a");
  other_.Suspend(fleet::kRefusedPause);
  AwaitRefusal();
}

TEST_F(AnotherInstanceTest, HasTheFleetOnceItsBrokersAreGoneAndTheFieldIsRemoved) {
  AwaitRefusal();
  here_.reset();
  other_.Suspend(fleet::kRefusedPause);
  AwaitRefusal();
  engine_.Command("HDEL ms:{test}:meta instance");
  other_.Suspend(fleet::kRefusedPause);
  EXPECT_TRUE(BothStepUntil([this] { return other_.Status().state == "joined"; }))
      << other_.Describe();
  EXPECT_EQ(engine_.Command("HGET ms:{test}:meta instance"), "shop-b");
}

TEST_F(AnotherInstanceTest, WhoIsInAFleetThatBecomesAnothersLeavesItAndKnowsNothingOfIt) {
  engine_.Command("HSET ms:{test}:meta instance shop-b");  // as after an HDEL too early
  ASSERT_TRUE(BothStepUntil([this] {
    return absl::StartsWith(here_->Status().state,
                            "not joined: the fleet test is of instance shop-b");
  })) << here_->Describe();
  EXPECT_FALSE(here_->Status().ready);
  EXPECT_EQ(here_->AsOf(), -absl::InfiniteDuration());
  EXPECT_FALSE(here_->HasDirections()) << "exact queries would ask the engine";
  EXPECT_TRUE(BothStepUntil([this] { return other_.Status().state == "joined"; }));
}

// All its nodes were older versions, which did not say it.
TEST_F(AnotherInstanceTest, AFleetThatHasNotSaidItsInstanceIsOfTheNextNodeThatJoins) {
  here_.reset();
  engine_.Command("HDEL ms:{test}:meta instance");
  here_.emplace("next", engine_);
  EXPECT_EQ(engine_.Command("HGET ms:{test}:meta instance"), "shop-a");
  AwaitRefusal();
}

// Brokers whose `fleet_url` are lists of two out of three engines.
class EngineListTest : public ::testing::Test {
 protected:
  static NodeOptions Then(const RedisProcess& second, bool joins = true) {
    return {.engine_is_there = joins, .more_engines = {&second}};
  }
  static bool IsRefused(const SteppedNode& node) {
    return absl::StartsWith(node.Status().state, "not joined: engine ");
  }
  static std::string Refusal(int place, const RedisProcess& engine, const char* what) {
    return absl::StrCat("not joined: engine ", place,
                        " of this broker's fleet_url, redis://127.0.0.1:", engine.port(), ", ",
                        what, "; all brokers need the same list, in the same order");
  }
  static constexpr char kIsAnother[] = "is not the one that the fleet's other brokers have there";
  static constexpr char kIsEmpty[] =
      "is empty, or not the one that the fleet's other brokers have there";

  // Neither is refused meanwhile.
  static bool BothStepUntil(SteppedNode& a, SteppedNode& b,
                            const std::function<bool()>& condition) {
    return WaitUntil([&] {
      a.Step();
      b.Step();
      EXPECT_FALSE(IsRefused(a)) << a.Describe();
      EXPECT_FALSE(IsRefused(b)) << b.Describe();
      return condition();
    });
  }
  // `here`, whose list is the fleet's, goes on.
  static void AwaitRefusal(SteppedNode& here, SteppedNode& other) {
    ASSERT_TRUE(WaitUntil([&] {
      here.Step();
      other.Step();
      return IsRefused(other);
    })) << other.Describe();
    EXPECT_FALSE(other.Status().ready);
    EXPECT_EQ(here.Status().state, "joined");
  }
  static std::string Id(RedisProcess& engine) { return engine.Command("HGET ms:{test}:engine id"); }

  RedisProcess e1_, e2_, e3_;
};

TEST_F(EngineListTest, ABrokerOfAnotherListDoesNotJoin) {
  SteppedNode here("here", e1_, Then(e2_));
  struct Case {
    const char* name;
    RedisProcess *first, *second;
    std::string refusal;
  };
  for (const Case& c : {Case{"another", &e1_, &e3_, Refusal(2, e3_, kIsEmpty)},
                        Case{"in-another-order", &e2_, &e1_, Refusal(1, e2_, kIsAnother)},
                        Case{"another-home", &e3_, &e2_, Refusal(1, e3_, kIsEmpty)},
                        Case{"home-as-the-second", &e3_, &e1_, Refusal(1, e3_, kIsEmpty)},
                        Case{"the-second-as-home", &e2_, &e3_, Refusal(1, e2_, kIsAnother)}}) {
    SCOPED_TRACE(c.name);
    SteppedNode other(c.name, *c.first, Then(*c.second, /*joins=*/false));
    AwaitRefusal(here, other);
    EXPECT_EQ(other.Status().state, c.refusal);
    EXPECT_EQ(Id(e3_), "") << "claimed";
    EXPECT_FALSE(other.HasDirections()) << "exact queries would ask the engine";
  }
  EXPECT_EQ(e1_.Command("HLEN ms:{test}:nodes"), "1");
}

TEST_F(EngineListTest, BrokersOfOneListAreAFleet) {
  SteppedNode here("here", e1_, Then(e2_));
  SteppedNode there("there", e1_, Then(e2_));
  for (int i = 0; i < 32; ++i) there.Connect(absl::StrCat("lamp-", i));
  EXPECT_TRUE(BothStepUntil(here, there, [&] {
    for (int i = 0; i < 32; ++i) {
      if (!here.Sees(absl::StrCat("lamp-", i))) return false;
    }
    return true;
  })) << here.Describe();
}

TEST_F(EngineListTest, AnEngineThatWasEmptiedOrReplacedIsTheSameToWhoKnewIt) {
  SteppedNode here("here", e1_, Then(e2_));
  SteppedNode there("there", e1_, Then(e2_));
  for (RedisProcess* engine : {&e2_, &e1_}) {
    for (const bool replaced : {false, true}) {
      SCOPED_TRACE(
          absl::StrCat(engine == &e1_ ? "home" : "the second", replaced ? " replaced" : ""));
      const std::string id = Id(*engine);
      ASSERT_NE(id, "");
      if (replaced) {
        engine->Kill();
        engine->Start();
      } else {
        engine->Command("FLUSHALL");
      }
      EXPECT_TRUE(BothStepUntil(here, there, [&] { return Id(*engine) == id; }));
      const absl::Duration as_of = std::max(here.AsOf(), there.AsOf());
      EXPECT_TRUE(BothStepUntil(here, there, [&] {
        return std::min(here.AsOf(), there.AsOf()) > as_of && here.Status().nodes.size() == 2;
      })) << here.Describe();
    }
  }
}

TEST_F(EngineListTest, WhoDoesNotKnowAnEmptiedEngineWaitsForWhoDoes) {
  SteppedNode here("here", e1_, Then(e2_));
  for (RedisProcess* engine : {&e2_, &e1_}) {
    const int place = engine == &e1_ ? 1 : 2;
    SCOPED_TRACE(place);
    const std::string id = Id(*engine);
    engine->Command("FLUSHALL");
    SteppedNode late(place == 1 ? "late" : "later", e1_, Then(e2_, /*joins=*/false));
    ASSERT_TRUE(late.StepUntil([&] { return IsRefused(late); })) << late.Describe();
    EXPECT_EQ(late.Status().state, Refusal(place, *engine, kIsEmpty));
    EXPECT_TRUE(WaitUntil([&] {
      here.Step();
      late.Step();
      EXPECT_FALSE(IsRefused(here)) << here.Describe();
      return late.Status().ready;
    })) << late.Describe();
    EXPECT_EQ(Id(*engine), id);
  }
}

// It is the first there when an engine is back, empty; before, nobody could vouch for anything.
TEST_F(EngineListTest, WhoWasRefusedDoesNotGetTheFleetWhileAnEngineIsAwayNorAfterwards) {
  SteppedNode here("here", e1_, Then(e2_));
  SteppedNode other("other", e1_, Then(e3_, /*joins=*/false));
  SteppedNode third("third", e3_, Then(e2_, /*joins=*/false));
  AwaitRefusal(here, other);
  AwaitRefusal(here, third);
  const auto step = [&here](std::vector<SteppedNode*> nodes) {
    for (int i = 0; i < 50; ++i) {
      for (SteppedNode* node : nodes) {
        node->Suspend(absl::Milliseconds(50));
        node->Step();
        EXPECT_FALSE(node != &here && node->Status().ready) << node->Describe();
      }
    }
  };
  for (RedisProcess* engine : {&e1_, &e2_}) {
    SCOPED_TRACE(engine == &e1_ ? "home" : "the second");
    engine->Kill();
    step({&here});
    e2_.Command("DEL ms:{test}:engine:1");  // as when nobody had vouched for it since
    step({&here, &other, &third});
    for (SteppedNode* node : {&other, &third}) node->Suspend(2 * fleet::kNoClaimAfterRefusal);
    step({&here, &other, &third});
    engine->Start();
    SteppedNode& first = engine == &e1_ ? other : third;
    first.Suspend(absl::Seconds(2));  // it tries again at once
    for (int i = 0; i < 20; ++i) {
      first.Step();
      EXPECT_FALSE(first.Status().ready) << first.Describe();
    }
    EXPECT_TRUE(here.StepUntil([&] { return Id(*engine) != ""; })) << here.Describe();
    AwaitRefusal(here, other);
    AwaitRefusal(here, third);
  }
}

TEST_F(EngineListTest, AFleetWhoseListIsChangedIsBackWhenTheLastBrokerOfTheOldOneHasGone) {
  std::optional<SteppedNode> old_list(std::in_place, "a", e1_, Then(e2_));
  SteppedNode new_list("b", e1_, Then(e3_, /*joins=*/false));
  AwaitRefusal(*old_list, new_list);
  old_list.reset();
  const absl::Time gone = absl::Now();
  SteppedNode another("c", e1_, Then(e3_, /*joins=*/false));
  ASSERT_TRUE(WaitUntil([&] {
    if (absl::Now() - gone > fleet::kVouchedFor) {
      new_list.Suspend(absl::Milliseconds(100));
      another.Suspend(absl::Milliseconds(100));
    }
    new_list.Step();
    another.Step();
    return new_list.Status().ready && another.Status().ready;
  })) << new_list.Describe();
  EXPECT_NE(Id(e3_), "");
}

TEST_F(EngineListTest, WhoIsInAFleetThatHasAnotherListLeavesItAndKnowsNothingOfIt) {
  SteppedNode here("here", e1_, Then(e2_));
  e1_.Command("SET ms:{test}:engine:2 another");
  ASSERT_TRUE(here.StepUntil([&] { return IsRefused(here); })) << here.Describe();
  EXPECT_EQ(here.Status().state, Refusal(2, e2_, kIsAnother));
  EXPECT_FALSE(here.Status().ready);
  EXPECT_EQ(here.AsOf(), -absl::InfiniteDuration());
  EXPECT_FALSE(here.HasDirections()) << "exact queries would ask the engine";
  e1_.Command("DEL ms:{test}:engine:2");
  here.Suspend(fleet::kNoClaimAfterRefusal);
  EXPECT_TRUE(here.StepUntil([&] { return here.Status().ready; })) << here.Describe();
}

// An access list that this version's commands are not on; an older broker's fleet.
TEST_F(EngineListTest, WhatAnEngineRefusesToTellIsNoEvidence) {
  for (const char* command : {"-hsetnx", "-hget", "-get"}) {
    SCOPED_TRACE(command);
    ASSERT_EQ(e2_.Command(absl::StrCat("ACL SETUSER default ", command)), "OK");
    SteppedNode here(command + 1, e1_, Then(e2_));
    EXPECT_EQ(here.Status().state, "joined");
  }
}

TEST_F(EngineListTest, AnEngineThatIsAwayAtTheStartIsLookedAtWhenItIsThere) {
  SteppedNode here("here", e1_, Then(e2_));
  const std::string id = Id(e2_);
  e2_.Kill();
  SteppedNode late("late", e1_, Then(e2_, /*joins=*/false));
  SteppedNode other("other", e1_, Then(e3_, /*joins=*/false));
  ASSERT_TRUE(late.StepUntil([&] { return late.Status().state == "joined"; })) << late.Describe();
  AwaitRefusal(late, other);
  e2_.Start();
  EXPECT_TRUE(WaitUntil([&] {
    late.Step();  // it may be there before the mark is back
    here.Step();
    EXPECT_FALSE(IsRefused(here)) << here.Describe();
    return late.Status().ready;
  })) << late.Describe();
  EXPECT_EQ(Id(e2_), id);
}

TEST(FleetLoopTest, AnEngineThatMayEvictSessionsIsWarnedOf) {
  RedisProcess engine({"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"});
  SteppedNode here("here", engine);
  ASSERT_TRUE(here.StepUntil([&] { return !here.Status().warning.empty(); })) << here.Describe();
  EXPECT_EQ(here.Status().warning,
            absl::StrCat("127.0.0.1:", engine.port(),
                         " may evict sessions (maxmemory-policy allkeys-lru), which are then "
                         "answered offline for up to a minute: set it to noeviction"));
  // It is looked at again at every join.
  engine.Command("CONFIG SET maxmemory-policy noeviction");
  engine.Command("CLIENT KILL TYPE normal");
  EXPECT_TRUE(here.StepUntil([&] { return here.Status().warning.empty(); })) << here.Describe();
}

TEST(FleetLoopTest, WhatAnEngineHasEvictedIsWrittenAgain) {
  RedisProcess engine;
  SteppedNode here("here", engine);
  here.Connect("lamp");
  ASSERT_TRUE(here.StepUntil([&] { return here.HasWritten(); })) << here.Describe();
  const std::vector<std::string> keys = absl::StrSplit(engine.Command("KEYS ms:{test.s*}:*"), ' ');
  std::string bucket;  // of the one client's row
  for (const std::string& key : keys) {
    if (!absl::EndsWith(key, ":o") && !absl::EndsWith(key, ":d")) bucket = key;
  }
  ASSERT_EQ(engine.Command("DEL " + bucket), "1");
  // Only what has a time of its own to live goes, all at once: the leases, and the counter rises.
  engine.Command("CONFIG SET maxmemory-policy volatile-lru");
  engine.Command("CONFIG SET maxmemory 1");
  engine.Command("CONFIG SET maxmemory 0");
  engine.Command("CLIENT KILL TYPE normal");  // it is looked at again at every join
  EXPECT_TRUE(here.StepUntil([&] { return engine.Command("EXISTS " + bucket) == "1"; }))
      << here.Describe() << "\n"
      << engine.Command("INFO stats");
}

TEST(FleetLoopTest, AnEngineThatMayNotBeAskedForItsMemoryIsJoinedWithoutAWarning) {
  RedisProcess engine({"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"});
  ASSERT_EQ(engine.Command("ACL SETUSER default -info"), "OK");
  SteppedNode here("here", engine);
  EXPECT_TRUE(here.StepUntil([&] { return here.Status().state == "joined"; })) << here.Describe();
  EXPECT_EQ(here.Status().warning, "");
}

// Two devices share an identifier; `fleet_takeover report` leaves both connected.
class ReportedTakeoverTest : public ::testing::TestWithParam<fleet::Mode> {
 protected:
  NodeOptions Options(fleet::Mode mode = fleet::Mode::kReplica) const {
    return {.mode = mode, .takeover = fleet::Takeover::kReport, .lease = absl::Seconds(2)};
  }
  // `lamp` connects to `here`, then to `there`, and everybody knows it.
  void ConnectToBoth() {
    here_.Connect("lamp");
    ASSERT_TRUE(StepUntil([&] { return asked_.HolderOf("lamp") == here_.number(); }));
    there_->Connect("lamp");
    ASSERT_TRUE(StepUntil([&] { return asked_.HolderOf("lamp") == there_->number(); }));
  }
  template <typename Condition>
  bool StepUntil(Condition&& condition) {
    return WaitUntil([&] {
      here_.Step();
      if (there_.has_value()) there_->Step();
      asked_.Step();
      return condition();
    });
  }
  RedisProcess engine_;
  SteppedNode here_{"here", engine_, Options(GetParam())};
  std::optional<SteppedNode> there_{std::in_place, "there", engine_, Options()};
  SteppedNode asked_{"asked", engine_, Options()};
};
INSTANTIATE_TEST_SUITE_P(Fleet, ReportedTakeoverTest,
                         ::testing::Values(fleet::Mode::kReplica, fleet::Mode::kDirect),
                         [](const auto& test) {
                           return test.param == fleet::Mode::kDirect ? "Direct" : "Replica";
                         });

TEST_P(ReportedTakeoverTest, WhenTheNewerConnectionEndsTheOlderOneCountsAgain) {
  ConnectToBoth();
  there_->Disconnect("lamp");
  EXPECT_TRUE(StepUntil([&] {
    return asked_.HolderOf("lamp") == here_.number() && there_->HolderOf("lamp") == here_.number();
  })) << here_.Describe();
  // And is an older one as before: whoever comes now owns the identifier.
  there_->Connect("lamp");
  EXPECT_TRUE(StepUntil([&] { return asked_.HolderOf("lamp") == there_->number(); }));
  there_->Disconnect("lamp");
  EXPECT_TRUE(StepUntil([&] { return asked_.HolderOf("lamp") == here_.number(); }));
  here_.Disconnect("lamp");
  EXPECT_TRUE(StepUntil([&] { return asked_.HolderOf("lamp") == 0; })) << asked_.Describe();
}

TEST_P(ReportedTakeoverTest, WhenTheNewerConnectionsNodeDiesTheOlderOneCountsAgain) {
  ConnectToBoth();
  there_.reset();  // without a word
  EXPECT_TRUE(StepUntil([&] { return asked_.HolderOf("lamp") == here_.number(); }))
      << asked_.Describe();
  here_.Disconnect("lamp");
  EXPECT_TRUE(StepUntil([&] { return asked_.HolderOf("lamp") == 0; })) << asked_.Describe();
}

// How far the wall clock of `here` is set between the connects and the moment when its sessions are
// numbered.
class ClockThatIsSetTest : public ::testing::TestWithParam<absl::Duration> {};
INSTANTIATE_TEST_SUITE_P(Fleet, ClockThatIsSetTest,
                         ::testing::Values(absl::Hours(5), -absl::Hours(5)), [](const auto& test) {
                           return test.param > absl::ZeroDuration() ? "Forward" : "Back";
                         });

TEST_P(ClockThatIsSetTest, BeforeTheEngineIsReachedForTheFirstTimeDecidesNoTakeover) {
  RedisProcess engine;
  SteppedNode there("there", engine);
  there.Connect("came here");
  ASSERT_TRUE(there.StepUntil([&] { return there.HasWritten(); })) << there.Describe();
  engine.Kill();
  SteppedNode here("here", engine, {.engine_is_there = false});
  here.Step();
  here.Connect("came here");
  // Whose connect came first is known to half a round trip, which may be milliseconds here.
  here.Connect("went there", /*told=*/true, /*ago=*/absl::Seconds(1));
  there.Connect("went there");
  here.SetWallClock(GetParam());
  engine.Start();
  std::string kicked_here, kicked_there;
  ASSERT_TRUE(WaitUntil([&] {
    here.Step();
    there.Step();
    kicked_here += here.TakeKick();
    kicked_there += there.TakeKick();
    return !kicked_here.empty() && !kicked_there.empty();
  })) << here.Describe()
      << "\n"
      << there.Describe();
  EXPECT_EQ(kicked_here, "went there");
  EXPECT_EQ(kicked_there, "came here");
}

TEST_P(ClockThatIsSetTest, BeforeTheFleetsKeyIsMadeAnewDecidesNoTakeover) {
  RedisProcess engine;
  SteppedNode here("here", engine);
  SteppedNode there("there", engine);
  std::string kicked_here, kicked_there;
  const auto both_step_until = [&](auto&& condition) {
    return WaitUntil([&] {
      here.Step();
      there.Step();
      kicked_here += here.TakeKick();
      kicked_there += there.TakeKick();
      return condition();
    });
  };
  there.Connect("came here");
  ASSERT_TRUE(both_step_until([&] { return here.Sees("came here"); })) << here.Describe();
  here.Connect("came here");
  ASSERT_TRUE(both_step_until([&] { return there.Sees("came here"); })) << there.Describe();
  here.Connect("went there");
  ASSERT_TRUE(both_step_until([&] { return there.Sees("went there"); })) << there.Describe();
  there.Connect("went there");
  ASSERT_TRUE(both_step_until([&] { return here.Sees("went there"); })) << here.Describe();
  ASSERT_EQ(kicked_here, "went there");
  ASSERT_EQ(kicked_there, "came here");
  kicked_here.clear();  // both stay connected
  kicked_there.clear();
  here.SetWallClock(GetParam());
  ASSERT_EQ(engine.Command("FLUSHALL"), "OK");
  SteppedNode first("first", engine);  // makes the fleet's keys anew, with another key for the hash
  ASSERT_TRUE(both_step_until([&] {
    return here.HashOf("lamp") == first.HashOf("lamp") && here.Sees("went there") &&
           there.HashOf("lamp") == first.HashOf("lamp") && there.Sees("came here");
  })) << here.Describe()
      << "\n"
      << there.Describe();
  EXPECT_TRUE(kicked_here.empty() || kicked_here == "went there") << kicked_here;
  EXPECT_TRUE(kicked_there.empty() || kicked_there == "came here") << kicked_there;
}

}  // namespace
}  // namespace session_status::testing
