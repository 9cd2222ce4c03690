#include "registry/reserved_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/testing/huge_pages.h"

namespace session_status::registry {
namespace {

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kHugePage = 2 * kMiB;
constexpr size_t kSmallPage = 4096;
constexpr size_t kBytes = 64 * kMiB;

// What /proc/self/smaps says of the mappings within [begin, begin + kBytes).
struct Backing {
  size_t resident = 0;
  size_t huge = 0;
};

Backing BackingOf(const char* begin) {
  std::ifstream smaps("/proc/self/smaps");
  const auto from = reinterpret_cast<uintptr_t>(begin);
  Backing backing;
  bool within = false;
  for (std::string line; std::getline(smaps, line);) {
    std::istringstream words(line);
    std::string name;
    uintptr_t start = 0;
    size_t kib = 0;
    if (std::istringstream range(line); range >> std::hex >> start && range.peek() == '-') {
      within = start >= from && start < from + kBytes;
    } else if (within && words >> name >> kib) {
      if (name == "Rss:") backing.resident += kib * 1024;
      if (name == "AnonHugePages:") backing.huge += kib * 1024;
    }
  }
  return backing;
}

// Whether touching it takes no fault. (The faults themselves cannot be counted under
// ThreadSanitizer, which takes some of its own.)
bool IsThere(char* page) {
  unsigned char resident = 0;
  return mincore(page, kSmallPage, &resident) == 0 && (resident & 1) != 0;
}

class ReservedMemoryTest : public ::testing::Test {
 protected:
  // As the writer does: says how far it is about to come, and touches that.
  void UseTo(size_t bytes) {
    memory_.NoteUsed(bytes);
    for (; at_ < bytes; at_ += kSmallPage) {
      char* const page = memory_.as<char>() + at_;
      if (!IsThere(page)) ++faults_;
      *page = 1;
    }
  }

  ReservedMemory memory_{kBytes, ReservedMemory::Pages::kHuge};
  size_t at_ = 0;
  size_t faults_ = 0;  // that the writer took
};

TEST_F(ReservedMemoryTest, AWriterThatIsFasterTakesSmallPages) {
  UseTo(9 * kMiB);
  EXPECT_EQ(BackingOf(memory_.as<char>()).huge, 0u);
  EXPECT_GE(BackingOf(memory_.as<char>()).resident, 9 * kMiB);
}

TEST_F(ReservedMemoryTest, AWriterThatTakesItsTimeFindsAllOfItThere) {
  UseTo(1);
  memory_.PopulateAhead(absl::Seconds(1));
  faults_ = 0;
  for (size_t bytes = kMiB / 8; bytes <= 24 * kMiB; bytes += kMiB / 8) {
    UseTo(bytes);
    memory_.PopulateAhead(absl::Seconds(1));
  }
  EXPECT_EQ(faults_, 0u);
  if (!testing::SystemGivesHugePages()) GTEST_SKIP() << "this system gives no huge pages";
  EXPECT_GE(BackingOf(memory_.as<char>()).huge, 20 * kMiB);
}

TEST_F(ReservedMemoryTest, WhereTheWriterIsAboutToBeNoHugePageIsBegun) {
  UseTo(20 * kMiB);
  memory_.PopulateAhead(absl::Milliseconds(1));  // far too fast: nothing could be there in time
  EXPECT_LE(BackingOf(memory_.as<char>()).resident, 20 * kMiB + kSmallPage);
  // A quarter of a page in 20 ms: the one that it is in is left to it, the next is begun.
  UseTo(20 * kMiB + kHugePage / 4);
  memory_.PopulateAhead(absl::Milliseconds(20));
  const Backing ahead = BackingOf(memory_.as<char>());
  EXPECT_EQ(ahead.resident, 20 * kMiB + kHugePage / 4 + kHugePage);
  UseTo(20 * kMiB + kHugePage);
  const Backing used = BackingOf(memory_.as<char>());
  EXPECT_EQ(used.resident, 20 * kMiB + 2 * kHugePage);
  EXPECT_EQ(used.huge, testing::SystemGivesHugePages() ? kHugePage : 0);
}

TEST_F(ReservedMemoryTest, SaysWhenItWantsToBeCalledAgain) {
  const absl::Duration idle = memory_.PopulateAhead(absl::Seconds(1));
  UseTo(8 * kMiB);
  const absl::Duration fast = memory_.PopulateAhead(absl::Milliseconds(1));
  UseTo(8 * kMiB + 64 * 1024);
  const absl::Duration slow = memory_.PopulateAhead(absl::Milliseconds(10));
  UseTo(8 * kMiB + 65 * 1024);
  EXPECT_EQ(memory_.PopulateAhead(absl::Seconds(1)), idle);
  EXPECT_EQ(fast, absl::Milliseconds(1));
  EXPECT_GT(slow, fast);
  EXPECT_LT(slow, idle);
}

TEST_F(ReservedMemoryTest, NeverGoesBeyondItsEnd) {
  UseTo(kBytes - kSmallPage);
  memory_.PopulateAhead(absl::Milliseconds(1));
  memory_.PopulateAhead(absl::Milliseconds(1));
  EXPECT_LE(memory_.TouchedBytes(), memory_.size());
}

}  // namespace
}  // namespace session_status::registry
