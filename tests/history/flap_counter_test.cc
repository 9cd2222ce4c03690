#include "plugin/history/flap_counter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace session_status::history {
namespace {

using registry::EndReason;

const int64_t kStart = 1'700'000'000'000;
const int64_t kHalfLife = absl::ToInt64Milliseconds(kFlapHalfLife);

void Add(FlapCounter* counter, absl::string_view id, int64_t time_ms) {
  counter->Add(id, time_ms, EndReason::kNetworkError, "10.0.0.7");
}

TEST(FlapCounterTest, ListsTheWorstFirstWithWhenWhyAndFromWhere) {
  FlapCounter counter(10);
  for (int i = 0; i < 5; ++i) Add(&counter, "worst", kStart + i);
  Add(&counter, "once", kStart);
  counter.Add("worst", kStart + 9, EndReason::kTakenOver, "10.0.0.8");
  const auto top = counter.Top(10, kStart + 9);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].client_id, "worst");
  EXPECT_NEAR(top[0].score, 6, 0.01);
  EXPECT_EQ(top[0].score_error, 0);
  EXPECT_EQ(top[0].flaps, 6u);
  EXPECT_EQ(top[0].first_ms, kStart);
  EXPECT_EQ(top[0].last_ms, kStart + 9);
  EXPECT_EQ(top[0].last_reason, EndReason::kTakenOver);
  EXPECT_EQ(top[0].address, "10.0.0.8");
  EXPECT_EQ(counter.total(), 7u);
  EXPECT_EQ(counter.Top(1, kStart).size(), 1u);
}

TEST(FlapCounterTest, AFlapOfOneHalfLifeAgoCountsHalf) {
  FlapCounter counter(10);
  for (int i = 0; i < 8; ++i) Add(&counter, "calm", kStart);
  EXPECT_NEAR(counter.Top(1, kStart + kHalfLife)[0].score, 4, 0.01);
  EXPECT_NEAR(counter.Top(1, kStart + 3 * kHalfLife)[0].score, 1, 0.01);
  for (int i = 0; i < 5; ++i) Add(&counter, "new", kStart + kHalfLife);
  EXPECT_EQ(counter.Top(1, kStart + kHalfLife)[0].client_id, "new");
}

TEST(FlapCounterTest, AClockThatWasSetBackMakesNoScoreGrow) {
  FlapCounter counter(10);
  for (int i = 0; i < 8; ++i) Add(&counter, "worst", kStart + i);
  for (const int64_t days : {1, 30, 3650}) {
    const auto top = counter.Top(1, kStart - days * 86'400'000);
    EXPECT_NEAR(top[0].score, 8, 0.01) << days;
  }
}

TEST(FlapCounterTest, ScoresSurviveYears) {
  FlapCounter counter(4);
  for (int64_t day = 0; day < 2000; ++day) {
    Add(&counter, absl::StrCat("c", day % 3), kStart + day * 86'400'000);
  }
  const auto top = counter.Top(1, kStart + int64_t{1999} * 86'400'000);
  EXPECT_EQ(top[0].client_id, "c1");
  EXPECT_NEAR(top[0].score, 1, 0.01);
}

TEST(FlapCounterTest, AFrequentFlapperIsListedAmongManyRareOnesAndNeverTooLow) {
  constexpr size_t kRows = 50;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed=", seed));
    std::mt19937_64 rng(seed);
    FlapCounter counter(kRows);
    std::map<std::string, double> truth;
    constexpr int kFlaps = 20'000;
    for (int i = 0; i < kFlaps; ++i) {
      // Ten clients share a third; the others are one in a hundred thousand each.
      const std::string id =
          rng() % 3 == 0 ? absl::StrCat("bad", rng() % 10) : absl::StrCat("c", rng() % 100'000);
      Add(&counter, id, kStart);
      truth[id] += 1;
    }
    const auto top = counter.Top(kRows, kStart);
    std::map<std::string, FlapCounter::Row> listed;
    for (const auto& row : top) listed[row.client_id] = row;
    for (const auto& [id, count] : truth) {
      if (count <= kFlaps / static_cast<double>(kRows)) continue;
      ASSERT_EQ(listed.count(id), 1u) << id << " has " << count;
    }
    for (const auto& [id, row] : listed) {
      EXPECT_GE(row.score + 1e-6, truth[id]) << id;
      EXPECT_LE(row.score - row.score_error, truth[id] + 1e-6) << id;
    }
  }
}

TEST(FlapCounterTest, VeryLongIdentifiersAreCountedButNotListed) {
  FlapCounter counter(4);
  Add(&counter, std::string(FlapCounter::kIdBytesMax + 1, 'x'), kStart);
  EXPECT_TRUE(counter.Top(4, kStart).empty());
  EXPECT_EQ(counter.total(), 1u);
}

TEST(FlapCounterTest, WithoutRowsNothingIsListed) {
  FlapCounter counter(0);
  Add(&counter, "lamp", kStart);
  EXPECT_TRUE(counter.Top(4, kStart).empty());
}

}  // namespace
}  // namespace session_status::history
