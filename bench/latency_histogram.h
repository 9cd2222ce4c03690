// Durations in buckets of 1/32 of their power of two: 3 % wide, fixed memory.
#ifndef SESSION_STATUS_BENCH_LATENCY_HISTOGRAM_H_
#define SESSION_STATUS_BENCH_LATENCY_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace session_status::bench {

class LatencyHistogram {
 public:
  void Add(int64_t ns) {
    ++buckets_[Bucket(static_cast<uint64_t>(std::max<int64_t>(ns, 1)))];
    ++count_;
  }
  void Add(const LatencyHistogram& other) {
    for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
    count_ += other.count_;
  }
  uint64_t count() const { return count_; }
  double QuantileUs(double q) const {
    const auto rank = static_cast<uint64_t>(q * static_cast<double>(count_));
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > rank) return LowerBound(i) / 1000;
    }
    return 0;
  }

 private:
  static constexpr int kSubBits = 5;
  static size_t Bucket(uint64_t ns) {
    const int width = static_cast<int>(std::bit_width(ns));
    const int shift = std::max(0, width - kSubBits - 1);
    return (static_cast<size_t>(shift) << kSubBits) + (ns >> shift);
  }
  static double LowerBound(size_t bucket) {
    // Bucket (shift << 5) + m with m in [32, 64) once shift > 0; below, the value itself.
    if (bucket < (2u << kSubBits)) return static_cast<double>(bucket);
    const size_t shift = (bucket >> kSubBits) - 1;
    return std::ldexp(static_cast<double>(bucket - (shift << kSubBits)), static_cast<int>(shift));
  }
  std::array<uint64_t, 64 << kSubBits> buckets_{};
  uint64_t count_ = 0;
};

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_LATENCY_HISTOGRAM_H_
