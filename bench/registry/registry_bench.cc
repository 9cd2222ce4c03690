// registry_bench [--quick] [--sessions N,N,…] [--rounds N] [--operations N] [--only PART-OF-A-NAME]
//                [--markdown FILE]
//
// Builds every table with the same clients, keeps them all, and measures them in interleaved
// rounds, so that whatever else the machine does hits all of them. Prints the figures, the ratios
// and a verdict for each bound; --markdown writes the same as a page.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
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
  std::string only;  // part of the names of the rivals to run against; empty: all
  std::string markdown;
};

// Slow tables would take minutes and gigabytes at the largest size, and win nothing there.
constexpr uint64_t kAllTablesUpTo = 2'000'000;

std::vector<std::unique_ptr<Table>> MakeTables(uint64_t sessions, const std::string& only) {
  std::vector<std::unique_ptr<Table>> t;
  t.push_back(std::make_unique<OurTable>());
  t.push_back(std::make_unique<ShardedFlatMap<SpinLock>>("64 x absl::flat_hash_map, spin lock"));
  t.push_back(
      std::make_unique<ShardedFlatMap<std::shared_mutex>>("64 x absl::flat_hash_map, shared_mutex"));
  t.push_back(std::make_unique<CuckooMap>());
  t.push_back(std::make_unique<TbbMap>());
#ifdef SESSION_STATUS_BENCH_BOOST_MAP
  t.push_back(std::make_unique<BoostMap>());
#endif
  t.push_back(std::make_unique<UrcuMap>());
  if (sessions <= kAllTablesUpTo) {
    t.push_back(
        std::make_unique<ShardedFlatMap<AbslLock>>("64 x absl::flat_hash_map, absl::Mutex"));
    t.push_back(std::make_unique<UnorderedMap>());
  }
  t.erase(std::remove_if(t.begin(), t.end(),
                         [&](const auto& table) {
                           return !table->is_ours() &&
                                  std::string(table->name()).find(only) == std::string::npos;
                         }),
          t.end());
  return t;
}

RefreshCost MeasureRefresh(OurTable& table, int refreshes) {
  RefreshCost cost;
  std::vector<double> ns;
  PinTo(0);
  for (int i = 0; i < refreshes; ++i) {
    const auto wait_until = std::chrono::steady_clock::now() + std::chrono::milliseconds(1);
    // 20 changes between two refreshes: 20,000 a second.
    for (int k = 0; k < 20; ++k) {
      IdText id;
      WriteId(static_cast<uint64_t>(i * 20 + k), &id);
      table.End(View(id), static_cast<uint64_t>(i * 20 + k) + 1, 1);
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

SizeReport MeasureSize(uint64_t sessions, const Settings& settings) {
  SizeReport report;
  report.sessions = sessions;
  std::vector<std::unique_ptr<Table>> tables = MakeTables(sessions, settings.only);
  std::vector<std::unique_ptr<Population>> populations;
  for (auto& table : tables) {
    populations.push_back(std::make_unique<Population>(*table));
    TableReport r;
    r.name = table->name();
    r.ours = table->is_ours();
    r.writer_never_waits = table->writer_never_waits();
    std::fprintf(stderr, "growing %s to %llu\n", r.name.c_str(),
                 static_cast<unsigned long long>(sessions));
    r.growth = populations.back()->Grow(sessions);
    if (r.ours) {
      auto& ours = static_cast<OurTable&>(*table);
      report.our_bytes_per_session = static_cast<double>(ours.registry().MemoryBytes()) /
                                     static_cast<double>(sessions);
      report.our_detail_bytes_per_session =
          static_cast<double>(ours.registry().DetailMemoryBytes()) / static_cast<double>(sessions);
    }
    report.tables.push_back(std::move(r));
  }
  for (int round = 0; round < settings.rounds; ++round) {
    std::fprintf(stderr, "round %d of %d at %llu\n", round + 1, settings.rounds,
                 static_cast<unsigned long long>(sessions));
    const size_t bytes = static_cast<size_t>(report.our_bytes_per_session *
                                             static_cast<double>(sessions));
    report.bound_small.push_back(MeasureMachineBound(bytes, /*huge_pages=*/false));
    report.bound_huge.push_back(MeasureMachineBound(bytes, /*huge_pages=*/true));
    for (const Writing w : {Writing::kOff, Writing::kPaced, Writing::kFullSpeed}) {
      for (size_t i = 0; i < populations.size(); ++i) {
        report.tables[i].figures[static_cast<size_t>(w)].push_back(
            populations[i]->Measure(w, settings.operations, static_cast<uint64_t>(round) + 1));
      }
    }
  }
  report.refresh = MeasureRefresh(static_cast<OurTable&>(*tables[0]), 300);
  return report;
}

bool ReadSettings(int argc, char** argv, Settings* s) {
  for (int i = 1; i < argc; ++i) {
    const bool has_value = i + 1 < argc;
    if (std::strcmp(argv[i], "--quick") == 0) {
      s->sizes = {10'000, 1'000'000};
      s->rounds = 3;
      s->operations = 10'000;
    } else if (std::strcmp(argv[i], "--sessions") == 0 && has_value) {
      s->sizes.clear();
      for (absl::string_view n : absl::StrSplit(argv[++i], ',')) {
        if (!absl::SimpleAtoi(n, &s->sizes.emplace_back())) return false;
      }
    } else if (std::strcmp(argv[i], "--rounds") == 0 && has_value) {
      if (!absl::SimpleAtoi(argv[++i], &s->rounds)) return false;
    } else if (std::strcmp(argv[i], "--only") == 0 && has_value) {
      s->only = argv[++i];
    } else if (std::strcmp(argv[i], "--operations") == 0 && has_value) {
      if (!absl::SimpleAtoi(argv[++i], &s->operations)) return false;
    } else if (std::strcmp(argv[i], "--markdown") == 0 && has_value) {
      s->markdown = argv[++i];
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace session_status::bench

int main(int argc, char** argv) {
  using namespace session_status::bench;
  Settings settings;
  if (!ReadSettings(argc, argv, &settings)) {
    std::cerr << "usage: registry_bench [--quick] [--sessions N,N,...] [--rounds N] [--operations N] "
                 "[--only NAME] [--markdown FILE]\n";
    return 2;
  }
  NanosPerTick();
  TicksOverhead();
  std::string page = Preface(settings.rounds);
  std::cout << page << std::flush;
  for (const uint64_t n : settings.sizes) {
    const std::string section = Section(MeasureSize(n, settings));
    std::cout << section << std::flush;
    page += section;
  }
  if (!settings.markdown.empty()) std::ofstream(settings.markdown) << page;
  return 0;
}
