#include "plugin/auth/replay_guard.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "plugin/auth/signature.h"

namespace session_status::auth {
namespace {

using Outcome = ReplayGuard::Outcome;

const absl::Time kStart = absl::FromUnixSeconds(1'767'323'045);

TEST(ReplayGuardTest, ANonceIsGoodOncePerKey) {
  ReplayGuard guard(1000);
  const absl::Time until = kStart + kSignatureWindow;
  EXPECT_EQ(guard.Look(guard.HashOf("k", "n"), kStart), Outcome::kFresh);
  EXPECT_EQ(guard.Remember(guard.HashOf("k", "n"), until, kStart), Outcome::kFresh);
  EXPECT_EQ(guard.Look(guard.HashOf("k", "n"), kStart), Outcome::kUsed);
  EXPECT_EQ(guard.Remember(guard.HashOf("k", "n"), until, kStart), Outcome::kUsed);
  EXPECT_EQ(guard.Remember(guard.HashOf("k2", "n"), until, kStart), Outcome::kFresh);
  EXPECT_EQ(guard.Remember(guard.HashOf("k", "n2"), until, kStart), Outcome::kFresh);
  EXPECT_EQ(guard.Remember(guard.HashOf("k2n", ""), until, kStart), Outcome::kFresh);
}

TEST(ReplayGuardTest, RemembersUntilTheTimestampLeavesTheWindowAndNotMuchLonger) {
  ReplayGuard guard(1000);
  const absl::Time until = kStart + kSignatureWindow;
  ASSERT_EQ(guard.Remember(guard.HashOf("k", "n"), until, kStart), Outcome::kFresh);
  EXPECT_EQ(guard.Look(guard.HashOf("k", "n"), until), Outcome::kUsed);
  EXPECT_EQ(guard.Look(guard.HashOf("k", "n"), until + absl::Seconds(1)), Outcome::kFresh);
  // Taken again after it expired: good until the new moment.
  EXPECT_EQ(
      guard.Remember(guard.HashOf("k", "n"), until + kSignatureWindow, until + absl::Seconds(1)),
      Outcome::kFresh);
  EXPECT_EQ(guard.Look(guard.HashOf("k", "n"), until + absl::Minutes(10)), Outcome::kUsed);
}

TEST(ReplayGuardTest, ARebuildForgetsNoNonceThatIsGoodForAnotherSecond) {
  ReplayGuard guard(200'000);
  const absl::Time until = kStart + kSignatureWindow;
  const auto old = [&guard](int i) { return guard.HashOf("k", absl::StrCat("old ", i)); };
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(guard.Remember(old(i), until, kStart), Outcome::kFresh);
  }
  const size_t bytes = guard.MemoryBytes();
  // So many others, in the last second of the old ones, that every shard is rebuilt.
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_EQ(guard.Remember(guard.HashOf("k", absl::StrCat(i)), until + kSignatureWindow, until),
              Outcome::kFresh);
  }
  ASSERT_GT(guard.MemoryBytes(), bytes);
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(guard.Look(old(i), until), Outcome::kUsed) << i;
    ASSERT_EQ(guard.Remember(old(i), until + kSignatureWindow, until), Outcome::kUsed) << i;
  }
}

TEST(ReplayGuardTest, OfManyThreadsExactlyOneGetsEachNonce) {
  ReplayGuard guard(100'000);
  std::atomic<int> fresh{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        fresh += guard.Remember(guard.HashOf("k", absl::StrCat(i)), kStart + kSignatureWindow,
                                kStart) == Outcome::kFresh;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fresh, 5000);
}

TEST(ReplayGuardTest, TenThousandNoncesASecondStayWithinTheStatedBoundAndNoneIsForgottenEarly) {
  // Room for 20 s of the flood, wherever its nonces fall; entries live 15 minutes, so it must fill
  // up and then refuse.
  ReplayGuard guard(210'000);
  const size_t bound = guard.MemoryBytesMax();
  uint64_t accepted = 0;
  uint64_t refused = 0;
  uint64_t next = 0;
  for (int second = 0; second < 1200; ++second) {
    const absl::Time now = kStart + absl::Seconds(second);
    // Once it is full a few tries a second are as good as the flood: refusals change nothing.
    const int per_second = second < 30 || (second > 890 && second < 930) ? 10'000 : 10;
    for (int i = 0; i < per_second; ++i) {
      const Outcome outcome =
          guard.Remember(guard.HashOf("k", absl::StrCat(next++)), now + kSignatureWindow, now);
      accepted += outcome == Outcome::kFresh;
      refused += outcome == Outcome::kFull;
    }
    ASSERT_LE(guard.MemoryBytes(), bound);
    if (second == 899) {
      // Everything accepted so far is still needed, and still known.
      EXPECT_GE(accepted, 200'000u);
      for (uint64_t n = 0; n < 200'000; n += 97) {
        ASSERT_EQ(guard.Look(guard.HashOf("k", absl::StrCat(n)), now), Outcome::kUsed) << n;
      }
    }
  }
  EXPECT_GT(refused, 0u);
  EXPECT_GT(accepted, 400'000u) << "room comes back when entries expire";
  EXPECT_LE(bound, 8u * 1024 * 1024);
}

TEST(ReplayGuardTest, TakesNoMoreThanItWasToldAndNotManyLess) {
  for (const size_t told : {1000, 4000, 300'000}) {
    ReplayGuard guard(told);
    size_t taken = 0;
    size_t before_the_first_refusal = 0;
    for (size_t i = 0; i < 3 * told; ++i) {
      const bool fresh = guard.Remember(guard.HashOf("k", absl::StrCat(i)),
                                        kStart + kSignatureWindow, kStart) == Outcome::kFresh;
      if (!fresh && before_the_first_refusal == 0) before_the_first_refusal = taken;
      taken += fresh;
    }
    EXPECT_LE(taken, told);
    EXPECT_GE(taken, told - 16) << "all parts are full";
    EXPECT_GE(before_the_first_refusal, told / 2);
    EXPECT_LE(guard.MemoryBytes(), guard.MemoryBytesMax());
    if (told >= 4000) {
      EXPECT_LE(guard.MemoryBytesMax(), told * 35);
    }
  }
}

TEST(ReplayGuardTest, NeedsLittleMemoryWhenLittleHappens) {
  ReplayGuard guard;
  EXPECT_EQ(guard.MemoryBytes(), 0u);
  for (int i = 0; i < 1000; ++i) {
    guard.Remember(guard.HashOf("k", absl::StrCat(i)), kStart + kSignatureWindow, kStart);
  }
  EXPECT_LE(guard.MemoryBytes(), 64u * 1024);
  EXPECT_LE(guard.MemoryBytesMax(), 56u * 1024 * 1024);
}

}  // namespace
}  // namespace session_status::auth
