// How long something took, counted into fixed buckets from 250 ns to 100 ms: the range of a broker
// callback, a query and a snapshot.
//
// Threads: any; Record() is wait-free and touches nothing but its own counters, so the broker's
//          thread may call it.
// Consistency: a reading's count is the sum of its buckets; a Record() in flight may be missing
//          from the sum of durations.
#ifndef SESSION_STATUS_PLUGIN_METRICS_DURATION_HISTOGRAM_H_
#define SESSION_STATUS_PLUGIN_METRICS_DURATION_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "prometheus/client_metric.h"
#include "registry/counter.h"

namespace session_status::metrics {

// Upper bounds, inclusive. A wrong order would count into a wrong bucket; see the assertion in the
// .cc.
inline constexpr std::array<int64_t, 14> kBucketBoundsNs = {
    250,    500,     1'000,   2'500,     5'000,     10'000,     25'000,
    50'000, 100'000, 250'000, 1'000'000, 2'500'000, 10'000'000, 100'000'000};

class DurationHistogram {
 public:
  void Record(int64_t nanoseconds) noexcept;

  uint64_t count() const;
  prometheus::ClientMetric::Histogram Read() const;  // in seconds, buckets cumulative

 private:
  std::array<Counter, kBucketBoundsNs.size() + 1> buckets_;  // the last: above all bounds
  Counter sum_ns_;
};

}  // namespace session_status::metrics

#endif  // SESSION_STATUS_PLUGIN_METRICS_DURATION_HISTOGRAM_H_
