#include "plugin/fleet/node_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace session_status::fleet {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kLease = absl::Seconds(3);
constexpr absl::Duration kMoment = absl::Milliseconds(1);
constexpr NodeNumber kThere = 7;

class NodeDirectoryTest : public ::testing::Test {
 protected:
  NodeDirectoryTest() {
    directory_.OnContact(absl::ZeroDuration());
    directory_.OnListed(kThere, "there", absl::ZeroDuration());
  }
  bool Lost() const { return directory_.Find(kThere)->lost; }

  NodeDirectory directory_{kLease};
};

TEST_F(NodeDirectoryTest, ANodeIsLostOnceItsLeaseWasMissedForLongEnoughAndBackWithIt) {
  const absl::Duration seen = absl::Minutes(1);
  EXPECT_FALSE(directory_.OnLease(kThere, true, seen));
  const absl::Duration missed = seen + absl::Minutes(1);  // nobody looked in between
  EXPECT_FALSE(directory_.OnLease(kThere, false, missed));
  EXPECT_FALSE(directory_.OnLease(kThere, false, missed + LeaseMissed(kLease) - kMoment));
  EXPECT_FALSE(Lost());
  EXPECT_TRUE(directory_.OnLease(kThere, false, missed + LeaseMissed(kLease)));
  EXPECT_TRUE(Lost());
  EXPECT_FALSE(directory_.OnLease(kThere, false, seen + absl::Hours(1))) << "it was lost before";
  EXPECT_TRUE(directory_.OnLease(kThere, true, seen + absl::Hours(2)));
  EXPECT_FALSE(Lost());
}

TEST_F(NodeDirectoryTest, ALeaseThatWasThereInBetweenIsMissedAnew) {
  directory_.OnLease(kThere, true, absl::Minutes(1));
  EXPECT_FALSE(directory_.OnLease(kThere, false, absl::Minutes(2)));
  EXPECT_FALSE(directory_.OnLease(kThere, true, absl::Minutes(3)));
  EXPECT_FALSE(directory_.OnLease(kThere, false, absl::Minutes(4)));
  EXPECT_FALSE(Lost());
  EXPECT_TRUE(directory_.OnLease(kThere, false, absl::Minutes(4) + LeaseMissed(kLease)));
}

// In an engine that was emptied, or did not answer, nobody has renewed a lease yet.
TEST_F(NodeDirectoryTest, AfterAnOutageAMissingLeaseCountsOnlyAfterAWholeLeaseOfContact) {
  directory_.OnLease(kThere, true, absl::Minutes(1));
  directory_.OnContact(absl::Minutes(10));
  EXPECT_FALSE(directory_.OnLease(kThere, false, absl::Minutes(10)));
  EXPECT_FALSE(directory_.OnLease(kThere, false, absl::Minutes(10) + kLease - kMoment));
  directory_.OnContact(absl::Minutes(11));  // broken off once more, so the time begins anew
  EXPECT_FALSE(directory_.OnLease(kThere, false, absl::Minutes(11) + kLease - kMoment));
  EXPECT_FALSE(Lost());
  EXPECT_TRUE(directory_.OnLease(kThere, false, absl::Minutes(11) + kLease));
  EXPECT_TRUE(Lost());
}

TEST_F(NodeDirectoryTest, ANodeThatWasNeverSeenAliveIsLostAtOnce) {
  EXPECT_TRUE(directory_.OnLease(kThere, false, kMoment));
  EXPECT_TRUE(Lost());
}

TEST_F(NodeDirectoryTest, AListingSaysWhoIsListedAndForgetsNobody) {
  directory_.MarkUnlisted();
  directory_.OnListed(8, "other", kMoment);
  EXPECT_FALSE(directory_.Find(kThere)->listed);
  EXPECT_TRUE(directory_.Find(8)->listed);
  EXPECT_FALSE(directory_.OnLease(9, true, kMoment)) << "nobody has that number";
  EXPECT_EQ(directory_.Find(9), nullptr);
}

// In an engine that was emptied everybody is missing from the listing for a moment.
TEST_F(NodeDirectoryTest, ANodeIsGoneOnceItWasLostAndUnlistedForAMinute) {
  EXPECT_THAT(directory_.Gone(absl::Hours(1)), IsEmpty()) << "listed, and not lost";
  directory_.MarkUnlisted();
  EXPECT_THAT(directory_.Gone(absl::Hours(1)), IsEmpty()) << "not lost";
  directory_.OnLease(kThere, false, kMoment);
  EXPECT_THAT(directory_.Gone(kGoneAfter), IsEmpty());
  EXPECT_THAT(directory_.Gone(kGoneAfter + kMoment), ElementsAre(kThere));
  directory_.OnListed(kThere, "there", kGoneAfter);
  EXPECT_THAT(directory_.Gone(absl::Hours(1)), IsEmpty());
}

}  // namespace
}  // namespace session_status::fleet
