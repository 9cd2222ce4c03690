#include "registry/reserved_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace session_status::registry {

namespace {

constexpr size_t kSmallPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;

// How far ahead of the writer memory is populated: a 24th of what is in use (details use 60 of the
// 64 bytes that they may take), within these bounds, so that a small broker stays small; beyond the
// upper one as far as the writer would come in this time.
constexpr size_t kLeadMin = size_t{256} << 10;
constexpr size_t kLeadMax = size_t{8} << 20;
constexpr absl::Duration kAheadFor = absl::Milliseconds(400);

// Longer than one huge page takes: some 0.1 ms to zero it, 5 ms where a host has to find it, and as
// many slices of other threads as the populating one waits for on a busy core meanwhile.
constexpr absl::Duration kHugePageTime = absl::Milliseconds(30);

// When to look again: before a quarter of the lead is used, within these bounds.
constexpr absl::Duration kLookAgainMin = absl::Milliseconds(1);
constexpr absl::Duration kLookAgainMax = absl::Milliseconds(250);

// The kernel holds the process's address space while it populates, and the broker, whose heap grows
// meanwhile, would wait for all of it: one huge page or this much at a time.
constexpr size_t kSmallStep = size_t{64} << 10;

// Where pages are huge, a whole one is ahead as soon as they begin.
size_t Lead(size_t used, double bytes_per_second, bool huge) {
  const size_t share = used / 24;
  const size_t least = huge && used > kHugePage / 2 ? kHugePage : kLeadMin;
  const auto soon = static_cast<size_t>(bytes_per_second * absl::ToDoubleSeconds(kAheadFor));
  return std::max(std::clamp(share, least, kLeadMax), std::min(soon, share));
}

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

// nullptr: refused.
char* Reserve(size_t bytes) {
  void* const p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
}

size_t RoundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

}  // namespace

ReservedMemory::ReservedMemory(size_t bytes, Pages pages)
    : size_(RoundUp(bytes, kHugePage)), huge_(pages == Pages::kHuge) {
  mapping_bytes_ = size_ + kHugePage;
  mapping_ = Reserve(mapping_bytes_);
  if (mapping_ == nullptr) throw std::bad_alloc();
  const auto begin = reinterpret_cast<size_t>(mapping_);
  data_ = mapping_ + (RoundUp(begin, kHugePage) - begin);
  // Advice only: where it is refused, the memory is merely slower. The registry is left out of core
  // dumps' way by nobody: operators want to see it there.
  madvise(data_, size_, MADV_NOHUGEPAGE);
}

ReservedMemory::~ReservedMemory() { munmap(mapping_, mapping_bytes_); }

bool ReservedMemory::WouldGrant(size_t bytes) {
  char* const p = Reserve(bytes);
  if (p == nullptr) return false;
  munmap(p, bytes);
  return true;
}

absl::Duration ReservedMemory::PopulateAhead(absl::Duration since_last) {
  const size_t used = this->used();
  const double bytes_per_second = static_cast<double>(used - used_before_) /
                                  absl::ToDoubleSeconds(std::max(since_last, kLookAgainMin));
  used_before_ = used;
  if (used == 0) return kLookAgainMax;
  const size_t lead = Lead(used, bytes_per_second, huge_);
  const size_t populated = populated_.load(std::memory_order_relaxed);
  // A huge page comes as soon as it is within the lead, small ones many at a time.
  const size_t least = huge_ && populated >= kHugePage ? lead : lead / 2;
  if (populated < used + least) {
    Populate(used + lead,
             static_cast<size_t>(bytes_per_second * absl::ToDoubleSeconds(kHugePageTime)));
  }
  if (bytes_per_second == 0) return kLookAgainMax;
  return std::clamp(absl::Seconds(static_cast<double>(lead) / 4 / bytes_per_second), kLookAgainMin,
                    kLookAgainMax);
}

void ReservedMemory::PopulateTo(size_t bytes) { Populate(bytes, /*margin=*/0); }

void ReservedMemory::Populate(size_t end, size_t margin) {
  end = std::min(size_, RoundUp(end, huge_ && end > kHugePage ? kHugePage : kSmallPage));
  size_t from =
      std::max(populated_.load(std::memory_order_relaxed), used() / kSmallPage * kSmallPage);
  while (from < end) {
    const bool huge = huge_ && from >= kHugePage;
    if (huge && from < used() + margin) {  // left to the writer, in small pages
      from = RoundUp(used() + margin, kHugePage);
      continue;
    }
    const size_t to = std::min(end, RoundUp(from + 1, huge ? kHugePage : kSmallStep));
    if (huge) madvise(data_ + from, to - from, MADV_HUGEPAGE);
    if (madvise(data_ + from, to - from, MADV_POPULATE_WRITE) != 0) return;
    populated_.store(to, std::memory_order_relaxed);  // (m2) relaxed: read as a figure only
    from = to;
  }
}

size_t ReservedMemory::TouchedBytes() const {
  const size_t used = used_.load(std::memory_order_relaxed);
  const size_t unit = huge_ && used > kHugePage ? kHugePage : kSmallPage;
  return std::min(size_, std::max(RoundUp(used, unit), populated_.load(std::memory_order_relaxed)));
}

}  // namespace session_status::registry
