// Asks the admin socket for batches of ten clients that are never offline, at a steady pace, from a
// thread of its own; any answer that says otherwise is wrong.
#ifndef SESSION_STATUS_BENCH_MQTT_LOAD_QUERY_PROBE_H_
#define SESSION_STATUS_BENCH_MQTT_LOAD_QUERY_PROBE_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "bench/latency_histogram.h"

namespace session_status::bench {

struct QueryFigures {
  LatencyHistogram latency;  // of a batch
  uint64_t wrong = 0;        // clients said to be offline
  std::string example;       // the reply that said so
  void Add(const QueryFigures& other) {
    latency.Add(other.latency);
    wrong += other.wrong;
  }
};

class QueryProbe {
 public:
  // Dies when the socket does not answer. `clients`: numbers below this are asked for.
  QueryProbe(const std::string& socket_path, uint32_t clients, double batches_per_second);
  ~QueryProbe();  // stops

  // What happened since the last call.
  QueryFigures Take();

 private:
  void Run(double batches_per_second);
  std::string Ask(const std::string& request);

  const uint32_t clients_;
  int fd_;
  std::atomic<bool> stop_{false};
  absl::Mutex mu_;
  QueryFigures figures_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // last: starts when everything else is there
};

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_MQTT_LOAD_QUERY_PROBE_H_
