#include "plugin/store/event_ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"

namespace session_status::store {
namespace {

ChangeRecord Record(uint64_t incarnation) {
  ChangeRecord record;
  record.incarnation = incarnation;
  return record;
}

TEST(EventRingTest, GivesBackWhatWasTakenInOrderWhateverTheSizes) {
  EventRing ring(0);
  EXPECT_EQ(ring.capacity(), EventRing::kBytesMin);
  std::mt19937_64 rng(1);
  std::deque<std::pair<std::string, std::string>> model;
  uint64_t pushed = 0;
  uint64_t taken = 0;
  uint64_t refused = 0;
  for (int step = 0; step < 20'000; ++step) {
    const auto size = [&rng] { return rng() % 20 == 0 ? rng() % 65'536 : rng() % 40; };
    const std::string id(size(), static_cast<char>('a' + step % 26));
    const std::string address(size(), static_cast<char>('A' + step % 26));
    if (ring.TryPush(Record(pushed), id, address)) {
      model.emplace_back(id, address);
      ++pushed;
    } else {
      ++refused;
      EXPECT_GT(ring.size(), ring.capacity() - 3 * 65'536) << "refused with room left";
    }
    if (rng() % 600 != 0) continue;
    ring.Drain(rng() % 1000,
               [&](const ChangeRecord& record, absl::string_view i, absl::string_view a) {
                 EXPECT_EQ(record.incarnation, taken++);
                 EXPECT_EQ(i, model.front().first);
                 EXPECT_EQ(a, model.front().second);
                 model.pop_front();
               });
  }
  EXPECT_GT(refused, 0u);
  EXPECT_GT(taken, 1000u);
}

TEST(EventRingTest, StringsThatNoIdentifierCanBeAreRefused) {
  EventRing ring(0);
  EXPECT_FALSE(ring.TryPush(Record(1), std::string(65'536, 'x'), ""));
  EXPECT_TRUE(ring.TryPush(Record(1), std::string(65'535, 'x'), std::string(65'535, 'y')));
}

TEST(EventRingTest, OneThreadFillsItWhileAnotherEmptiesIt) {
  EventRing ring(0);
  constexpr uint64_t kRecords = 300'000;
  std::thread producer([&] {
    for (uint64_t i = 0; i < kRecords;) {
      if (ring.TryPush(Record(i), absl::StrCat("client-", i), absl::StrCat(i))) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  uint64_t next = 0;
  while (next < kRecords) {
    const size_t taken = ring.Drain(
        1000, [&](const ChangeRecord& record, absl::string_view id, absl::string_view address) {
          ASSERT_EQ(record.incarnation, next);
          ASSERT_EQ(id, absl::StrCat("client-", next));
          ASSERT_EQ(address, absl::StrCat(next));
          ++next;
        });
    if (taken == 0) std::this_thread::yield();
  }
  producer.join();
  EXPECT_EQ(ring.size(), 0u);
}

}  // namespace
}  // namespace session_status::store
