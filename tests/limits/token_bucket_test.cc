#include "plugin/limits/token_bucket.h"

#include <gtest/gtest.h>

namespace session_status::limits {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1'767'323'045);

TEST(TokenBucketTest, AdmitsABurstThenTheRate) {
  TokenBucket bucket;
  const RateLimit limit{100, 0};
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(bucket.TryTake(limit, kStart).admitted) << i;
  const Admission refused = bucket.TryTake(limit, kStart);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.retry_after, absl::Milliseconds(10));
  EXPECT_FALSE(bucket.TryTake(limit, kStart + absl::Milliseconds(9)).admitted);
  EXPECT_TRUE(bucket.TryTake(limit, kStart + refused.retry_after).admitted);
  EXPECT_FALSE(bucket.TryTake(limit, kStart + absl::Milliseconds(10)).admitted);
}

TEST(TokenBucketTest, AdmitsExactlyTheRateOverAMinuteOfHammering) {
  TokenBucket bucket;
  const RateLimit limit{100, 1};
  int admitted = 0;
  for (int ms = 0; ms < 60'000; ++ms) {
    admitted += bucket.TryTake(limit, kStart + absl::Milliseconds(ms)).admitted;
  }
  EXPECT_EQ(admitted, 6000);
}

TEST(TokenBucketTest, ZeroIsNoLimitAndTimeMayStandStill) {
  TokenBucket bucket;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(bucket.TryTake(RateLimit{}, kStart).admitted);
}

TEST(TokenBucketTest, AClockThatStepsBackRefusesNoLongerThanTheBucketItself) {
  TokenBucket bucket;
  const RateLimit limit{10, 10};
  for (int i = 0; i < 10; ++i) bucket.TryTake(limit, kStart);
  const absl::Time earlier = kStart - absl::Minutes(10);
  const Admission refused = bucket.TryTake(limit, earlier);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.retry_after, absl::Milliseconds(100));
  EXPECT_TRUE(bucket.TryTake(limit, earlier + refused.retry_after).admitted);
}

TEST(KeyedBucketsTest, LookingForATokenTakesNone) {
  KeyedBuckets buckets(RateLimit{2, 2});
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(buckets.HasToken(1, kStart));
  EXPECT_EQ(buckets.keys(), 0u);
  EXPECT_TRUE(buckets.TryTake(1, kStart).admitted);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(buckets.HasToken(1, kStart));
  EXPECT_TRUE(buckets.TryTake(1, kStart).admitted);
  EXPECT_FALSE(buckets.HasToken(1, kStart));
  EXPECT_FALSE(buckets.HasToken(1, kStart + absl::Milliseconds(499)));
  EXPECT_TRUE(buckets.HasToken(1, kStart + absl::Milliseconds(500)));
  EXPECT_TRUE(buckets.HasToken(2, kStart)) << "another's";
  EXPECT_TRUE(KeyedBuckets(RateLimit{}).HasToken(1, kStart)) << "no limit";
}

TEST(KeyedBucketsTest, KeysDoNotShareTokens) {
  KeyedBuckets buckets(RateLimit{2, 2});
  for (uint64_t key = 0; key < 100; ++key) {
    EXPECT_TRUE(buckets.TryTake(key, kStart).admitted);
    EXPECT_TRUE(buckets.TryTake(key, kStart).admitted);
    EXPECT_FALSE(buckets.TryTake(key, kStart).admitted);
  }
}

TEST(KeyedBucketsTest, AFloodOfKeysStaysBoundedAndPushesNobodyOut) {
  KeyedBuckets buckets(RateLimit{2, 2}, 1600);
  for (int i = 0; i < 3; ++i) buckets.TryTake(7, kStart);
  int refused = 0;
  for (uint64_t key = 1000; key < 21'000; ++key) refused += !buckets.TryTake(key, kStart).admitted;
  EXPECT_LE(buckets.keys(), 1600u);
  EXPECT_GE(refused, 18'000);
  EXPECT_FALSE(buckets.TryTake(7, kStart).admitted);
  // Buckets that are full again make room.
  EXPECT_TRUE(buckets.TryTake(99'999, kStart + absl::Seconds(2)).admitted);
}

TEST(KeyedBucketsTest, WhoFindsAllBucketsInUseIsToldWhenOneIsFree) {
  // One bucket per shard, and keys of one shard.
  KeyedBuckets buckets(RateLimit{2, 2}, 16);
  ASSERT_TRUE(buckets.TryTake(16, kStart).admitted);
  const Admission refused = buckets.TryTake(32, kStart);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.retry_after, absl::Milliseconds(500));
  const Admission again = buckets.TryTake(48, kStart + absl::Milliseconds(200));
  EXPECT_FALSE(again.admitted);
  EXPECT_EQ(again.retry_after, absl::Milliseconds(300));
  EXPECT_FALSE(buckets.TryTake(32, kStart + absl::Milliseconds(499)).admitted);
  EXPECT_TRUE(buckets.TryTake(32, kStart + refused.retry_after).admitted);
}

TEST(KeyedBucketsTest, AClockThatStepsBackKeepsNobodyOutForLongerThanABucketTakesToFill) {
  KeyedBuckets buckets(RateLimit{2, 2}, 16);
  ASSERT_TRUE(buckets.TryTake(16, kStart).admitted);
  ASSERT_FALSE(buckets.TryTake(32, kStart).admitted) << "it is known when one is free";
  const absl::Time earlier = kStart - absl::Minutes(10);
  const Admission refused = buckets.TryTake(32, earlier);
  EXPECT_FALSE(refused.admitted);
  EXPECT_EQ(refused.retry_after, absl::Seconds(1));
  EXPECT_FALSE(buckets.TryTake(32, earlier + absl::Milliseconds(999)).admitted);
  EXPECT_TRUE(buckets.TryTake(32, earlier + refused.retry_after).admitted);
}

}  // namespace
}  // namespace session_status::limits
