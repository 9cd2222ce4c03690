#include "plugin/transport/buffer_pool.h"

#include <gtest/gtest.h>

#include <string>

namespace session_status::transport {
namespace {

// How often one can take a hundredth of the budget.
int TakeHundredths(BufferBudget* budget, const BufferHolder& holder) {
  int taken = 0;
  while (budget->Take(holder, 1)) ++taken;
  return taken;
}

TEST(BufferBudgetTest, LeavesStrangersThreeQuartersAndOneAddressAQuarter) {
  BufferBudget budget(100);
  std::atomic<size_t> addresses[4] = {};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(TakeHundredths(&budget, {Standing::kStranger, &addresses[i]}), 25) << i;
  }
  EXPECT_EQ(TakeHundredths(&budget, {Standing::kStranger, &addresses[3]}), 0);
  EXPECT_EQ(addresses[3], 0u) << "what was refused is not owed";
  EXPECT_EQ(TakeHundredths(&budget, {Standing::kVouched, nullptr}), 12);
  EXPECT_EQ(TakeHundredths(&budget, {Standing::kUnixSocket, nullptr}), 13);
  EXPECT_EQ(budget.used(), 100u);
  budget.Return({Standing::kStranger, &addresses[0]}, 25);
  EXPECT_EQ(addresses[0], 0u);
  EXPECT_EQ(budget.used(), 75u);
  EXPECT_EQ(TakeHundredths(&budget, {Standing::kStranger, &addresses[3]}), 25);
}

TEST(BufferBudgetTest, IsTheUnixSocketsAsAWholeWhenNobodyElseNeedsIt) {
  BufferBudget budget(100);
  EXPECT_TRUE(budget.Take({Standing::kUnixSocket, nullptr}, 100));
  EXPECT_FALSE(budget.Take({Standing::kUnixSocket, nullptr}, 1));
  std::atomic<size_t> address{0};
  EXPECT_FALSE(budget.Take({Standing::kStranger, &address}, 1));
  budget.Return({Standing::kUnixSocket, nullptr}, 100);
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_TRUE(budget.Take({Standing::kStranger, &address}, 25));
}

TEST(BufferTest, GivesBackWhatItTookInTheNameOfItsHolder) {
  BufferBudget budget(100 * BufferPool::kBlockBytesMin);
  BufferPool pool(budget);
  std::atomic<size_t> address{0};
  const BufferHolder holder = {Standing::kStranger, &address};
  {
    Buffer buffer(pool, holder);
    const std::string bytes(5000, 'b');
    ASSERT_TRUE(buffer.Append(bytes));
    EXPECT_EQ(address, 2 * BufferPool::kBlockBytesMin);
    ASSERT_TRUE(buffer.Append(bytes));
    EXPECT_EQ(address, 4 * BufferPool::kBlockBytesMin) << "the smaller block went back";
    EXPECT_EQ(absl::string_view(buffer.data(), buffer.size()), bytes + bytes);
    EXPECT_FALSE(buffer.Reserve(30 * BufferPool::kBlockBytesMin)) << "more than its address may";
    EXPECT_EQ(address, 4 * BufferPool::kBlockBytesMin);
  }
  EXPECT_EQ(address, 0u);
  EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace session_status::transport
