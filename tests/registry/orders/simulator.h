// Runs a check's threads in many interleavings, in each of which every load may see any value that
// its memory order leaves possible. Relacy does the choosing; this is what the rest sees of it.
//
// Ownership: one simulation at a time; everything here is the one OS thread's.
#ifndef SESSION_STATUS_TESTS_REGISTRY_ORDERS_SIMULATOR_H_
#define SESSION_STATUS_TESTS_REGISTRY_ORDERS_SIMULATOR_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace session_status::orders {

enum class Operation : uint8_t { kLoad, kStore, kExchange };

// One operation in the code.
struct Site {
  const char* file;
  int line;
  Operation operation;
  std::memory_order order;
};

// -- what Atomic<T> asks ----------------------------------------------------------------------
// Whether an access is simulated: it is one of a check's threads', of memory that the check did not
// exclude, in a file whose figures order no other data.
bool IsWatched(const void* address, const char* file);
// `newest`: what the memory holds; the value it begins with when it is first met.
uint64_t Load(const void* address, uint64_t newest, const Site& site);
void Store(const void* address, uint64_t newest, uint64_t value, const Site& site);
bool CompareExchange(const void* address, uint64_t newest, uint64_t* expected, uint64_t desired,
                     const Site& site);

// -- what a check is --------------------------------------------------------------------------
class Check {
 public:
  virtual ~Check() = default;
  virtual int threads() const = 0;  // 2 or 3
  // Builds everything anew, before the threads of one execution begin. Not simulated.
  virtual void Begin() = 0;
  virtual void Thread(int thread) = 0;
  // After the last thread's end. Not simulated.
  virtual void End() {}
};

// In a check's thread: ends the execution, and the simulation, as failed.
void Expect(bool ok, const char* what);

// Accesses to [begin, begin + bytes) are not simulated for the rest of this execution.
void Exclude(const void* begin, size_t bytes);

// -- running one ------------------------------------------------------------------------------
struct Search {
  // First, unless 0: all executions with at most so many switches away from a thread that could go
  // on, and loads that see at most the value before the newest.
  unsigned switches = 0;
  // Then: so many random ones, with loads that see at most two values before the newest.
  uint64_t executions = 0;
};

// One order that is weaker than the code says.
struct Weakening {
  std::string file;  // how its path ends
  int line = 0;
  Operation operation = Operation::kLoad;
  std::memory_order from = std::memory_order_relaxed;
  std::memory_order to = std::memory_order_relaxed;
};

struct SeenSite {
  std::string file;
  int line;
  Operation operation;
  std::memory_order order;
};

struct Outcome {
  bool failed = false;
  std::string what;   // why
  std::string trace;  // the execution that failed
  uint64_t executions = 0;
  bool weakened = false;  // the weakened operation was met
  std::vector<SeenSite> sites;
};

Outcome Simulate(Check* check, const Search& search, const Weakening* weakening);

}  // namespace session_status::orders

#endif  // SESSION_STATUS_TESTS_REGISTRY_ORDERS_SIMULATOR_H_
