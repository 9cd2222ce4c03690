// Included before everything else (-include) in all of what memory_orders is made of: there the
// product's std::atomic is one that asks Relacy what a load may see. The product's code is compiled
// as it stands, so that what is checked cannot drift from it.
//
// What these headers include themselves is done with std::atomic before the name changes its
// meaning; a header of the library that the product takes in later and is not here would not
// compile, and belongs here.
#ifndef SESSION_STATUS_TESTS_REGISTRY_ORDERS_UNDER_CHECK_H_
#define SESSION_STATUS_TESTS_REGISTRY_ORDERS_UNDER_CHECK_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "tests/registry/orders/simulator.h"

namespace session_status::orders {

// As std::atomic, of the same size and also valid as zeroed memory. Where it is used (file and
// line) is what the simulator knows an operation by.
template <typename T>
class Atomic {
 public:
  constexpr Atomic() = default;
  constexpr Atomic(T value) : value_(value) {}  // NOLINT: as std::atomic
  Atomic(const Atomic&) = delete;
  Atomic& operator=(const Atomic&) = delete;

  T load(std::memory_order order = std::memory_order_seq_cst, const char* file = __builtin_FILE(),
         int line = __builtin_LINE()) const {
    if (!IsWatched(this, file)) return value_;
    return static_cast<T>(Load(this, Bits(value_), {file, line, Operation::kLoad, order}));
  }
  void store(T value, std::memory_order order = std::memory_order_seq_cst,
             const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (IsWatched(this, file)) {
      Store(this, Bits(value_), Bits(value), {file, line, Operation::kStore, order});
    }
    value_ = value;
  }
  bool compare_exchange_weak(T& expected, T desired,
                             std::memory_order order = std::memory_order_seq_cst,
                             const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (!IsWatched(this, file)) {
      if (value_ != expected) {
        expected = value_;
        return false;
      }
      value_ = desired;
      return true;
    }
    uint64_t found = Bits(expected);
    const bool done = CompareExchange(this, Bits(value_), &found, Bits(desired),
                                      {file, line, Operation::kExchange, order});
    if (done) value_ = desired;
    expected = static_cast<T>(found);
    return done;
  }
  T fetch_add(T n, std::memory_order order = std::memory_order_seq_cst,
              const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    T seen = load(std::memory_order_relaxed, file, line);
    while (!compare_exchange_weak(seen, static_cast<T>(seen + n), order, file, line)) {
    }
    return seen;
  }
  T fetch_sub(T n, std::memory_order order = std::memory_order_seq_cst,
              const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return fetch_add(static_cast<T>(0 - n), order, file, line);
  }

 private:
  static constexpr uint64_t Bits(T value) { return static_cast<uint64_t>(value); }

  T value_{};  // the newest
};

// The same hashes in every run, so that a run that fails can be repeated.
class NotRandom {
 public:
  uint32_t operator()() { return static_cast<uint32_t>(engine_()); }

 private:
  std::mt19937 engine_;
};

}  // namespace session_status::orders

namespace std {
using random_device_under_check = ::session_status::orders::NotRandom;
template <typename T>
using atomic_under_check = ::session_status::orders::Atomic<T>;
}  // namespace std

#define atomic atomic_under_check
#define random_device random_device_under_check

#endif  // SESSION_STATUS_TESTS_REGISTRY_ORDERS_UNDER_CHECK_H_
