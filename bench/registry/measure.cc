#include "bench/registry/measure.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "bench/registry/timing.h"

namespace session_status::bench {

namespace {

constexpr int kReaderCpu = 0;
constexpr int kWriterCpu = 1;
constexpr uint64_t kNowMs = 1'700'000'000'000;
constexpr double kEventsPerSecond = 20'000;
constexpr std::chrono::milliseconds kRefreshEvery(10);
// After so long, memory is touched again before it is measured, …
constexpr std::chrono::seconds kIdleMax(10);
// … by events of every eighth client: a page of 4 KiB holds dozens.
constexpr uint64_t kWakeUpStep = 8;
// At 20,000 events/s a tail of one in a thousand needs some time to be seen.
constexpr std::chrono::milliseconds kPacedLeast(500);
constexpr size_t kEventsExpected = 4'000'000;
constexpr size_t kLookUpsExpected = 1'000'000;
constexpr size_t kBatch = 10;
constexpr size_t kBigBatch = 10'000;
// Slower events than this are looked at: was the thread running?
constexpr double kSuspiciousNs = 20'000;

double Nanos(uint64_t ticks) {
  const uint64_t overhead = TicksOverhead();
  return static_cast<double>(ticks > overhead ? ticks - overhead : 0) * NanosPerTick();
}

template <typename Operation>
double Timed(Operation operation) {
  const uint64_t start = TicksBefore();
  operation();
  return Nanos(TicksAfter() - start);
}

// Counts whole nanoseconds up to 131 µs without memory of its own per sample.
class Histogram {
 public:
  void Add(double ns) { ++counts_[std::min(static_cast<size_t>(ns), counts_.size() - 1)]; }
  double At(double fraction) const {
    uint64_t total = 0, below = 0;
    for (const uint64_t c : counts_) total += c;
    for (size_t i = 0; i < counts_.size(); ++i) {
      below += counts_[i];
      if (static_cast<double>(below) >= fraction * static_cast<double>(total)) {
        return static_cast<double>(i);
      }
    }
    return 0;
  }

 private:
  std::vector<uint64_t> counts_ = std::vector<uint64_t>(1 << 17);
};

}  // namespace

const char* Name(Writing w) {
  return w == Writing::kOff ? "off" : w == Writing::kPaced ? "20,000/s" : "full speed";
}

Growth Population::Grow(uint64_t n) {
  clients_.reserve(n);
  clients_.resize(n);
  std::fill(clients_.begin(), clients_.end(), 1);  // touched before memory is measured
  Histogram histogram;
  Growth growth;
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> present{0};
  std::thread reader([&] {
    PinTo(kReaderCpu);
    table_.EnterThread();
    Picks picks(99);
    IdText id;
    while (!stop.load(std::memory_order_relaxed)) {
      const uint64_t known = present.load(std::memory_order_acquire);
      if (known == 0) continue;
      WriteId(picks.Next(known), &id);
      table_.Find(View(id));
    }
    table_.LeaveThread();
  });
  std::thread refresher([&] {
    PinTo(kReaderCpu);
    table_.EnterThread();
    using Clock = std::chrono::steady_clock;
    Clock::time_point refresh_at, populated_at = Clock::now();
    while (!stop.load()) {
      if (Clock::now() >= refresh_at) {
        table_.Refresh();
        refresh_at = Clock::now() + kRefreshEvery;
      }
      const auto since_last = Clock::now() - std::exchange(populated_at, Clock::now());
      const absl::Duration again_in = table_.PopulateAhead(absl::FromChrono(since_last));
      std::this_thread::sleep_until(
          std::min(refresh_at, populated_at + absl::ToChronoNanoseconds(again_in)));
    }
    table_.LeaveThread();
  });
  const size_t before = ResidentBytes();
  size_t peak = before;
  std::thread writer([&] {
    PinTo(kWriterCpu);
    table_.EnterThread();
    IdText id;
    double not_running = NanosNotRunning();
    for (uint64_t i = 0; i < n; ++i) {
      WriteId(i, &id);
      const uint64_t incarnation = ++incarnation_;
      const double ns = Timed([&] { table_.Connect(View(id), incarnation, kNowMs); });
      clients_[i] = static_cast<uint32_t>(incarnation << 1 | 1);
      present.store(i + 1, std::memory_order_release);
      if (i % (1 << 16) == 0) {
        peak = std::max(peak, ResidentBytes());
        not_running = NanosNotRunning();
      }
      if (ns > kSuspiciousNs) {
        const double checked = std::exchange(not_running, NanosNotRunning());
        if (not_running - checked > ns / 2) {
          ++growth.interrupted;
          continue;
        }
      }
      histogram.Add(ns);
      growth.worst_us = std::max(growth.worst_us, ns / 1000);
    }
    table_.LeaveThread();
  });
  writer.join();
  stop.store(true);
  reader.join();
  refresher.join();
  const size_t after = ResidentBytes();
  peak = std::max(peak, after);
  growth.event_p50 = histogram.At(0.5);
  growth.event_p999 = histogram.At(0.999);
  growth.bytes_per_session = static_cast<double>(after - before) / static_cast<double>(n);
  growth.peak_bytes_per_session = static_cast<double>(peak - before) / static_cast<double>(n);
  busy_until_ = std::chrono::steady_clock::now();
  return growth;
}

void Population::WakeUp() {
  std::thread([&] {
    PinTo(kWriterCpu);
    table_.EnterThread();
    IdText id;
    for (uint64_t i = 0; i < clients_.size(); i += kWakeUpStep) {
      WriteId(i, &id);
      const bool online = (clients_[i] & 1) != 0;
      if (online) table_.End(View(id), clients_[i] >> 1, kNowMs);
      const uint64_t incarnation = ++incarnation_;
      table_.Connect(View(id), incarnation, kNowMs);
      if (!online) table_.End(View(id), incarnation, kNowMs);
      clients_[i] = static_cast<uint32_t>(incarnation << 1 | (online ? 1 : 0));
    }
    table_.LeaveThread();
  }).join();
}

void Population::WriteEvents(Writing writing, uint64_t seed, bool* running, bool* stop,
                             std::vector<double>* ns) {
  PinTo(kWriterCpu);
  table_.EnterThread();
  Picks picks(seed + 1000);
  IdText id;
  const auto pause = static_cast<uint64_t>(1e9 / kEventsPerSecond / NanosPerTick());
  uint64_t next = TicksBefore() + pause;
  std::atomic_ref<bool>(*running).store(true);
  while (!std::atomic_ref<bool>(*stop).load(std::memory_order_relaxed)) {
    const uint64_t i = picks.Next(clients_.size());
    WriteId(i, &id);
    const bool online = (clients_[i] & 1) != 0;
    uint64_t incarnation = clients_[i] >> 1;
    if (!online) incarnation = ++incarnation_;
    if (writing == Writing::kPaced) {
      while (TicksBefore() < next) {
      }
      next += pause;
    }
    ns->push_back(Timed([&] {
      if (online) {
        table_.End(View(id), incarnation, kNowMs);
      } else {
        table_.Connect(View(id), incarnation, kNowMs);
      }
    }));
    clients_[i] = static_cast<uint32_t>(incarnation << 1 | (online ? 0 : 1));
  }
  table_.LeaveThread();
}

Figures Population::Measure(Writing writing, int operations, uint64_t seed) {
  if (std::chrono::steady_clock::now() - busy_until_ > kIdleMax) WakeUp();
  Figures f;
  bool writer_runs = false, stop = false;
  std::vector<double> events = RoomFor(kEventsExpected);
  std::vector<double> hits = RoomFor(kLookUpsExpected), misses = RoomFor(kLookUpsExpected),
                      batches = RoomFor(kLookUpsExpected);
  std::thread writer;
  if (writing != Writing::kOff) {
    writer = std::thread([&] { WriteEvents(writing, seed, &writer_runs, &stop, &events); });
  }
  while (writing != Writing::kOff && !std::atomic_ref<bool>(writer_runs).load()) {
  }
  std::thread reader([&] {
    PinTo(kReaderCpu);
    table_.EnterThread();
    const uint64_t n = clients_.size();
    Picks picks(seed);
    std::vector<double> bigs;
    std::vector<IdText> texts(kBigBatch);
    std::vector<absl::string_view> views(kBigBatch);
    for (size_t i = 0; i < kBigBatch; ++i) views[i] = View(texts[i]);
    const auto online = std::make_unique<bool[]>(kBigBatch);
    auto last_refresh = std::chrono::steady_clock::now();
    const auto maybe_refresh = [&] {
      const auto now = std::chrono::steady_clock::now();
      if (now - last_refresh < std::chrono::milliseconds(100)) return;
      last_refresh = now;
      table_.Refresh();
      table_.PopulateAhead(absl::Milliseconds(100));
    };
    table_.Refresh();
    const auto least_until =
        std::chrono::steady_clock::now() +
        (writing == Writing::kPaced ? kPacedLeast : std::chrono::milliseconds(0));
    for (int k = 0; k < operations || std::chrono::steady_clock::now() < least_until; ++k) {
      WriteId(picks.Next(n), &texts[0]);
      hits.push_back(Timed([&] { table_.Find(views[0]); }));
      if (k % 4 == 0) {
        WriteId(n + picks.Next(n), &texts[0]);
        misses.push_back(Timed([&] { table_.Find(views[0]); }));
      }
      if (k % 2 == 0) {
        for (size_t i = 0; i < kBatch; ++i) WriteId(picks.Next(n), &texts[i]);
        batches.push_back(Timed([&] { table_.Batch({views.data(), kBatch}, online.get()); }));
      }
      if (k % 256 == 0) maybe_refresh();
    }
    for (int k = 0; k < std::max(3, operations / 4000); ++k) {
      for (IdText& t : texts) WriteId(picks.Next(n), &t);
      bigs.push_back(Timed([&] { table_.Batch(views, online.get()); }));
      maybe_refresh();
    }
    f.hit_p50 = Percentile(&hits, 0.5);
    f.hit_p999 = Percentile(&hits, 0.999);
    f.miss_p50 = Percentile(&misses, 0.5);
    f.batch10_p50 = Percentile(&batches, 0.5);
    f.batch10_p999 = Percentile(&batches, 0.999);
    f.batch10000_per_id = Percentile(&bigs, 0.5) / static_cast<double>(kBigBatch);
    table_.LeaveThread();
  });
  reader.join();
  std::atomic_ref<bool>(stop).store(true);
  if (writer.joinable()) writer.join();
  f.event_p50 = Percentile(&events, 0.5);
  f.event_p999 = Percentile(&events, 0.999);
  busy_until_ = std::chrono::steady_clock::now();
  return f;
}

}  // namespace session_status::bench
