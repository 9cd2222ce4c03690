// The only file that knows Relacy. Its own rl::atomic is not used: the product's atomics lie in
// memory that nobody constructs, and a load must be able to be weaker than its text. What Relacy
// remembers of an atomic is therefore kept here by address, and asked as rl::atomic asks it.
#include "tests/registry/orders/simulator.h"

#include <relacy/relacy.hpp>

// Relacy's own replacements of words of the language.
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst

#include <cstdio>
#include <cstring>

namespace session_status::orders {
namespace {

// What Relacy remembers of one atomic: the last values in their order; who may see which is
// Relacy's.
struct Cell {
  rl::atomic_data* data;
  uint64_t history[rl::atomic_history_size];
  uint64_t newest;
  // An exchange did, for no reason: once is enough, and for ever would be too long.
  bool has_failed;
};

struct KnownSite {
  Site site;
  rl::memory_order order;  // what is simulated
  bool weakened;
};

struct Event {
  int thread;
  const KnownSite* site;
  const void* address;
  uint64_t value;
  bool old;  // a load that did not see the newest value
  bool failed;
};

rl::memory_order ToRelacy(std::memory_order order) {
  switch (order) {
    case std::memory_order_relaxed:
      return rl::mo_relaxed;
    case std::memory_order_consume:
    case std::memory_order_acquire:
      return rl::mo_acquire;
    case std::memory_order_release:
      return rl::mo_release;
    case std::memory_order_acq_rel:
      return rl::mo_acq_rel;
    case std::memory_order_seq_cst:
      break;
  }
  return rl::mo_seq_cst;
}

const char* NameOf(rl::memory_order order) {
  switch (order) {
    case rl::mo_relaxed:
      return "relaxed";
    case rl::mo_consume:
      return "consume";
    case rl::mo_acquire:
      return "acquire";
    case rl::mo_release:
      return "release";
    case rl::mo_acq_rel:
      return "acq_rel";
    case rl::mo_seq_cst:
      break;
  }
  return "seq_cst";
}

bool EndsWith(const char* text, const char* end) {
  const size_t n = std::strlen(text), m = std::strlen(end);
  return n >= m && std::strcmp(text + n - m, end) == 0;
}

// Figures: relaxed throughout, and nobody concludes anything about other memory from one.
bool IsFigure(const char* file) {
  return EndsWith(file, "registry_counters.h") || EndsWith(file, "registry/counter.h") ||
         EndsWith(file, "reserved_memory.h") || EndsWith(file, "group_table.cc") ||
         EndsWith(file, "group_table.h");
}

// A table of pointers with open addressing, emptied for every execution.
class Cells {
 public:
  Cells() : slots_(kSlots) {}
  Cell** At(const void* address) {
    size_t i = (reinterpret_cast<uintptr_t>(address) * 0x9E3779B97F4A7C15u) >> 48;
    while (slots_[i].address != nullptr && slots_[i].address != address) i = (i + 1) % kSlots;
    if (slots_[i].address == nullptr) {
      slots_[i] = {address, nullptr};
      used_.push_back(i);
    }
    return &slots_[i].cell;
  }
  template <typename Fn>
  void Empty(Fn each) {
    for (const size_t i : used_) {
      each(slots_[i].cell);
      slots_[i] = {};
    }
    used_.clear();
  }

 private:
  static constexpr size_t kSlots = 65536;
  struct Slot {
    const void* address = nullptr;
    Cell* cell = nullptr;
  };
  std::vector<Slot> slots_;
  std::vector<size_t> used_;
};

struct Range {
  const char* begin;
  const char* end;
};

// The state of the simulation that runs.
Check* check = nullptr;
const Weakening* weakening = nullptr;
bool simulating = false;
Cells cells;
std::vector<Cell*> spare_cells;
std::vector<Range> excluded;
std::vector<Event> events;
std::vector<KnownSite*> known_sites;
std::string failure;
unsigned stretch = 1;
rl::atomic_data* (*new_atomic)(Cell* cell) = nullptr;
// C++20 has no release sequence of one thread's plain stores; Relacy, which is older, has.
void (*end_release_sequence)(rl::atomic_data* data, unsigned index) = nullptr;

// Relacy's own allocator looks for leaks, and chooses when memory is reused; nothing here needs it.
struct Opened : rl::context {
  static int& disable_alloc(rl::context& c) { return c.*(&Opened::disable_alloc_); }
};

template <rl::thread_id_t kThreads>
struct For {
  using Data = rl::atomic_data_impl<kThreads>;

  // As if it had been stored before any thread began.
  static rl::atomic_data* NewAtomic(Cell* cell) {
    rl::context& c = rl::ctx();
    auto* const data = static_cast<Data*>(c.atomic_ctor(cell));
    auto& record = data->history_[++data->current_index_];
    record.busy_ = true;
    record.seq_cst_ = false;
    record.thread_id_ = 0;
    record.acq_rel_timestamp_ = 0;
    for (auto& t : record.acq_rel_order_) t = 0;
    for (auto& t : record.first_seen_order_) t = static_cast<rl::timestamp_t>(-1);
    cell->history[data->current_index_] = cell->newest;
    return data;
  }
  static void EndReleaseSequence(rl::atomic_data* data, unsigned index) {
    for (auto& t : static_cast<Data*>(data)->history_[index].acq_rel_order_) t = 0;
  }

  struct Suite : rl::test_suite<Suite, kThreads> {
    Suite() {
      Opened::disable_alloc(rl::ctx()) = 1;
      simulating = false;
      // The atomics of an execution that failed went with Relacy's context.
      cells.Empty([](Cell* cell) { spare_cells.push_back(cell); });
      excluded.clear();
      events.clear();
    }
    void before() {
      check->Begin();
      rl::context& c = rl::ctx();
      if (c.is_random_sched()) stretch = 1u << (2 * c.rand(4, rl::sched_type_user));
      simulating = true;
    }
    void thread(unsigned i) { check->Thread(static_cast<int>(i)); }
    void after() {
      simulating = false;
      check->End();
      cells.Empty([](Cell* cell) {
        rl::ctx().atomic_dtor(cell->data);
        spare_cells.push_back(cell);
      });
    }
  };

  static bool Run(rl::test_params* params) {
    new_atomic = &NewAtomic;
    end_release_sequence = &EndReleaseSequence;
    return rl::simulate<Suite>(*params);
  }
};

const KnownSite* Known(const Site& site) {
  // Few sites, the same ones over and over: the last ones found are looked at first.
  constexpr size_t kRecent = 256;
  static KnownSite* recent[kRecent];
  const size_t at =
      (reinterpret_cast<uintptr_t>(site.file) ^ (static_cast<size_t>(site.line) * 31) ^
       (static_cast<size_t>(site.operation) << 3) ^ static_cast<size_t>(site.order)) %
      kRecent;
  const auto same = [&](const KnownSite* k) {
    return k->site.line == site.line && k->site.operation == site.operation &&
           k->site.order == site.order &&
           (k->site.file == site.file || std::strcmp(k->site.file, site.file) == 0);
  };
  if (recent[at] != nullptr && same(recent[at])) return recent[at];
  for (KnownSite* k : known_sites) {
    if (same(k)) return recent[at] = k;
  }
  const Weakening* const w = weakening;
  const bool weakened = w != nullptr && w->line == site.line && w->operation == site.operation &&
                        w->from == site.order && EndsWith(site.file, w->file.c_str());
  known_sites.push_back(new KnownSite{site, ToRelacy(weakened ? w->to : site.order), weakened});
  return recent[at] = known_sites.back();
}

Cell* CellOf(const void* address, uint64_t newest) {
  Cell** const cell = cells.At(address);
  if (*cell == nullptr) {
    if (spare_cells.empty()) {
      *cell = new Cell;
    } else {
      *cell = spare_cells.back();
      spare_cells.pop_back();
    }
    (*cell)->newest = newest;
    (*cell)->has_failed = false;
    (*cell)->data = new_atomic(*cell);
  }
  return *cell;
}

// A thread that asks the same question again waits for somebody; not if it asks after its own
// words.
bool IsWaiting(const KnownSite* site, const void* address, int thread) {
  if (site->site.order == std::memory_order_relaxed) return false;
  for (auto e = events.rbegin(); e != events.rend(); ++e) {
    if (e->thread == thread) return e->site == site && e->address == address;
  }
  return false;
}

// Before every operation: another thread may go on. A coin for every operation would keep the
// threads side by side; how long one goes on alone is therefore drawn anew for every execution.
void Switch(rl::context& c) {
  if (c.is_random_sched() && c.rand(stretch, rl::sched_type_user) != 0) return;
  c.sched();
}

}  // namespace

bool IsWatched(const void* address, const char* file) {
  if (!simulating || IsFigure(file)) return false;
  const char* const p = static_cast<const char*>(address);
  for (const Range& r : excluded) {
    if (p >= r.begin && p < r.end) return false;
  }
  return true;
}

uint64_t Load(const void* address, uint64_t newest, const Site& at) {
  rl::context& c = rl::ctx();
  const KnownSite* const site = Known(at);
  Cell* const cell = CellOf(address, newest);
  if (IsWaiting(site, address, c.threadx_->index_)) {
    c.yield(1, RL_INFO);
  } else {
    Switch(c);
  }
  rl::thread_info_base& t = *c.threadx_;
  const unsigned i = site->order == rl::mo_relaxed   ? t.atomic_load_relaxed(cell->data)
                     : site->order == rl::mo_acquire ? t.atomic_load_acquire(cell->data)
                                                     : t.atomic_load_seq_cst(cell->data);
  const uint64_t value = cell->history[i];
  events.push_back({t.index_, site, address, value, value != cell->newest, false});
  return value;
}

void Store(const void* address, uint64_t newest, uint64_t value, const Site& at) {
  rl::context& c = rl::ctx();
  const KnownSite* const site = Known(at);
  Cell* const cell = CellOf(address, newest);
  Switch(c);
  rl::thread_info_base& t = *c.threadx_;
  const unsigned i = site->order == rl::mo_relaxed   ? t.atomic_store_relaxed(cell->data)
                     : site->order == rl::mo_release ? t.atomic_store_release(cell->data)
                                                     : t.atomic_store_seq_cst(cell->data);
  if (site->order == rl::mo_relaxed) end_release_sequence(cell->data, i);
  cell->history[i] = value;
  cell->newest = value;
  events.push_back({t.index_, site, address, value, false, false});
}

bool CompareExchange(const void* address, uint64_t newest, uint64_t* expected, uint64_t desired,
                     const Site& at) {
  rl::context& c = rl::ctx();
  const KnownSite* const site = Known(at);
  Cell* const cell = CellOf(address, newest);
  Switch(c);
  rl::thread_info_base& t = *c.threadx_;
  const uint64_t found = cell->newest;
  bool done = found == *expected;
  if (done && !cell->has_failed && c.rand(2, rl::sched_type_cas_fail) == 0) {
    cell->has_failed = true;
    done = false;
  }
  if (done) {
    bool unused;
    unsigned i = 0;
    switch (site->order) {
      case rl::mo_relaxed:
        i = t.atomic_rmw_relaxed(cell->data, unused);
        break;
      case rl::mo_consume:
      case rl::mo_acquire:
        i = t.atomic_rmw_acquire(cell->data, unused);
        break;
      case rl::mo_release:
        i = t.atomic_rmw_release(cell->data, unused);
        break;
      case rl::mo_acq_rel:
        i = t.atomic_rmw_acq_rel(cell->data, unused);
        break;
      case rl::mo_seq_cst:
        i = t.atomic_rmw_seq_cst(cell->data, unused);
        break;
    }
    cell->history[i] = desired;
    cell->newest = desired;
  } else {
    const bool acquires = site->order != rl::mo_relaxed && site->order != rl::mo_release;
    if (acquires) {
      t.atomic_load_acquire_rmw(cell->data);
    } else {
      t.atomic_load_relaxed_rmw(cell->data);
    }
  }
  *expected = found;
  events.push_back({t.index_, site, address, done ? desired : found, false, !done});
  return done;
}

void Expect(bool ok, const char* what) {
  if (ok) return;
  failure = what;
  rl::ctx().fail_test(what, rl::test_result_user_assert_failed, RL_INFO);
}

void Exclude(const void* begin, size_t bytes) {
  excluded.push_back({static_cast<const char*>(begin), static_cast<const char*>(begin) + bytes});
}

Outcome Simulate(Check* the_check, const Search& search, const Weakening* the_weakening) {
  check = the_check;
  weakening = the_weakening;
  const auto run = check->threads() == 2 ? &For<2>::Run : &For<3>::Run;
  // What Relacy says of its own atomics is of no use without them.
  std::ostringstream quiet;
  rl::test_params params;
  bool passed = true;
  uint64_t executions = 0;
  for (const bool random : {false, true}) {
    if (!passed || (random ? search.executions : search.switches) == 0) continue;
    params = rl::test_params();
    params.output_stream = &quiet;
    params.progress_stream = &quiet;
    params.search_type = random ? rl::sched_random : rl::sched_bound;
    params.context_bound = search.switches;
    params.iteration_count = search.executions;
    params.execution_depth_limit = 20'000;
    passed = run(&params);
    executions += params.stop_iteration;
  }

  Outcome outcome;
  outcome.failed = !passed;
  outcome.executions = executions;
  if (!passed) {
    outcome.what = failure.empty() ? rl::test_result_str(params.test_result) : failure;
    constexpr size_t kShown = 400;
    const size_t first = events.size() > kShown ? events.size() - kShown : 0;
    for (size_t i = first; i < events.size(); ++i) {
      const Event& e = events[i];
      const char* const slash = std::strrchr(e.site->site.file, '/');
      const char* const name = slash == nullptr ? e.site->site.file : slash + 1;
      char line[256];
      std::snprintf(line, sizeof line, "%*s%d: %s:%d %s %s %p %llx%s%s%s\n", 4 * e.thread, "",
                    e.thread, name, e.site->site.line,
                    e.site->site.operation == Operation::kLoad    ? "load"
                    : e.site->site.operation == Operation::kStore ? "store"
                                                                  : "exchange",
                    NameOf(e.site->order), e.address, static_cast<unsigned long long>(e.value),
                    e.old ? " (old)" : "", e.failed ? " (failed)" : "",
                    e.site->weakened ? " (weakened)" : "");
      outcome.trace += line;
    }
  }
  for (const KnownSite* k : known_sites) {
    outcome.weakened |= k->weakened;
    outcome.sites.push_back({k->site.file, k->site.line, k->site.operation, k->site.order});
  }
  return outcome;
}

}  // namespace session_status::orders
