// A statistics counter: counts, and never orders other data.
//
// Threads: any, wait-free. A reader may be behind by what is being added at that moment.
#ifndef SESSION_STATUS_REGISTRY_COUNTER_H_
#define SESSION_STATUS_REGISTRY_COUNTER_H_

#include <atomic>
#include <cstdint>

namespace session_status {

class Counter {
 public:
  void Add(uint64_t n = 1) noexcept {
    // relaxed: nobody concludes anything about other memory from a statistic.
    value_.fetch_add(n, std::memory_order_relaxed);
  }
  void Subtract(uint64_t n = 1) noexcept { value_.fetch_sub(n, std::memory_order_relaxed); }
  uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// A figure that is set, not counted. The same rules.
class Figure {
 public:
  void Set(uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace session_status

#endif  // SESSION_STATUS_REGISTRY_COUNTER_H_
