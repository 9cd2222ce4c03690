#include "bench/registry/report.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/registry/timing.h"

namespace session_status::bench {

namespace {

using Field = double Figures::*;

std::vector<double> Values(const TableReport& t, Writing w, Field field) {
  std::vector<double> values;
  for (const Figures& f : t.figures[static_cast<size_t>(w)]) values.push_back(f.*field);
  return values;
}

double MedianOf(const TableReport& t, Writing w, Field field) {
  return Median(Values(t, w, field));
}

double MedianOf(const std::vector<MachineBound>& bounds, double MachineBound::*field) {
  std::vector<double> values;
  for (const MachineBound& b : bounds) values.push_back(b.*field);
  return Median(values);
}

double MedianOf(const TableReport& t, double Growth::*field) {
  std::vector<double> values;
  for (const Growth& g : t.growths) values.push_back(g.*field);
  return Median(values);
}

// The best of the rivals that `qualifies` lets in; nullptr if there is none.
const TableReport* BestRival(const SizeReport& r, Writing w, Field field,
                             const std::function<bool(const TableReport&)>& qualifies) {
  const TableReport* best = nullptr;
  for (const TableReport& t : r.tables) {
    if (t.ours || t.figures[static_cast<size_t>(w)].empty() || !qualifies(t)) continue;
    if (best == nullptr || MedianOf(t, w, field) < MedianOf(*best, w, field)) best = &t;
  }
  return best;
}

// Median over the rounds of theirs / ours.
double Ratio(const TableReport& ours, const TableReport& theirs, Writing w, Field field) {
  const std::vector<double> a = Values(ours, w, field), b = Values(theirs, w, field);
  std::vector<double> ratios;
  for (size_t i = 0; i < a.size(); ++i) ratios.push_back(b[i] / a[i]);
  return Median(ratios);
}

std::string Thousands(uint64_t n) {
  return n < 1000 ? absl::StrCat(n) : absl::StrFormat("%s,%03d", Thousands(n / 1000), n % 1000);
}

class Verdicts {
 public:
  void Add(const std::string& bound, const std::string& measured, bool reached) {
    absl::StrAppend(&text_, "| ", bound, " | ", measured, " | ", reached ? "reached" : "**missed**",
                    " |\n");
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void JudgeBatches(const SizeReport& r, Verdicts* v) {
  const TableReport& ours = r.tables[0];
  const Writing w = Writing::kFullSpeed;
  const Field batch = &Figures::batch10_p50;
  if (r.sessions >= 1'000'000) {
    const double wanted = r.sessions >= 10'000'000 ? 1.2 : 1.35;
    const TableReport* best = BestRival(r, w, batch, [](const auto&) { return true; });
    const double ratio = Ratio(ours, *best, w, batch);
    v->Add(absl::StrFormat("batch of 10, writer at full speed: %.2f times as fast as any rival",
                           wanted),
           absl::StrFormat("%.2f (%s)", ratio, best->name), ratio >= wanted);
  }
  const TableReport* free =
      BestRival(r, w, batch, [](const auto& t) { return t.writer_never_waits; });
  if (free != nullptr) {
    const double ratio = Ratio(ours, *free, w, batch);
    v->Add("batch of 10: twice as fast as any rival whose writer cannot be held up",
           absl::StrFormat("%.2f (%s)", ratio, free->name), ratio >= 2);
  }
  if (r.sessions < 1'000'000) return;  // no misses to speak of below
  const double ours_ns = MedianOf(ours, w, batch);
  const double small = MedianOf(r.bound_small, &MachineBound::two_rounds_ns);
  const double huge = MedianOf(r.bound_huge, &MachineBound::two_rounds_ns);
  v->Add("batch of 10: within 1.25 times the machine's two rounds of ten misses (4 KiB pages)",
         absl::StrFormat("%.2f times %.0f ns", ours_ns / small, small), ours_ns <= 1.25 * small);
  v->Add("the same against the machine with 2 MiB pages",
         absl::StrFormat("%.2f times %.0f ns", ours_ns / huge, huge), ours_ns <= 1.25 * huge);
}

void JudgeHits(const SizeReport& r, Verdicts* v) {
  const TableReport& ours = r.tables[0];
  const Writing w = Writing::kFullSpeed;
  const auto any = [](const auto&) { return true; };
  const TableReport* best = BestRival(r, w, &Figures::hit_p50, any);
  const double ratio = 1 / Ratio(ours, *best, w, &Figures::hit_p50);
  v->Add("look-up of one id, writer at full speed: median within 1.1 times the fastest rival",
         absl::StrFormat("%.2f (%s)", ratio, best->name), ratio <= 1.1);
  best = BestRival(r, w, &Figures::hit_p999, any);
  const double tail = 1 / Ratio(ours, *best, w, &Figures::hit_p999);
  v->Add("the same: p99.9 not slower than any", absl::StrFormat("%.2f (%s)", tail, best->name),
         tail <= 1.0);
}

void JudgeEvents(const SizeReport& r, Verdicts* v) {
  const TableReport& ours = r.tables[0];
  const Writing w = Writing::kFullSpeed;
  const auto judge = [&](const char* bound, const TableReport* best) {
    if (best == nullptr) return;
    const double ratio = 1 / Ratio(ours, *best, w, &Figures::event_p50);
    v->Add(bound, absl::StrFormat("%.2f (%s)", ratio, best->name), ratio <= 1.0);
  };
  judge("event, readers running: median not slower than the fastest rival",
        BestRival(r, w, &Figures::event_p50, [](const auto&) { return true; }));
  judge("the same: not slower than the fastest rival that keeps as much",
        BestRival(r, w, &Figures::event_p50, [](const auto& t) { return t.keeps_all; }));
  const double p999 = MedianOf(ours, w, &Figures::event_p999);
  v->Add("event: p99.9 at most 2 us", absl::StrFormat("%.2f us", p999 / 1000), p999 <= 2000);
  const auto worst =
      std::max_element(ours.growths.begin(), ours.growths.end(),
                       [](const Growth& a, const Growth& b) { return a.worst_us < b.worst_us; });
  v->Add("worst event while the table grows, median of the growths: at most 1 ms",
         absl::StrFormat("%.2f ms (in the worst of %d growths %.2f)",
                         MedianOf(ours, &Growth::worst_us) / 1000, ours.growths.size(),
                         worst->worst_us / 1000),
         MedianOf(ours, &Growth::worst_us) <= 1000);
}

void JudgeCosts(const SizeReport& r, Verdicts* v) {
  const double share = r.refresh.p50_us / 1e6;  // of a core, at the default of one a second
  v->Add("refresh at 20,000 changes/s: under 10 us and 0.1 % of a core",
         absl::StrFormat("p50 %.2f us, p99.9 %.2f us; %.5f %% at one a second", r.refresh.p50_us,
                         r.refresh.p999_us, share * 100),
         r.refresh.p50_us < 10 && share < 0.001);
  if (r.sessions < 1'000'000) return;  // a few fixed pages dominate below
  const double details = r.our_detail_bytes_per_session;
  const double rest = r.tables[0].growths.front().peak_bytes_per_session - details;
  v->Add("bytes a session, all overhead and both views, peak: at most 90",
         absl::StrFormat("%.1f", rest), rest <= 90);
  v->Add("details (with the times): at most 64 bytes more", absl::StrFormat("%.1f", details),
         details <= 64);
  v->Add("all of it: at most 154", absl::StrFormat("%.1f", rest + details), rest + details <= 154);
}

std::string ReadTable(const SizeReport& r, Writing w) {
  std::string out =
      absl::StrCat("\nReaders, writer ", Name(w), " (ns):\n\n",
                   "| | hit p50 | p99.9 | miss p50 | batch of 10 p50 | p99.9 | 10,000 ids, per id",
                   w == Writing::kOff ? "" : " | event p50 | p99.9",
                   " |\n|---|---|---|---|---|---|---", w == Writing::kOff ? "" : "|---|---", "|\n");
  for (const TableReport& t : r.tables) {
    if (t.figures[static_cast<size_t>(w)].empty()) continue;
    const auto cell = [&](Field f) { return MedianOf(t, w, f); };
    absl::StrAppendFormat(&out, "| %s | %.0f | %.0f | %.0f | %.0f | %.0f | %.1f", t.name,
                          cell(&Figures::hit_p50), cell(&Figures::hit_p999),
                          cell(&Figures::miss_p50), cell(&Figures::batch10_p50),
                          cell(&Figures::batch10_p999), cell(&Figures::batch10000_per_id));
    if (w != Writing::kOff) {
      absl::StrAppendFormat(&out, " | %.0f | %.0f", cell(&Figures::event_p50),
                            cell(&Figures::event_p999));
    }
    out += " |\n";
  }
  return out;
}

std::string GrowthTable(const SizeReport& r) {
  std::string out =
      "\nGrowing from nothing, one reader beside it:\n\n"
      "| | event p50 (ns) | p99.9 | worst (us) | left out: not running | bytes/session | peak |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const TableReport& t : r.tables) {
    if (t.growths.empty()) continue;
    const Growth& first = t.growths.front();
    absl::StrAppendFormat(&out, "| %s | %.0f | %.0f | %.0f | %d | %.0f | %.0f |\n", t.name,
                          MedianOf(t, &Growth::event_p50), MedianOf(t, &Growth::event_p999),
                          MedianOf(t, &Growth::worst_us), first.interrupted,
                          first.bytes_per_session, first.peak_bytes_per_session);
  }
  absl::StrAppendFormat(
      &out,
      "\nThe registry's bytes include %.1f of details (address, user name, port, "
      "protocol, times, counts), which of the rivals only those keep that keep all.\n",
      r.our_detail_bytes_per_session);
  return out;
}

}  // namespace

std::string Preface(int rounds, int judged) {
  return absl::StrFormat(
      "Medians of %d interleaved rounds with the writer at full speed, which are judged, and %d "
      "otherwise; isolated operations; 22-byte identifiers; one reader, one writer, each on a core "
      "of its own.\n",
      judged, rounds);
}

std::string Section(const SizeReport& r) {
  const auto everything_ran = [](const TableReport& t) {
    return !t.growths.empty() && std::none_of(t.figures.begin(), t.figures.end(),
                                              [](const auto& rounds) { return rounds.empty(); });
  };
  const bool judged = std::count_if(r.tables.begin(), r.tables.end(), everything_ran) >= 2 &&
                      everything_ran(r.tables.front()) && !r.bound_small.empty() &&
                      !r.bound_huge.empty();
  if (!judged) {
    return absl::StrCat("\n### ", Thousands(r.sessions),
                        " sessions\n\nNot judged: the filter left out what the bounds compare.\n");
  }
  Verdicts verdicts;
  JudgeBatches(r, &verdicts);
  JudgeHits(r, &verdicts);
  JudgeEvents(r, &verdicts);
  JudgeCosts(r, &verdicts);
  std::string out =
      absl::StrCat("\n### ", Thousands(r.sessions),
                   " sessions\n\n| bound | measured | verdict |\n|---|---|---|\n", verdicts.text());
  for (const Writing w : {Writing::kFullSpeed, Writing::kPaced, Writing::kOff}) {
    out += ReadTable(r, w);
  }
  out += GrowthTable(r);
  absl::StrAppendFormat(
      &out,
      "\nThe machine over as much memory: one miss %.0f ns, ten at once %.0f, two rounds of ten "
      "%.0f (4 KiB pages); %.0f, %.0f, %.0f (2 MiB pages).\n",
      MedianOf(r.bound_small, &MachineBound::one_miss_ns),
      MedianOf(r.bound_small, &MachineBound::one_round_ns),
      MedianOf(r.bound_small, &MachineBound::two_rounds_ns),
      MedianOf(r.bound_huge, &MachineBound::one_miss_ns),
      MedianOf(r.bound_huge, &MachineBound::one_round_ns),
      MedianOf(r.bound_huge, &MachineBound::two_rounds_ns));
  return out;
}

}  // namespace session_status::bench
