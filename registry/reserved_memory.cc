#include "registry/reserved_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace session_status::registry {

namespace {

constexpr size_t kSmallPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;

// How far ahead of the writer memory is populated: a 24th of what is in use (details use 60 of the 64
// bytes that they may take), within these bounds, so that a small broker stays small; beyond the upper
// one as far as four intervals like the last would take.
constexpr size_t kLeadMin = size_t{256} << 10;
constexpr size_t kLeadMax = size_t{8} << 20;
constexpr size_t kIntervalsAhead = 4;

// The kernel holds the process's address space while it populates, and the broker, whose heap grows
// meanwhile, would wait for all of it: one huge page or this much at a time.
constexpr size_t kSmallStep = size_t{64} << 10;

// The writer that outruns this in small pages pays for one; in huge ones for two megabytes at once. So
// there, a whole one is ahead as soon as they begin.
size_t Lead(size_t used, size_t grown, bool huge) {
  const size_t share = used / 24;
  const size_t least = huge && used > kHugePage / 2 ? kHugePage : kLeadMin;
  return std::max(std::clamp(share, least, kLeadMax), std::min(kIntervalsAhead * grown, share));
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
  if (!huge_) {
    madvise(data_, size_, MADV_NOHUGEPAGE);
  } else {
    madvise(data_, std::min(size_, kHugePage), MADV_NOHUGEPAGE);
    if (size_ > kHugePage) madvise(data_ + kHugePage, size_ - kHugePage, MADV_HUGEPAGE);
  }
}

ReservedMemory::~ReservedMemory() { munmap(mapping_, mapping_bytes_); }

bool ReservedMemory::WouldGrant(size_t bytes) {
  char* const p = Reserve(bytes);
  if (p == nullptr) return false;
  munmap(p, bytes);
  return true;
}

void ReservedMemory::PopulateAhead() {
  const size_t used = this->used();
  const size_t lead = Lead(used, used - used_before_, huge_);
  used_before_ = used;
  const size_t populated = populated_.load(std::memory_order_relaxed);
  if (used > 0 && populated < used + lead / 2) PopulateTo(used + lead);
}

void ReservedMemory::PopulateTo(size_t bytes) {
  const size_t unit = huge_ && bytes > kHugePage ? kHugePage : kSmallPage;
  const size_t step = unit == kHugePage ? kHugePage : kSmallStep;
  size_t from =
      std::max(populated_.load(std::memory_order_relaxed), used() / kSmallPage * kSmallPage);
  const size_t end = std::min(size_, RoundUp(bytes, unit));
  while (from < end) {
    const size_t to = std::min(end, RoundUp(from + 1, step));
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
