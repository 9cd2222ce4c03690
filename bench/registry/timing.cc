#include "bench/registry/timing.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace session_status::bench {

uint64_t TicksBefore() {
#if defined(__x86_64__)
  _mm_lfence();
  const uint64_t t = __rdtsc();
  _mm_lfence();
  return t;
#else
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

uint64_t TicksAfter() {
#if defined(__x86_64__)
  unsigned aux;
  const uint64_t t = __rdtscp(&aux);
  _mm_lfence();
  return t;
#else
  return TicksBefore();
#endif
}

uint64_t TicksOverhead() {
  static const uint64_t overhead = [] {
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < 10'000; ++i) {
      const uint64_t t = TicksBefore();
      least = std::min(least, TicksAfter() - t);
    }
    return least;
  }();
  return overhead;
}

double NanosPerTick() {
  static const double ratio = [] {
    const auto start = std::chrono::steady_clock::now();
    const uint64_t ticks = TicksBefore();
    while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(50)) {
    }
    const auto ns = std::chrono::steady_clock::now() - start;
    return std::chrono::duration<double, std::nano>(ns).count() /
           static_cast<double>(TicksAfter() - ticks);
  }();
  return ratio;
}

void PinTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

size_t ResidentBytes() {
  std::FILE* const f = std::fopen("/proc/self/statm", "r");
  if (f == nullptr) return 0;
  unsigned long total = 0, resident = 0;
  const int fields = std::fscanf(f, "%lu %lu", &total, &resident);
  std::fclose(f);
  return fields == 2 ? resident * static_cast<size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

double NanosNotRunning() {
  const auto nanos = [](clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
  };
  return nanos(CLOCK_MONOTONIC) - nanos(CLOCK_THREAD_CPUTIME_ID);
}

std::vector<double> RoomFor(size_t n) {
  std::vector<double> room(n, 1.0);
  room.clear();
  return room;
}

void WarmUpMemory(size_t bytes) {
  const auto pages = static_cast<size_t>(std::max(sysconf(_SC_AVPHYS_PAGES), 0L));
  bytes = std::min(bytes, pages / 2 * static_cast<size_t>(sysconf(_SC_PAGESIZE)));
  void* const p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (p != MAP_FAILED) munmap(p, bytes);
}

double Percentile(std::vector<double>* values, double fraction) {
  if (values->empty()) return 0;
  const auto n = static_cast<size_t>(fraction * static_cast<double>(values->size() - 1));
  std::nth_element(values->begin(), values->begin() + static_cast<ptrdiff_t>(n), values->end());
  return (*values)[n];
}

double Median(std::vector<double> values) { return Percentile(&values, 0.5); }

}  // namespace session_status::bench
