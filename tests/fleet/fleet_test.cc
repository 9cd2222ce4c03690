#include "plugin/fleet/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "plugin/fleet/engines.h"
#include "plugin/fleet/node_directory.h"
#include "registry/whole_view.h"
#include "tests/fleet/fleet_world.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/wait.h"

namespace session_status::testing {
namespace {

using registry::AnswerSource;
using registry::EndReason;
using registry::SessionState;

TEST(FleetTest, AnExactAnswerBelievesTheEngineAndNotAnOldCopy) {
  FleetWorld world({.nodes = 2, .clients = 0, .lease = absl::Minutes(5)});
  FleetNode& holder = world.node(0);
  FleetNode& asked = world.node(1);
  holder.Connect("lamp");
  ASSERT_TRUE(WaitUntil([&] {
    world.Tick();
    return asked.OnlineInSnapshot("lamp");
  })) << world.Describe();
  // From here on its copy stands still; a query has a connection of its own.
  asked.fleet().AbandonForTest();
  holder.Disconnect("lamp", EndReason::kClientDisconnect);
  registry::OtherSession session;
  EXPECT_TRUE(WaitUntil([&] {
    EXPECT_TRUE(asked.fleet().Find("lamp", absl::Now(), &session).ok());
    return session.source == AnswerSource::kEngine && !session.status.online();
  })) << world.Describe();
  EXPECT_EQ(session.status.state, SessionState::kOffline);
  EXPECT_EQ(session.status.reason, EndReason::kUnknown) << "nobody has told this node how it ended";
  EXPECT_EQ(session.node, "");
  EXPECT_FALSE(asked.OnlineExactly("lamp"));
  EXPECT_TRUE(asked.OnlineInSnapshot("lamp")) << "the copy is the old one";
}

TEST(FleetTest, AnEngineThatRefusesTheDatabaseIsNotJoinedInAnother) {
  RedisProcess one_database({"--databases", "1"});
  RedisProcess forbidden;
  ASSERT_EQ(forbidden.Command("ACL SETUSER default -select"), "OK");
  for (const auto& [engine, why] :
       {std::pair(&one_database, "DB index is out of range"), std::pair(&forbidden, "NOPERM")}) {
    fleet::FleetOptions options;
    options.name = "test";
    ASSERT_TRUE(fleet::ParseEngineUrl(absl::StrCat("redis://127.0.0.1:", engine->port(), "/5"),
                                      &options.engines.emplace_back())
                    .ok());
    FleetNode node("one", options, absl::ZeroDuration());
    EXPECT_TRUE(WaitUntil([&, why = why] {
      const std::string state = node.fleet().Status().state;
      return state == "joined" || absl::StrContains(state, why);
    }));
    EXPECT_NE(node.fleet().Status().state, "joined");
    EXPECT_TRUE(absl::StrContains(node.fleet().Status().state, "database 5: "))
        << node.fleet().Status().state;
    EXPECT_EQ(engine->Command("DBSIZE"), "0") << "nothing was written to database 0";
  }
}

TEST(FleetTest, AStopWaitsForOneOfTheEnginesThatHangAndNotForEach) {
  RedisProcess engine;
  std::vector<std::unique_ptr<TcpProxy>> links;
  fleet::FleetOptions options;
  options.name = "test";
  options.nice_level = 0;
  for (int i = 0; i < 16; ++i) {
    links.push_back(std::make_unique<TcpProxy>(engine.port()));
    ASSERT_TRUE(fleet::ParseEngineUrl(absl::StrCat("redis://127.0.0.1:", links.back()->port()),
                                      &options.engines.emplace_back())
                    .ok());
  }
  FleetNode node("one", options, absl::ZeroDuration());
  ASSERT_TRUE(WaitUntil([&] { return node.fleet().Status().ready; }));
  for (auto& link : links) link->Set(TcpProxy::Link::kSilent);
  const absl::Time begun = absl::Now();
  node.Stop();
  EXPECT_LT(absl::Now() - begun, 8 * fleet::kEngineTimeout);
}

// An engine that is not home costs rounds a time-out, which is longer than this lease may be
// missed.
TEST(FleetTest, ANodeThatDiesWhileAnEngineHangsIsLostAfterItsLease) {
  constexpr absl::Duration kLease = absl::Seconds(1);
  ASSERT_GT(fleet::kEngineTimeout, fleet::LeaseMissed(kLease));
  FleetWorld world({.nodes = 3, .clients = 0, .lease = kLease, .second_engine = true});
  world.node(0).Connect("lamp");
  world.node(2).Connect("fan");
  const auto online = [&](const std::string& id) {
    world.Tick();
    return world.node(1).OnlineInSnapshot(id);
  };
  ASSERT_TRUE(WaitUntil([&] { return online("lamp") && online("fan"); })) << world.Describe();
  world.second_engine().Signal(SIGSTOP);
  const uint64_t errors = world.node(1).fleet().Status().engine_errors;
  ASSERT_TRUE(WaitUntil([&] { return world.node(1).fleet().Status().engine_errors > errors + 1; }));
  world.KillNode(0);
  EXPECT_TRUE(WaitUntil([&] {
    EXPECT_TRUE(online("fan")) << "its node lives";
    return !online("lamp");
  })) << world.Describe();
}

// Renewals and looks at leases come between.
TEST(EnginesTest, ThoseThatCannotBeOpenedAreTriedOneARoundEachInItsTurn) {
  fleet::FleetOptions options;
  std::vector<std::string> expected;
  for (int i = 0; i < 3; ++i) {
    const std::string where = absl::StrCat("127.0.0.1:", FreePort());
    ASSERT_TRUE(
        fleet::ParseEngineUrl(absl::StrCat("redis://", where), &options.engines.emplace_back())
            .ok());
    expected.push_back(where);
    expected.push_back(where);
  }
  fleet::Engines engines(options, fleet::kEngineTimeout, nullptr);
  std::vector<std::string> tried;
  absl::Duration now;
  for (int round = 0; round < 6; ++round) {
    size_t failures = 0;
    engines.Connect(now, [&](const absl::Status& error, bool) {
      ++failures;
      tried.emplace_back(error.message().substr(0, error.message().rfind(": ")));
    });
    EXPECT_EQ(failures, 1u);
    now += absl::Seconds(5);  // all are due again
  }
  std::sort(tried.begin(), tried.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(tried, expected);
}

// Two nodes whose threads stand still, so that nothing repairs what happens to the engine now.
class StandingStill {
 public:
  explicit StandingStill(WorldOptions options = {}) : world_(With(options)) {
    world_.node(0).Connect("lamp");
    WaitUntilKnown("lamp");
  }
  void Connect(const std::string& id) {
    world_.node(0).Connect(id);
    WaitUntilKnown(id);
  }
  void Stop() {
    world_.node(0).fleet().AbandonForTest();
    world_.node(1).fleet().AbandonForTest();
  }
  FleetWorld& world() { return world_; }
  fleet::Fleet& asked() { return world_.node(1).fleet(); }

 private:
  static WorldOptions With(WorldOptions options) {
    options.nodes = 2;
    options.clients = 0;
    options.lease = absl::Minutes(5);
    return options;
  }
  void WaitUntilKnown(const std::string& id) {
    registry::OtherSession session;
    ASSERT_TRUE(WaitUntil([&] {
      world_.Tick();
      return asked().Find(id, absl::Now(), &session).ok() && session.status.online() &&
             session.source == AnswerSource::kEngine && asked().AsOf() > absl::InfinitePast();
    })) << world_.Describe();
    if (!asked().Status().direct) {
      ASSERT_TRUE(WaitUntil([&] {
        world_.Tick();
        return world_.node(1).OnlineInSnapshot(id);
      })) << world_.Describe();
    }
  }
  FleetWorld world_;
};

TEST(FleetTest, AnExactAnswerDoesNotBelieveAnEngineThatCameBackEmpty) {
  StandingStill nodes;
  nodes.Stop();
  ASSERT_EQ(nodes.world().engine().Command("FLUSHALL"), "OK");
  const absl::Time flushed = absl::Now();
  registry::OtherSession session;
  ASSERT_TRUE(nodes.asked().Find("lamp", absl::Now(), &session).ok());
  EXPECT_TRUE(session.status.online());
  EXPECT_EQ(session.source, AnswerSource::kReplica);
  EXPECT_EQ(session.node, nodes.world().node(0).name());
  EXPECT_LT(session.as_of, flushed) << "what the copy knows is from before";
}

TEST(FleetTest, AnExactAnswerDoesNotBelieveAnEngineThatCameBackAsAnOldCopy) {
  StandingStill nodes;
  nodes.world().engine().Save();
  nodes.Connect("bell");
  nodes.Stop();
  nodes.world().engine().Kill();
  nodes.world().engine().Start();
  registry::OtherSession session;
  // The first question may still meet the connection that is gone.
  ASSERT_TRUE(WaitUntil([&] {
    return nodes.asked().Find("lamp", absl::Now(), &session).ok() && session.status.online();
  })) << nodes.world().Describe();
  ASSERT_TRUE(nodes.asked().Find("bell", absl::Now(), &session).ok());
  EXPECT_TRUE(session.status.online());
  EXPECT_EQ(session.source, AnswerSource::kReplica);
}

TEST(FleetTest, AsToldToFailAnEngineThatCameBackEmptyIsAnError) {
  StandingStill nodes({.when_engine_away = fleet::WhenEngineAway::kFail});
  nodes.Stop();
  ASSERT_EQ(nodes.world().engine().Command("FLUSHALL"), "OK");
  registry::OtherSession session;
  const absl::Status status = nodes.asked().Find("lamp", absl::Now(), &session);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("has not got all of its data"));
}

TEST(FleetTest, InDirectModeNothingIsKnownFromAnEngineThatCameBackEmpty) {
  StandingStill nodes({.mode = fleet::Mode::kDirect});
  const absl::string_view id = "lamp";
  registry::OtherStatus status;
  registry::OthersCut cut = nodes.asked().QuerySnapshot({&id, 1}, {&status, 1});
  EXPECT_TRUE(status.status.online());
  EXPECT_GT(cut.as_of, absl::InfinitePast());
  nodes.Stop();
  ASSERT_EQ(nodes.world().engine().Command("FLUSHALL"), "OK");
  cut = nodes.asked().QuerySnapshot({&id, 1}, {&status, 1});
  EXPECT_EQ(cut.as_of, absl::InfinitePast());
  registry::OtherSession session;
  ASSERT_TRUE(nodes.asked().Find("lamp", absl::Now(), &session).ok());
  EXPECT_EQ(session.source, AnswerSource::kReplica);
  EXPECT_EQ(session.as_of, absl::InfinitePast()) << "there is no copy that it could be from";
}

// The nodes fill it again meanwhile: at no moment is the client gone.
TEST(FleetTest, WhileAnEngineIsFilledAgainNoAnswerForgetsAClient) {
  FleetWorld world({.nodes = 2, .clients = 0, .lease = absl::Minutes(5)});
  FleetNode& asked = world.node(1);
  world.node(0).Connect("lamp");
  registry::OtherSession session;
  const auto answered_by_engine = [&] {
    world.Tick();
    EXPECT_TRUE(asked.fleet().Find("lamp", absl::Now(), &session).ok());
    return session.source == AnswerSource::kEngine && session.status.online();
  };
  ASSERT_TRUE(WaitUntil([&] { return answered_by_engine() && asked.OnlineInSnapshot("lamp"); }))
      << world.Describe();
  for (int round = 0; round < 6; ++round) {
    const uint64_t loads = asked.fleet().Status().loads;
    if (round % 2 == 0) {
      ASSERT_EQ(world.engine().Command("FLUSHALL"), "OK");
    } else {
      world.engine().Kill();
      world.engine().Start();
    }
    ASSERT_TRUE(WaitUntil([&] {
      const bool by_engine = answered_by_engine();
      EXPECT_TRUE(session.status.online())
          << "round " << round << " source " << static_cast<int>(session.source) << " reason "
          << static_cast<int>(session.status.reason) << "\n"
          << world.Describe();
      EXPECT_TRUE(asked.OnlineInSnapshot("lamp")) << "round " << round << world.Describe();
      return by_engine && asked.fleet().Status().loads > loads;
    })) << world.Describe();
  }
}

// So many buckets that a load takes some hundred rounds.
TEST(FleetTest, AFlushInTheMidstOfALoadTakesNobodyOffline) {
  FleetWorld world({.nodes = 2,
                    .clients = 0,
                    .residents = 16,
                    .lease = absl::Minutes(5),
                    .capacity = 10'000'000});
  world.ExpectTruthEverywhere();
  world.WatchResidents();
  const auto loads = [&] { return world.node(1).fleet().Status().loads; };
  const auto loading = [&] { return world.node(1).fleet().Status().shards_loading; };
  const uint64_t before = loads();
  for (int flush = 0; flush < 2; ++flush) {
    ASSERT_EQ(world.engine().Command("FLUSHALL"), "OK");
    ASSERT_TRUE(WaitUntil([&] {
      world.Tick();
      return loads() > before;
    })) << world.Describe();
    ASSERT_GT(loading(), 0u) << "the load has ended before it was noticed";
  }
  ASSERT_TRUE(WaitUntil([&] {
    world.Tick();
    return loading() == 0;
  })) << world.Describe();
  EXPECT_EQ(world.forgotten_residents().size(), 0u) << world.forgotten_residents().front();
}

// What the others wrote there after that, and lost with it, nobody knows.
TEST(FleetTest, TheCopyOfAnEngineThatLostItsDataIsAsOldAsTheLastLookBefore) {
  FleetWorld world({.nodes = 2, .clients = 0, .lease = absl::Minutes(5)});
  FleetNode& asked = world.node(1);
  world.node(0).Connect("lamp");
  ASSERT_TRUE(WaitUntil([&] {
    world.Tick();
    return asked.OnlineInSnapshot("lamp");
  })) << world.Describe();
  ASSERT_EQ(world.engine().Command("FLUSHALL"), "OK");
  const absl::Time flushed = absl::Now();
  ASSERT_TRUE(WaitUntil([&] { return asked.fleet().Status().shards_loading > 0; }));
  EXPECT_LT(asked.fleet().AsOf(), flushed);
  EXPECT_TRUE(WaitUntil([&] { return asked.fleet().AsOf() > flushed; })) << world.Describe();
}

// While the engine is away. By what was set, old knowledge would seem fresh, or of yesterday.
TEST(FleetTest, AClockThatIsSetChangesNoAgeOfWhatIsKnownOfTheOthers) {
  FleetWorld world({.nodes = 2, .clients = 0, .lease = absl::Minutes(5)});
  FleetNode& asked = world.node(1);
  const absl::string_view id = "lamp";
  world.node(0).Connect("lamp");
  ASSERT_TRUE(WaitUntil([&] {
    world.Tick();
    return asked.OnlineInSnapshot("lamp");
  })) << world.Describe();
  world.engine().Kill();
  ASSERT_TRUE(WaitUntil([&] { return asked.fleet().Status().engine_errors > 0; }));
  for (const absl::Duration set : {-absl::Hours(1), absl::Hours(2)}) {
    asked.SetWallClock(set);
    registry::OtherStatus status;
    registry::OtherSession session;
    ASSERT_TRUE(asked.fleet().Find(id, asked.Now(), &session).ok());
    ASSERT_EQ(session.source, AnswerSource::kReplica);
    const absl::Time told[] = {asked.fleet().QuerySnapshot({&id, 1}, {&status, 1}).as_of,
                               asked.fleet().AsOf(), asked.fleet().Status().as_of, session.as_of};
    for (const absl::Time as_of : told) {
      EXPECT_GE(asked.Now() - as_of, absl::ZeroDuration());
      EXPECT_LT(asked.Now() - as_of, absl::Minutes(10));
    }
  }
}

// By what was set, the earlier of two ends would seem to be the later one.
TEST(FleetTest, AClockThatIsSetDoesNotDecideWhichOfTwoEndsIsTold) {
  FleetWorld world({.nodes = 2, .clients = 0, .lease = absl::Minutes(5)});
  FleetNode& asked = world.node(1);
  asked.Connect("lamp");
  asked.Disconnect("lamp", EndReason::kClientDisconnect);
  const auto online = [&] {
    world.Tick();
    return asked.OnlineInSnapshot("lamp");
  };
  world.node(0).Connect("lamp");
  ASSERT_TRUE(WaitUntil(online)) << world.Describe();
  world.node(0).Disconnect("lamp", EndReason::kNetworkError);
  ASSERT_TRUE(WaitUntil([&] { return !online(); })) << world.Describe();
  const registry::WholeView view(asked.registry(), &asked.fleet());
  const auto expect_the_later = [&] {
    const absl::string_view id = "lamp";
    registry::SessionStatus status;
    view.QuerySnapshot({&id, 1}, {&status, 1});
    EXPECT_EQ(status.reason, EndReason::kNetworkError);
    registry::WholeSession session;
    ASSERT_TRUE(view.Find(id, asked.Now(), &session).ok());
    EXPECT_EQ(session.status().reason, EndReason::kNetworkError);
  };
  expect_the_later();
  asked.SetWallClock(-absl::Hours(1));
  // Its thread has seen that: the end of another client is told by the clock as it is set now.
  world.node(0).Connect("fan");
  ASSERT_TRUE(WaitUntil([&] {
    world.Tick();
    return asked.OnlineInSnapshot("fan");
  })) << world.Describe();
  expect_the_later();
}

std::vector<std::string> ConnectMany(FleetNode& node, const std::string& prefix, int count) {
  std::vector<std::string> ids;
  for (int i = 0; i < count; ++i) node.Connect(ids.emplace_back(absl::StrCat(prefix, i)));
  return ids;
}

// An old copy to which another node wrote before this one looked, and of a node that cannot send
// again.
TEST(FleetTest, AnOldCopyWithADeadNodesTailIsReadAgainAndBelieved) {
  FleetWorld world({.nodes = 3, .clients = 0});
  FleetNode& asked = world.node(1);
  const auto known = [&](const std::vector<std::string>& ids) {
    return WaitUntil([&] {
      world.Tick();
      return absl::c_all_of(ids, [&](const std::string& id) { return asked.OnlineInSnapshot(id); });
    });
  };
  const std::vector<std::string> there = ConnectMany(world.node(0), "there-", 64);
  ASSERT_TRUE(known(there));
  world.node(2).Connect("first");
  ASSERT_TRUE(known({"first"}));
  world.engine().Save();
  ASSERT_TRUE(known(ConnectMany(world.node(2), "tail-", 200)));
  world.KillNode(2);
  world.link(1).Set(TcpProxy::Link::kDown);
  world.engine().Kill();
  world.engine().Start();
  ConnectMany(world.node(0), "more-", 64);
  ASSERT_TRUE(WaitUntil([&] {
    world.Tick();
    return world.node(0).fleet().Status().queued == 0;
  }));
  world.link(1).Set(TcpProxy::Link::kUp);
  EXPECT_TRUE(WaitUntil([&] {
    world.Tick();
    return absl::c_all_of(there, [&](const std::string& id) {
      registry::OtherSession session;
      EXPECT_TRUE(asked.fleet().Find(id, absl::Now(), &session).ok());
      return session.source == AnswerSource::kEngine && session.status.online();
    });
  })) << world.Describe();
}

// The engine that is home is emptied after a node has died; the node's rows are on the other one.
TEST(FleetTest, ADeadNodeThatHomeForgotIsLostForANodeThatStartsThen) {
  FleetWorld world({.nodes = 3, .clients = 0, .second_engine = true});
  FleetNode& asked = world.node(0);
  const std::vector<std::string> ids = ConnectMany(world.node(2), "dead-", 64);
  const auto online = [&](FleetNode& node) {
    world.Tick();
    return absl::c_count_if(ids, [&](const std::string& id) {
      return node.OnlineInSnapshot(id) || node.OnlineExactly(id);
    });
  };
  ASSERT_TRUE(WaitUntil([&] { return online(world.node(1)) == 64; })) << world.Describe();
  world.KillNode(2);
  ASSERT_TRUE(WaitUntil([&] { return online(world.node(1)) == 0; })) << world.Describe();
  world.KillNode(0);
  ASSERT_EQ(world.engine().Command("FLUSHALL"), "OK");
  // The node that lives brings back the key of the hash.
  ASSERT_TRUE(WaitUntil([&] {
    world.Tick();
    return world.engine().Command("HEXISTS ms:{test}:meta key") == "1";
  }));
  asked.Start();
  ASSERT_TRUE(WaitUntil([&] { return asked.fleet().Status().ready; })) << world.Describe();
  EXPECT_TRUE(WaitUntil([&] { return online(asked) == 0; })) << world.Describe();
  EXPECT_FALSE(WaitUntil([&] { return online(asked) > 0; }, absl::Seconds(2))) << world.Describe();
}

// A host with the engine and one broker on it was switched off and on.
TEST(FleetTest, ANodeThatIsFirstInAnEmptyEngineDoesNotTakeTheOthersForGone) {
  FleetWorld world({.nodes = 2, .clients = 0, .lease = absl::Seconds(3)});
  FleetNode& asked = world.node(1);
  world.node(0).Connect("lamp");
  ASSERT_TRUE(WaitUntil([&] {
    world.Tick();
    return asked.OnlineInSnapshot("lamp");
  }));
  world.KillNode(1);
  world.engine().Kill();
  world.link(0).Set(TcpProxy::Link::kDown);
  world.engine().Start();
  asked.Start();
  ASSERT_TRUE(WaitUntil([&] { return asked.fleet().Status().state == "joined"; }));
  world.link(0).Set(TcpProxy::Link::kUp);
  registry::OtherSession session;
  EXPECT_TRUE(WaitUntil([&] {
    world.Tick();
    EXPECT_TRUE(asked.fleet().Find("lamp", absl::Now(), &session).ok());
    EXPECT_TRUE(session.status.online() || session.source != AnswerSource::kEngine)
        << world.Describe();
    return session.status.online();
  })) << world.Describe();
}

// As with a full disk, or without the replicas that it is told to want.
TEST(FleetTest, AnEngineThatTakesNoWritesMakesNobodyLost) {
  constexpr absl::Duration kLease = absl::Seconds(1);
  FleetWorld world({.nodes = 2, .clients = 0, .lease = kLease});
  world.node(0).Connect("lamp");
  const auto online = [&] {
    world.Tick();
    return world.node(1).OnlineInSnapshot("lamp");
  };
  ASSERT_TRUE(WaitUntil(online)) << world.Describe();
  ASSERT_EQ(world.engine().Command("CONFIG SET min-replicas-to-write 1"), "OK");
  const absl::Time begin = absl::Now();
  EXPECT_FALSE(WaitUntil([&] { return !online(); }, 4 * kLease))
      << "lost after " << absl::Now() - begin;
  ASSERT_EQ(world.engine().Command("CONFIG SET min-replicas-to-write 0"), "OK");
  EXPECT_FALSE(WaitUntil([&] { return !online(); }, 2 * kLease));
}

// Nothing in it changes any more, so what is read there is as old as the first write that it
// refused, although it is read now. `setting`: no replica is left; memory is full, in which case it
// still renews leases.
class NoWritesTest : public ::testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  static constexpr absl::Duration kLease = absl::Seconds(1);
  static bool SaysSo(FleetNode& node) {
    return absl::StartsWith(node.fleet().Status().state,
                            "hears nothing new, no writes are taken: ");
  }
  void Set(FleetWorld& world, const char* value) {
    ASSERT_EQ(world.engine().Command(absl::StrCat("CONFIG SET ", GetParam().first, " ", value)),
              "OK");
  }
};
INSTANTIATE_TEST_SUITE_P(Fleet, NoWritesTest,
                         ::testing::Values(std::pair("min-replicas-to-write", "NOREPLICAS"),
                                           std::pair("maxmemory", "OOM")),
                         [](const auto& test) { return std::string(test.param.second); });

TEST_P(NoWritesTest, WhatIsKnownOfTheOthersGetsOldAndEveryNodeSaysSo) {
  FleetWorld world({.nodes = 2, .clients = 0, .lease = kLease});
  FleetNode& asked = world.node(1);
  world.node(0).Connect("early");
  ASSERT_TRUE(WaitUntil([&] {
    world.Tick();
    return asked.OnlineInSnapshot("early");
  })) << world.Describe();
  Set(world, "1");
  const absl::Time refused = absl::Now();
  const uint64_t errors = asked.fleet().Status().engine_errors;
  ASSERT_TRUE(WaitUntil([&] { return SaysSo(asked) && SaysSo(world.node(0)); }))
      << world.Describe();
  world.node(0).Connect("late");
  world.node(0).Disconnect("early", EndReason::kClientDisconnect);
  const absl::Duration slack = absl::Milliseconds(20);  // of two clocks that are read one by one
  EXPECT_FALSE(WaitUntil(
      [&] {
        EXPECT_LT(asked.fleet().AsOf(), refused + slack);
        registry::OtherSession session;
        EXPECT_TRUE(asked.fleet().Find("late", absl::Now(), &session).ok());
        EXPECT_EQ(session.source, AnswerSource::kReplica);
        EXPECT_LT(session.as_of, refused + slack);
        EXPECT_TRUE(SaysSo(asked)) << world.Describe();
        return ::testing::Test::HasFailure();
      },
      2 * kLease));
  const registry::FleetStatus status = asked.fleet().Status();
  EXPECT_THAT(status.state, ::testing::HasSubstr(GetParam().second));
  EXPECT_GT(status.engine_errors, errors);
  Set(world, "0");
  EXPECT_TRUE(WaitUntil([&] {
    world.Tick();
    std::string node;
    return asked.fleet().Status().state == "joined" && asked.OnlineExactly("late", &node) &&
           !asked.OnlineExactly("early") && asked.fleet().AsOf() > refused + kLease;
  })) << world.Describe();
}

TEST_P(NoWritesTest, AsToldToFailAnExactAnswerIsAnError) {
  FleetWorld world({.nodes = 1,
                    .clients = 0,
                    .lease = kLease,
                    .when_engine_away = fleet::WhenEngineAway::kFail});
  Set(world, "1");
  ASSERT_TRUE(WaitUntil([&] { return SaysSo(world.node(0)); })) << world.Describe();
  registry::OtherSession session;
  const absl::Status status = world.node(0).fleet().Find("lamp", absl::Now(), &session);
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("takes no writes"));
}

TEST_P(NoWritesTest, InDirectModeNothingIsKnownOfTheOthers) {
  FleetWorld world({.nodes = 1, .clients = 0, .lease = kLease, .mode = fleet::Mode::kDirect});
  Set(world, "1");
  ASSERT_TRUE(WaitUntil([&] { return SaysSo(world.node(0)); })) << world.Describe();
  const absl::string_view id = "lamp";
  registry::OtherStatus status;
  const registry::OthersCut cut = world.node(0).fleet().QuerySnapshot({&id, 1}, {&status, 1});
  EXPECT_EQ(cut.as_of, absl::InfinitePast());
}

// Whom the engine names under this node's number is a client of the other process.
TEST(FleetTest, ANodeWhoseNameAnotherProcessHasTakenKnowsNothingOfTheOthers) {
  FleetWorld world({.nodes = 1, .clients = 0, .lease = absl::Minutes(5)});
  FleetNode& here = world.node(0);
  ASSERT_TRUE(WaitUntil([&] { return !here.fleet().Status().nodes.empty(); }));
  const std::string lease =
      absl::StrCat("ms:{test}:lease:", here.fleet().Status().nodes.at(0).number);
  world.engine().Command(absl::StrCat("SET ", lease, " another"));
  world.engine().Command("CLIENT KILL TYPE normal");
  ASSERT_TRUE(WaitUntil([&] {
    return absl::StartsWith(here.fleet().Status().state, "not joined: another process is node ");
  })) << world.Describe();
  registry::OtherSession session;
  ASSERT_TRUE(here.fleet().Find("lamp", absl::Now(), &session).ok());
  EXPECT_EQ(session.source, AnswerSource::kReplica);
  EXPECT_EQ(session.as_of, absl::InfinitePast());
}

}  // namespace
}  // namespace session_status::testing
