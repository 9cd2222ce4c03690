#include "plugin/fleet/others_table.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace session_status::fleet {
namespace {

using registry::EndReason;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr NodeNumber kMe = 1;
constexpr NodeNumber kThere = 2;
constexpr uint32_t kShard = 0;

ClientHash HashOf(const std::string& id) { return ClientHasher().Hash(id); }

Event Up(const std::string& id, Epoch epoch) {
  return {Event::Kind::kUp, HashOf(id), epoch, EndReason::kNone};
}

// One shard, in which one other node writes.
class OthersTableTest : public ::testing::Test {
 protected:
  // A re-send, as the node's writer makes it: under a new generation, numbered from 1 on.
  void Begin(Generation generation, std::vector<Generation> older = {}) {
    generation_ = generation;
    number_ = 0;
    EXPECT_TRUE(Apply(Entry::Kind::kBegin, 0, {}, std::move(older)));
  }
  void Tell(std::vector<Event> events) {
    EXPECT_TRUE(Apply(Entry::Kind::kApplied, ++number_, std::move(events)));
  }
  void Finish() { EXPECT_TRUE(Apply(Entry::Kind::kEnd, ++number_, {})); }
  // What most tests begin with: both clients are there, under generation 100.
  void SendBoth() {
    Begin(100);
    Tell({Up("lamp", 10), Up("fan", 10)});
    Finish();
  }
  bool Apply(Entry::Kind kind, uint32_t number, std::vector<Event> events,
             std::vector<Generation> older = {}) {
    const Entry entry = {kind, kThere, generation_, number, std::move(older), std::move(events)};
    return table_.ApplyEntry(kShard, entry, kNow);
  }

  // A load that finds the rows of `found`, while the node's generations are these.
  void Load(std::vector<Generation> generations, const std::vector<std::string>& found) {
    const Generation written = generations.front();
    const std::map<NodeNumber, Owner> owners = {{kThere, {number_, std::move(generations)}}};
    table_.BeginLoad(kShard, owners, kNow);
    std::vector<OthersTable::LoadedRow> rows;
    for (const std::string& id : found) rows.push_back({HashOf(id), {10, kThere, written}});
    table_.LoadRows(kShard, rows, kNow);
    table_.EndLoad(kShard, owners, kNow);
  }

  // "lamp fan": who of the two is online, for the table and in the registry.
  std::string Online() const {
    std::string online;
    for (const char* id : {"lamp", "fan"}) {
      const ClientHash hash = HashOf(id);
      const bool shown = registry_.Find(hash.view()).online();
      EXPECT_EQ(table_.Find(kShard, hash).node == kThere, shown) << id;
      if (shown) online += online.empty() ? id : std::string(" ") + id;
    }
    return online;
  }
  bool IsSettled() const {
    std::vector<Followed::Node> nodes;
    table_.TellFollowed(kShard, &nodes);
    return nodes.size() == 1 && nodes.front().settled;
  }
  EndReason ReasonOf(const std::string& id) const {
    return registry_.Find(HashOf(id).view()).reason;
  }

  registry::SessionRegistry registry_;
  uint64_t next_incarnation_ = 1;
  OthersTable table_{registry_, &next_incarnation_, 1, kMe, true, [](const Event&, NodeNumber) {}};
  Generation generation_ = 0;
  uint32_t number_ = 0;
};

TEST_F(OthersTableTest, WhileANodeSendsItsSessionsAgainItsClientsStayOnline) {
  SendBoth();
  Begin(200, {100});
  EXPECT_EQ(Online(), "lamp fan");
  Tell({Up("lamp", 10)});
  EXPECT_EQ(Online(), "lamp fan");
  Finish();
  EXPECT_EQ(Online(), "lamp") << "what was not sent again is gone";
  EXPECT_EQ(ReasonOf("fan"), EndReason::kUnknown);
}

TEST_F(OthersTableTest, WhoIsBackWhenItsBrokerBeginsAnewIsNotOfflineMeanwhile) {
  SendBoth();
  Begin(200);
  EXPECT_EQ(Online(), "lamp fan");
  EXPECT_FALSE(IsSettled()) << "the engine does not know of them any more, and is not to be asked";
  Tell({Up("lamp", 20)});
  EXPECT_EQ(Online(), "lamp fan");
  Finish();
  EXPECT_TRUE(IsSettled());
  EXPECT_EQ(Online(), "lamp");
  EXPECT_EQ(ReasonOf("fan"), EndReason::kBrokerRestart);
}

TEST_F(OthersTableTest, WhoIsBackIsNotOfflineHoweverOftenItsBrokerBegins) {
  SendBoth();
  Begin(200);         // anew
  Begin(300, {200});  // the same process
  Begin(400);         // anew
  EXPECT_EQ(Online(), "lamp fan");
  Tell({Up("lamp", 20)});
  Finish();
  EXPECT_EQ(Online(), "lamp");
  EXPECT_EQ(ReasonOf("fan"), EndReason::kBrokerRestart);
}

TEST_F(OthersTableTest, ANodeThatWasLostAndBeginsAnewHasNoneOfItsOlderSessions) {
  SendBoth();
  table_.SetLost(kThere, true, kNow);
  EXPECT_EQ(Online(), "");
  table_.SetLost(kThere, false, kNow);  // its name is held again
  Begin(200);
  EXPECT_EQ(Online(), "");
  EXPECT_EQ(ReasonOf("lamp"), EndReason::kBrokerRestart);
}

TEST_F(OthersTableTest, ALoadEndsWhatWasKeptOfAProcessThatIsGone) {
  SendBoth();
  Begin(200);
  number_ = 3;  // two entries are missed
  Load({200}, {"lamp"});
  EXPECT_EQ(Online(), "lamp");
  EXPECT_TRUE(IsSettled());
}

TEST_F(OthersTableTest, ANodeThatHasLeftInOrderEndedItsSessionsItself) {
  SendBoth();
  Begin(kFarewell);
  EXPECT_EQ(Online(), "");
  EXPECT_EQ(ReasonOf("lamp"), EndReason::kServerShutdown);
}

TEST_F(OthersTableTest, ThatANodeHasLeftInOrderIsFoundWhenItsShardIsLoaded) {
  Begin(100);
  Tell({Up("lamp", 10)});
  Finish();
  Load({kFarewell}, {});
  EXPECT_EQ(Online(), "");
  EXPECT_EQ(ReasonOf("lamp"), EndReason::kServerShutdown);
}

TEST_F(OthersTableTest, WhoSendsAgainKeepsWhatWasKnownEvenIfAGenerationWasNeverRead) {
  SendBoth();
  Begin(300, {200});
  EXPECT_TRUE(registry_.Find(HashOf("lamp").view()).online());
  Tell({Up("lamp", 10)});
  Finish();
  EXPECT_EQ(Online(), "lamp");
}

TEST_F(OthersTableTest, WhatALoadDoesNotFindIsDroppedAtItsEnd) {
  SendBoth();
  Load({100}, {"lamp", "fan"});
  EXPECT_EQ(Online(), "lamp fan");
  Load({100}, {"lamp"});
  EXPECT_EQ(Online(), "lamp");
  EXPECT_EQ(table_.rows(), 1u);
  Load({100}, {"fan"});
  EXPECT_EQ(Online(), "fan");
}

TEST_F(OthersTableTest, ALoadInTheMiddleOfAResendLeavesWhatMayStillCome) {
  SendBoth();
  Begin(200, {100});
  Load({200, 100}, {"lamp"});
  EXPECT_EQ(Online(), "lamp fan");
  Finish();
  EXPECT_EQ(Online(), "lamp");
}

// The engine came back empty, and the node has written everything again.
TEST_F(OthersTableTest, ALoadUnderAnotherGenerationTakesNobodyOfflineWhoIsThere) {
  SendBoth();
  const auto shown = [&](const char* id) { return registry_.Find(HashOf(id).view()).online(); };
  const std::map<NodeNumber, Owner> owners = {{kThere, {2, {200}}}};
  table_.BeginLoad(kShard, owners, kNow);
  EXPECT_TRUE(shown("lamp"));
  EXPECT_TRUE(shown("fan")) << "not known before the end of the load";
  const OthersTable::LoadedRow row = {HashOf("lamp"), {10, kThere, 200}};
  table_.LoadRows(kShard, {&row, 1}, kNow);
  EXPECT_TRUE(shown("lamp"));
  table_.EndLoad(kShard, owners, kNow);
  EXPECT_EQ(Online(), "lamp");
  EXPECT_EQ(ReasonOf("fan"), EndReason::kBrokerRestart);
}

TEST_F(OthersTableTest, AResendThatBeginsInTheMidstOfALoadTakesNobodyOffline) {
  SendBoth();
  const std::map<NodeNumber, Owner> before = {{kThere, {2, {100}}}};
  const std::map<NodeNumber, Owner> after = {{kThere, {1, {200, 100}}}};
  table_.BeginLoad(kShard, before, kNow);
  const OthersTable::LoadedRow row = {HashOf("lamp"), {10, kThere, 200}};  // sent again already
  table_.LoadRows(kShard, {&row, 1}, kNow);
  EXPECT_EQ(Online(), "lamp fan");
  table_.EndLoad(kShard, after, kNow);
  EXPECT_EQ(Online(), "lamp fan");
  Begin(200, {100});
  Tell({Up("lamp", 10)});
  Finish();
  EXPECT_EQ(Online(), "lamp");
}

TEST_F(OthersTableTest, ADeadRowThatIsStillInTheEngineIsNobody) {
  Begin(100);
  Tell({Up("lamp", 10)});
  Finish();
  const std::map<NodeNumber, Owner> owners = {{kThere, {2, {200}}}};
  table_.BeginLoad(kShard, owners, kNow);
  const OthersTable::LoadedRow row = {HashOf("lamp"), {10, kThere, 100}};
  table_.LoadRows(kShard, {&row, 1}, kNow);
  table_.EndLoad(kShard, owners, kNow);
  EXPECT_EQ(Online(), "");
  EXPECT_EQ(table_.rows(), 0u);
}

TEST_F(OthersTableTest, AnEntryThatDoesNotFollowOnTheLastAsksForALoad) {
  EXPECT_FALSE(Apply(Entry::Kind::kApplied, 1, {Up("lamp", 10)})) << "who is that?";
  Begin(100);
  EXPECT_FALSE(Apply(Entry::Kind::kApplied, 2, {Up("lamp", 10)}));
  EXPECT_EQ(Online(), "");
  Tell({Up("lamp", 10)});
  EXPECT_FALSE(Apply(Entry::Kind::kApplied, 1, {Up("fan", 10)})) << "once more";
  EXPECT_EQ(Online(), "lamp");
}

TEST_F(OthersTableTest, ClientsOfALostNodeAreOfflineUntilItIsBack) {
  Begin(100);
  Tell({Up("lamp", 10), Up("fan", 10)});
  table_.SetLost(kThere, true, kNow);
  EXPECT_EQ(Online(), "");
  EXPECT_EQ(ReasonOf("lamp"), EndReason::kNodeLost);
  table_.SetLost(kThere, false, kNow);
  EXPECT_EQ(Online(), "lamp fan");
}

}  // namespace
}  // namespace session_status::fleet
