#include "plugin/fleet/shard_look.h"

#include <gtest/gtest.h>

namespace session_status::fleet {
namespace {

constexpr NodeNumber kThere = 2;
constexpr NodeNumber kElsewhere = 3;

Followed Seen() {
  Followed seen;
  seen.birth = "b";
  seen.position = "1700-5";
  seen.nodes = {{kThere, 7, 20, true}, {kElsewhere, 9, 3, true}};
  return seen;
}

ShardLook Same() { return {"1700-5", "b", {{kThere, {20, {7}}}, {kElsewhere, {3, {9}}}}}; }

TEST(ShardLookTest, StreamIdsAreComparedAsTwoNumbers) {
  EXPECT_TRUE(IsEarlierId("9-0", "10-0"));
  EXPECT_TRUE(IsEarlierId("10-9", "10-10"));
  EXPECT_TRUE(IsEarlierId("0-0", "0-1"));
  EXPECT_FALSE(IsEarlierId("10-10", "10-10"));
  EXPECT_FALSE(IsEarlierId("11-0", "10-9"));
}

TEST(ShardLookTest, WhatWasFollowedOrIsFurtherOnIsTheSameData) {
  EXPECT_TRUE(IsSameData(Same(), Seen()));
  ShardLook further = Same();
  further.last_id = "1700-6";
  further.owners[kThere].number = 21;
  EXPECT_TRUE(IsSameData(further, Seen()));
}

TEST(ShardLookTest, BornAnewEarlierOrNumberedLowerIsOtherData) {
  ShardLook look = Same();
  look.birth = "c";
  EXPECT_FALSE(IsSameData(look, Seen()));
  EXPECT_FALSE(IsSameData(ShardLook(), Seen())) << "nothing there";
  look = Same();
  look.last_id = "1700-4";
  EXPECT_FALSE(IsSameData(look, Seen()));
  look = Same();
  look.last_id = "1800-0";  // somebody has written to an old copy
  look.owners[kElsewhere].number = 2;
  EXPECT_FALSE(IsSameData(look, Seen()));
}

TEST(ShardLookTest, WhileItIsRefilledNothingIsTheSame) {
  Followed seen = Seen();
  seen.refilling = true;
  EXPECT_FALSE(IsSameData(Same(), seen));
}

TEST(ShardLookTest, WhoHasFollowedNothingHasNothingToDoubtBy) {
  EXPECT_TRUE(IsSameData(Same(), Followed()));
}

TEST(ShardLookTest, ANodeUnderAnotherGenerationHasNotWrittenItAll) {
  EXPECT_TRUE(HoldsAllOf(kThere, Same(), Seen()));
  ShardLook look = Same();
  look.owners[kThere] = {0, {8}};
  EXPECT_TRUE(IsSameData(look, Seen())) << "numbers of another generation say nothing";
  EXPECT_FALSE(HoldsAllOf(kThere, look, Seen()));
  EXPECT_TRUE(HoldsAllOf(kElsewhere, look, Seen())) << "one node's re-send concerns nobody else";
  look.owners[kThere] = {0, {7, 6}};
  EXPECT_FALSE(HoldsAllOf(kThere, look, Seen())) << "a re-send under way";
  look.owners.erase(kThere);
  EXPECT_FALSE(HoldsAllOf(kThere, look, Seen()));
}

TEST(ShardLookTest, ANodeThatWasInAReSendOrIsNotBackIsDoubted) {
  Followed seen = Seen();
  seen.nodes[0].settled = false;
  EXPECT_FALSE(HoldsAllOf(kThere, Same(), seen));
  seen = Seen();
  seen.nodes[0].generation = 0;
  EXPECT_FALSE(HoldsAllOf(kThere, Same(), seen));
}

TEST(ShardLookTest, ANodeThatHasComeSinceIsBelieved) {
  ShardLook look = Same();
  look.owners[4] = {0, {5}};
  EXPECT_TRUE(HoldsAllOf(4, look, Seen()));
}

}  // namespace
}  // namespace session_status::fleet
