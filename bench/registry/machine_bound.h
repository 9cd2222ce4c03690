// What the machine itself needs for reads that miss the caches: the bound that no table beats.
#ifndef SESSION_STATUS_BENCH_REGISTRY_MACHINE_BOUND_H_
#define SESSION_STATUS_BENCH_REGISTRY_MACHINE_BOUND_H_

#include <cstddef>

namespace session_status::bench {

struct MachineBound {
  double one_miss_ns = 0;
  double one_round_ns = 0;   // ten independent misses
  double two_rounds_ns = 0;  // ten chains of two dependent misses
};

// Medians over random lines of `bytes` of memory.
MachineBound MeasureMachineBound(size_t bytes, bool huge_pages);

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_REGISTRY_MACHINE_BOUND_H_
