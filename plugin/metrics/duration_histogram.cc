#include "plugin/metrics/duration_histogram.h"

#include <limits>

namespace session_status::metrics {
namespace {

constexpr bool Rising() {
  for (size_t i = 1; i < kBucketBoundsNs.size(); ++i) {
    if (kBucketBoundsNs[i - 1] >= kBucketBoundsNs[i]) return false;
  }
  return true;
}
static_assert(Rising());

constexpr double kSecondsPerNs = 1e-9;

}  // namespace

void DurationHistogram::Record(int64_t nanoseconds) noexcept {
  if (nanoseconds < 0) nanoseconds = 0;
  size_t i = 0;
  while (i < kBucketBoundsNs.size() && nanoseconds > kBucketBoundsNs[i]) ++i;
  buckets_[i].Add();
  sum_ns_.Add(static_cast<uint64_t>(nanoseconds));
}

uint64_t DurationHistogram::count() const {
  uint64_t count = 0;
  for (const Counter& bucket : buckets_) count += bucket.value();
  return count;
}

prometheus::ClientMetric::Histogram DurationHistogram::Read() const {
  prometheus::ClientMetric::Histogram out;
  out.bucket.reserve(buckets_.size());
  uint64_t cumulative = 0;
  for (size_t i = 0; i < buckets_.size(); ++i) {
    cumulative += buckets_[i].value();
    const double bound = i < kBucketBoundsNs.size() ? static_cast<double>(kBucketBoundsNs[i]) / 1e9
                                                    : std::numeric_limits<double>::infinity();
    out.bucket.push_back({cumulative, bound});
  }
  out.sample_count = cumulative;
  out.sample_sum = static_cast<double>(sum_ns_.value()) * kSecondsPerNs;
  return out;
}

}  // namespace session_status::metrics
