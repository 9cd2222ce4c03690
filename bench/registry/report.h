// The measured figures as a page: tables, ratios, and a verdict for each bound.
#ifndef SESSION_STATUS_BENCH_REGISTRY_REPORT_H_
#define SESSION_STATUS_BENCH_REGISTRY_REPORT_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/registry/machine_bound.h"
#include "bench/registry/measure.h"

namespace session_status::bench {

struct TableReport {
  std::string name;
  bool ours = false;
  bool writer_never_waits = false;
  bool keeps_all = false;       // what the registry keeps, not the state alone
  std::vector<Growth> growths;  // the first tells the bytes: later ones reuse freed memory
  std::array<std::vector<Figures>, 3> figures;  // by Writing; one per round
};

struct RefreshCost {
  double p50_us = 0;
  double p999_us = 0;
};

struct SizeReport {
  uint64_t sessions = 0;
  std::vector<TableReport> tables;                    // ours first
  std::vector<MachineBound> bound_small, bound_huge;  // one per round
  double our_bytes_per_session = 0;
  double our_detail_bytes_per_session = 0;  // part of the former
  RefreshCost refresh;
};

// Markdown; tables that a filter left out are left out.
std::string Preface(int rounds, int judged);
std::string Section(const SizeReport& report);

}  // namespace session_status::bench

#endif  // SESSION_STATUS_BENCH_REGISTRY_REPORT_H_
