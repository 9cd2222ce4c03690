#include "plugin/refresher.h"

#include <gtest/gtest.h>

#include "tests/plugin/system_clocks.h"
#include "tests/testing/wait.h"

namespace session_status {
namespace {

using registry::SessionEvent;

class RefresherTest : public ::testing::Test {
 protected:
  void Connect(absl::string_view id) {
    SessionEvent event;
    event.client_id = id;
    event.incarnation = ++incarnation_;
    event.time = absl::FromUnixSeconds(1'700'000'000);
    ASSERT_EQ(registry_.Apply(event).outcome, registry::ApplyResult::Outcome::kApplied);
  }

  uint64_t incarnation_ = 0;
  registry::SessionRegistry registry_{registry::RegistryOptions()};
  metrics::DurationHistogram publish_time_;
  Refresher refresher_{registry_, absl::Milliseconds(1), publish_time_};
};

TEST_F(RefresherTest, TheFirstSnapshotIsThereWhenItHasStartedAndOthersFollow) {
  ASSERT_TRUE(refresher_.Start(/*nice=*/0).ok());
  const absl::Time first = registry_.CurrentSnapshot().taken_at;
  EXPECT_NE(first, absl::InfinitePast());
  Connect("lamp");
  EXPECT_TRUE(testing::WaitUntil([&] {
    const registry::SnapshotInfo now = registry_.CurrentSnapshot();
    return now.taken_at > first && now.sequence == 1;
  }));
}

TEST_F(RefresherTest, MemoryIsThereBeforeTheNextEventsNeedIt) {
  Connect("lamp");
  const size_t used = registry_.MemoryBytes();
  ASSERT_TRUE(refresher_.Start(/*nice=*/0).ok());
  constexpr size_t kAhead = size_t{256} << 10;  // of each part of the registry at least
  EXPECT_TRUE(testing::WaitUntil([&] { return registry_.MemoryBytes() > used + kAhead; }));
}

TEST_F(RefresherTest, MemoryIsThereHoweverRarelySnapshotsAreTaken) {
  Refresher hourly(registry_, absl::Hours(1), publish_time_);
  ASSERT_TRUE(hourly.Start(/*nice=*/0).ok());
  const absl::Time first = registry_.CurrentSnapshot().taken_at;
  Connect("lamp");
  const size_t used = registry_.MemoryBytes();
  constexpr size_t kAhead = size_t{256} << 10;
  EXPECT_TRUE(testing::WaitUntil([&] { return registry_.MemoryBytes() > used + kAhead; }));
  EXPECT_EQ(registry_.CurrentSnapshot().taken_at, first);
}

// Otherwise answers would tell a wrong age for an hour.
TEST_F(RefresherTest, AClockThatWasSetBringsASnapshotWhoseAgeIsRight) {
  Refresher hourly(registry_, absl::Hours(1), publish_time_);
  ASSERT_TRUE(hourly.Start(/*nice=*/0).ok());
  testing::SystemClocks clocks;
  for (const absl::Duration step : {-absl::Hours(1), absl::Hours(2)}) {
    const absl::Time before = registry_.CurrentSnapshot().taken_at;
    clocks.Set(step);
    EXPECT_TRUE(testing::WaitUntil([&] {
      const absl::Duration moved = registry_.CurrentSnapshot().taken_at - before;
      return absl::AbsDuration(moved - step) < absl::Minutes(1);
    })) << step;
  }
}

}  // namespace
}  // namespace session_status
