// Time stamps around single operations, threads on chosen cores, memory of the process.
#ifndef SESSION_STATUS_BENCH_REGISTRY_TIMING_H_
#define SESSION_STATUS_BENCH_REGISTRY_TIMING_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace session_status::bench {

// Ticks before and after an operation; nothing of it leaks out of the pair.
uint64_t TicksBefore();
uint64_t TicksAfter();
// The pair around nothing costs this many ticks; subtract it.
uint64_t TicksOverhead();
double NanosPerTick();

void PinTo(int cpu);  // the calling thread

size_t ResidentBytes();

// How long the calling thread has not been running, from any fixed moment: while others had its
// core, and while the host had it, where the kernel is told of that. It grows with time asleep,
// too.
double NanosNotRunning();

// An empty list with room for `n` samples, in memory that the process has already: a page that is
// new to it, or to the machine, costs more than what is being timed, and whoever is measured
// first would pay for most of them.
std::vector<double> RoomFor(size_t n);
// The same for what the tables will take: `bytes` of the machine's memory, at most half
// of what is free, are touched and given back.
void WarmUpMemory(size_t bytes);

double Percentile(std::vector<double>* values, double fraction);  // reorders them
double Median(std::vector<double> values);

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_REGISTRY_TIMING_H_
