#include "plugin/metrics/duration_histogram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace session_status::metrics {
namespace {

TEST(DurationHistogramTest, CountsIntoTheFirstBucketWhoseBoundIsNotExceeded) {
  struct Case {
    int64_t nanoseconds;
    size_t bucket;
  };
  for (const Case& c : {Case{-5, 0}, Case{0, 0}, Case{250, 0}, Case{251, 1}, Case{1'000, 2},
                        Case{100'000'000, 13}, Case{100'000'001, 14}}) {
    SCOPED_TRACE(c.nanoseconds);
    DurationHistogram histogram;
    histogram.Record(c.nanoseconds);
    const auto reading = histogram.Read();
    ASSERT_EQ(reading.bucket.size(), kBucketBoundsNs.size() + 1);
    for (size_t i = 0; i < reading.bucket.size(); ++i) {
      EXPECT_EQ(reading.bucket[i].cumulative_count, i >= c.bucket ? 1u : 0u) << i;
    }
  }
}

TEST(DurationHistogramTest, SumsInSeconds) {
  DurationHistogram histogram;
  histogram.Record(1'500'000);
  histogram.Record(500'000);
  const auto reading = histogram.Read();
  EXPECT_EQ(reading.sample_count, 2u);
  EXPECT_DOUBLE_EQ(reading.sample_sum, 0.002);
  EXPECT_DOUBLE_EQ(reading.bucket[0].upper_bound, 250e-9);
}

TEST(DurationHistogramTest, LosesNothingWhenManyThreadsRecord) {
  DurationHistogram histogram;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&histogram] {
      for (int i = 0; i < 10'000; ++i) histogram.Record(i);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(histogram.count(), 40'000u);
}

}  // namespace
}  // namespace session_status::metrics
