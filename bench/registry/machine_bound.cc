#include "bench/registry/machine_bound.h"

#include <sys/mman.h>

#include <array>
#include <cstdint>
#include <vector>

#include "bench/registry/clients.h"
#include "bench/registry/timing.h"

namespace session_status::bench {

namespace {

constexpr size_t kLine = 64;
constexpr int kBatch = 10;
constexpr int kSamples = 20'000;

// Each line names another one.
double MedianOf(const char* memory, size_t lines, int batch, int rounds) {
  Picks picks(7);
  std::vector<double> ns;
  uint64_t sum = 0;
  for (int sample = 0; sample < kSamples; ++sample) {
    std::array<uint64_t, kBatch> at;
    for (auto& a : at) a = picks.Next(lines);
    const uint64_t start = TicksBefore();
    for (int r = 0; r < rounds; ++r) {
      for (int i = 0; i < batch; ++i) {
        const auto k = static_cast<size_t>(i);
        at[k] = *reinterpret_cast<const uint64_t*>(memory + at[k] * kLine);
      }
    }
    for (int i = 0; i < batch; ++i) sum += at[static_cast<size_t>(i)];
    // The sum is needed before the clock is read: an empty statement that uses it.
    asm volatile("" : : "r"(sum) : "memory");
    const uint64_t ticks = TicksAfter() - start;
    ns.push_back(static_cast<double>(ticks - TicksOverhead()) * NanosPerTick());
  }
  return Percentile(&ns, 0.5);
}

}  // namespace

MachineBound MeasureMachineBound(size_t bytes, bool huge_pages) {
  MachineBound bound;
  const size_t lines = bytes / kLine;
  void* const p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return bound;
  madvise(p, bytes, huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  char* const memory = static_cast<char*>(p);
  Picks picks(3);
  for (size_t i = 0; i < lines; ++i) {
    *reinterpret_cast<uint64_t*>(memory + i * kLine) = picks.Next(lines);
  }
  bound.one_miss_ns = MedianOf(memory, lines, 1, 1);
  bound.one_round_ns = MedianOf(memory, lines, kBatch, 1);
  bound.two_rounds_ns = MedianOf(memory, lines, kBatch, 2);
  munmap(p, bytes);
  return bound;
}

}  // namespace session_status::bench
