// Google Benchmark over every table with the same clients; a page of figures, ratios and verdicts
// is printed when all of them have run. Besides the options below all of Google Benchmark's hold
// (--benchmark_filter, --benchmark_out, ...).
//
// A benchmark here is one round of one table: thousands of operations timed one by one, because the
// figures wanted are medians and tails of what one request waits. Its counters are those figures
// in nanoseconds, its time the median batch. The rounds of all tables are interleaved at random, so
// that whatever else the machine does hits all of them.
#include <benchmark/benchmark.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "bench/registry/machine_bound.h"
#include "bench/registry/measure.h"
#include "bench/registry/our_table.h"
#include "bench/registry/report.h"
#include "bench/registry/rivals.h"
#include "bench/registry/timing.h"

namespace session_status::bench {
namespace {

struct Settings {
  std::vector<uint64_t> sizes = {10'000, 1'000'000, 10'000'000};
  int rounds = 5;
  int operations = 30'000;
  bool quick = false;
  std::string markdown;
};

// Slow tables would take minutes and gigabytes at the largest size, and win nothing there.
constexpr uint64_t kAllTablesUpTo = 2'000'000;
// Of our own table: its worst event is judged, and one is the machine's as often as not.
constexpr int kGrowthsMax = 5;

// What is judged is ours beside the best of nine rivals: with few rounds the best is who was lucky.
constexpr int kRoundsJudged = 3;  // times as many

constexpr size_t kWarmBytesPerSession = 1200;

using MakeTable = std::function<std::unique_ptr<Table>()>;

template <typename T, typename... Args>
MakeTable Make(Args... args) {
  return [args...] { return std::make_unique<T>(args...); };
}

std::vector<MakeTable> Contenders(uint64_t sessions) {
  std::vector<MakeTable> all = {
      Make<OurTable>(),
      Make<ShardedFlatMap<SpinLock>>("64 x absl::flat_hash_map, spin lock"),
      Make<ShardedFlatMap<std::shared_mutex>>("64 x absl::flat_hash_map, shared_mutex"),
      Make<ShardedFlatMap<SpinLock, WholeJob>>("64 x absl::flat_hash_map, spin lock, keeps all"),
      Make<CuckooMap<>>("libcuckoo"),
      Make<TbbMap>(),
#ifdef SESSION_STATUS_BENCH_BOOST_MAP
      Make<BoostMap>(),
#endif
  };
  if (sessions <= kAllTablesUpTo) {
    all.push_back(Make<CuckooMap<WholeJob>>("libcuckoo, keeps all"));
    all.push_back(Make<ShardedFlatMap<AbslLock>>("64 x absl::flat_hash_map, absl::Mutex"));
    all.push_back(Make<UnorderedMap>());
  }
  all.push_back(Make<UrcuMap>());
  return all;
}

// One table of one size through all its benchmarks.
class Contender {
 public:
  Contender(const MakeTable& make, uint64_t sessions) : make_(make), sessions_(sessions) {
    Renew();
    report_.name = table_->name();
    report_.ours = table_->is_ours();
    report_.writer_never_waits = table_->writer_never_waits();
    report_.keeps_all = table_->keeps_all();
  }

  void Grow(benchmark::State& state) {
    for (auto _ : state) {
      if (!report_.growths.empty()) Renew();
      const Growth& g = report_.growths.emplace_back(population_->Grow(sessions_));
      state.SetIterationTime(g.event_p50 * 1e-9);
      state.counters["event_p50"] = g.event_p50;
      state.counters["event_p99.9"] = g.event_p999;
      state.counters["event_worst"] = g.worst_us * 1000;
      state.counters["bytes_per_session"] = g.bytes_per_session;
    }
  }

  void Measure(Writing writing, int operations, benchmark::State& state) {
    if (report_.growths.empty()) report_.growths.push_back(population_->Grow(sessions_));
    std::vector<Figures>& rounds = report_.figures[static_cast<size_t>(writing)];
    for (auto _ : state) {
      const Figures& f =
          rounds.emplace_back(population_->Measure(writing, operations, rounds.size() + 1));
      state.SetIterationTime(f.batch10_p50 * 1e-9);
      state.counters["hit_p50"] = f.hit_p50;
      state.counters["hit_p99.9"] = f.hit_p999;
      state.counters["miss_p50"] = f.miss_p50;
      state.counters["batch10_p50"] = f.batch10_p50;
      state.counters["batch10_p99.9"] = f.batch10_p999;
      state.counters["batch10000_per_id"] = f.batch10000_per_id;
      if (writing == Writing::kOff) continue;
      state.counters["event_p50"] = f.event_p50;
      state.counters["event_p99.9"] = f.event_p999;
    }
  }

  const TableReport& report() const { return report_; }
  Table& table() { return *table_; }

 private:
  void Renew() {
    population_.reset();
    table_.reset();
    table_ = make_();
    population_ = std::make_unique<Population>(*table_);
  }

  const MakeTable make_;
  const uint64_t sessions_;
  std::unique_ptr<Table> table_;
  std::unique_ptr<Population> population_;
  TableReport report_;
};

// 20,000 changes a second, a refresh each millisecond.
RefreshCost MeasureRefresh(OurTable& table) {
  constexpr int kRefreshes = 300, kChangesEach = 20;
  RefreshCost cost;
  std::vector<double> ns;
  PinTo(0);
  for (int i = 0; i < kRefreshes; ++i) {
    const auto wait_until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
    for (int k = 0; k < kChangesEach; ++k) {
      const auto n = static_cast<uint64_t>(i * kChangesEach + k);
      IdText id;
      WriteId(n, &id);
      table.End(View(id), n + 1, 1);
    }
    while (std::chrono::steady_clock::now() < wait_until) {
    }
    const uint64_t start = TicksBefore();
    table.registry().PublishSnapshot(absl::FromUnixMillis(i));
    ns.push_back(static_cast<double>(TicksAfter() - start - TicksOverhead()) * NanosPerTick());
  }
  cost.p50_us = Percentile(&ns, 0.5) / 1000;
  cost.p999_us = Percentile(&ns, 0.999) / 1000;
  return cost;
}

void MeasureMachine(size_t bytes, bool huge_pages, std::vector<MachineBound>* bounds,
                    benchmark::State& state) {
  for (auto _ : state) {
    const MachineBound& b = bounds->emplace_back(MeasureMachineBound(bytes, huge_pages));
    state.SetIterationTime(b.two_rounds_ns * 1e-9);
    state.counters["one_miss"] = b.one_miss_ns;
    state.counters["ten_at_once"] = b.one_round_ns;
    state.counters["two_rounds_of_ten"] = b.two_rounds_ns;
  }
}

template <typename Benchmark>
void Register(const std::string& name, int rounds, Benchmark run) {
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->Iterations(1)
      ->Repetitions(rounds)
      ->DisplayAggregatesOnly(true)
      ->UseManualTime()
      ->Unit(benchmark::kNanosecond);
}

void RunRegistered() {
  benchmark::ConsoleReporter progress;
  progress.SetOutputStream(&std::cerr);
  progress.SetErrorStream(&std::cerr);
  benchmark::RunSpecifiedBenchmarks(&progress);
  benchmark::ClearRegisteredBenchmarks();
}

SizeReport MeasureSize(uint64_t sessions, const Settings& settings) {
  // More than all tables together.
  WarmUpMemory(sessions * kWarmBytesPerSession);
  std::vector<std::unique_ptr<Contender>> contenders;
  for (const MakeTable& make : Contenders(sessions)) {
    contenders.push_back(std::make_unique<Contender>(make, sessions));
  }
  const auto name = [sessions](absl::string_view what, absl::string_view table) {
    return absl::StrCat(sessions, "/", what, "/", table);
  };
  // One after the other, because the memory of the process is measured.
  for (auto& c : contenders) {
    Register(name("grow", c->report().name),
             c->report().ours ? std::min(settings.rounds, kGrowthsMax) : 1,
             [&c](benchmark::State& state) { c->Grow(state); });
    RunRegistered();
  }

  SizeReport report;
  report.sessions = sessions;
  auto& ours = static_cast<OurTable&>(contenders.front()->table());
  const size_t bytes = ours.registry().MemoryBytes();
  report.our_bytes_per_session = static_cast<double>(bytes) / static_cast<double>(sessions);
  report.our_detail_bytes_per_session =
      static_cast<double>(ours.registry().DetailMemoryBytes()) / static_cast<double>(sessions);
  for (const bool huge : {false, true}) {
    Register(name("machine", huge ? "2 MiB pages" : "4 KiB pages"), settings.rounds * kRoundsJudged,
             [&, huge](benchmark::State& state) {
               MeasureMachine(bytes, huge, huge ? &report.bound_huge : &report.bound_small, state);
             });
  }
  for (const Writing w : {Writing::kOff, Writing::kPaced, Writing::kFullSpeed}) {
    const int rounds = settings.rounds * (w == Writing::kFullSpeed ? kRoundsJudged : 1);
    for (auto& c : contenders) {
      Register(name(absl::StrCat("writer ", Name(w)), c->report().name), rounds,
               [&, w](benchmark::State& state) { c->Measure(w, settings.operations, state); });
    }
  }
  RunRegistered();

  report.refresh = MeasureRefresh(ours);
  for (const auto& c : contenders) report.tables.push_back(c->report());
  return report;
}

// Prints the section, and adds it to the page that was asked for.
void Print(const std::string& section, const Settings& settings) {
  std::cout << section << std::flush;
  if (!settings.markdown.empty()) std::ofstream(settings.markdown, std::ios::app) << section;
}

// Each size in a process of its own: what the tables of one leave behind (a heap in pieces, few
// huge pages) is no matter of the next one's. False: it failed.
bool MeasureApart(uint64_t sessions, const Settings& settings) {
  const pid_t child = fork();
  if (child == 0) {
    Print(Section(MeasureSize(sessions, settings)), settings);
    _exit(0);
  }
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace
}  // namespace session_status::bench

int main(int argc, char** argv) {
  using namespace session_status::bench;
  std::vector<char*> arguments(argv, argv + argc);
  char interleaved[] = "--benchmark_enable_random_interleaving=true";
  arguments.insert(arguments.begin() + 1, interleaved);
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data(), [] {});

  Settings settings;
  CLI::App app("The session registry beside the maps that one would otherwise take.");
  app.add_flag("--quick", settings.quick, "10,000 and 1,000,000 sessions, 3 rounds, short ones");
  app.add_option("--sessions", settings.sizes, "sizes, separated by commas")->delimiter(',');
  app.add_option("--rounds", settings.rounds,
                 "rounds of each table; with the writer at full speed, which is judged, three "
                 "times as many")
      ->check(CLI::Range(1, 1000));
  app.add_option("--operations", settings.operations, "look-ups of one round")
      ->check(CLI::Range(1000, 100'000'000));
  app.add_option("--markdown", settings.markdown, "a file that gets the page, too");
  CLI11_PARSE(app, count, arguments.data());
  if (settings.quick) {
    settings.sizes = {10'000, 1'000'000};
    settings.rounds = 3;
    settings.operations = 10'000;
  }

  NanosPerTick();
  TicksOverhead();
  if (!settings.markdown.empty()) std::ofstream(settings.markdown, std::ios::trunc);
  Print(Preface(settings.rounds, settings.rounds * kRoundsJudged), settings);
  for (const uint64_t n : settings.sizes) {
    if (!MeasureApart(n, settings)) return 1;
  }
  return 0;
}
