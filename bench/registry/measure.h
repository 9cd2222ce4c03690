// What is measured of each table.
#ifndef SESSION_STATUS_BENCH_REGISTRY_MEASURE_H_
#define SESSION_STATUS_BENCH_REGISTRY_MEASURE_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "bench/registry/clients.h"

namespace session_status::bench {

enum class Writing { kOff, kPaced, kFullSpeed };  // kPaced: 20,000 events a second
const char* Name(Writing w);

// Nanoseconds; isolated operations, the clock's own cost subtracted.
struct Figures {
  double hit_p50 = 0, hit_p999 = 0;
  double miss_p50 = 0;
  double batch10_p50 = 0, batch10_p999 = 0;
  double batch10000_per_id = 0;
  double event_p50 = 0, event_p999 = 0;  // 0 without a writer
};

struct Growth {
  double event_p50 = 0, event_p999 = 0;
  double worst_us = 0;           // of events in which the thread was running
  uint64_t interrupted = 0;      // events left out because it was not, most of the time
  double bytes_per_session = 0;  // growth of the process
  double peak_bytes_per_session = 0;
};

// A table and the clients in it.
class Population {
 public:
  explicit Population(Table& table) : table_(table) {}

  // From nothing to `n` clients that are online, beside a reader and, every 10 ms, a refresh.
  Growth Grow(uint64_t n);

  // One round: `operations` single look-ups and batches. Memory that lay idle while
  // others had their turn is touched first: a host may have taken it back, and each of
  // its pages then costs 5 to 100 µs.
  Figures Measure(Writing writing, int operations, uint64_t seed);

  Table& table() { return table_; }

 private:
  void WriteEvents(Writing writing, uint64_t seed, bool* running, bool* stop,
                   std::vector<double>* ns);
  void WakeUp();

  Table& table_;
  uint64_t incarnation_ = 0;
  // Per client: its incarnation << 1 | online.
  std::vector<uint32_t> clients_;
  std::chrono::steady_clock::time_point busy_until_;
};

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_REGISTRY_MEASURE_H_
