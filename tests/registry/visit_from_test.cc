// The walk in steps, on which frozen listings rest.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "registry/session_registry.h"

namespace session_status::registry {
namespace {

const absl::Time kStart = absl::FromUnixMillis(1'700'000'000'000);

SessionEvent Connected(absl::string_view id, uint64_t incarnation) {
  SessionEvent e;
  e.client_id = id;
  e.incarnation = incarnation;
  e.time = kStart;
  return e;
}

SessionEvent Ended(absl::string_view id, uint64_t incarnation) {
  SessionEvent e = Connected(id, incarnation);
  e.kind = SessionEvent::Kind::kEnded;
  e.reason = EndReason::kNetworkError;
  return e;
}

// How often each client is seen by one walk from start to end.
std::map<std::string, int> Walk(const SessionRegistry& registry) {
  std::map<std::string, int> seen;
  uint64_t position = 0;
  do {
    const uint64_t from = position;
    position = registry.VisitFrom(
        from, [&](uint64_t at, absl::string_view id, const SessionDetails& details) {
          ++seen[std::string(id)];
          EXPECT_EQ(at, registry.PositionOf(id));
          EXPECT_GE(at, from);
          EXPECT_NE(details.status.state, SessionState::kUnknown);
        });
    EXPECT_TRUE(position == 0 || position > from) << "a step must advance";
  } while (position != 0);
  return seen;
}

TEST(VisitFromTest, AnEmptyRegistryIsOneEmptyStepOrAFew) {
  SessionRegistry registry;
  EXPECT_TRUE(Walk(registry).empty());
}

// Where many clients crowd one place of the hash order, directories are deep, and a page elsewhere
// in the shard spans several of their entries: here 2^57 positions.
TEST(VisitFromTest, AWalkMayBeginAnywhereInAPageThatManyEntriesLeadTo) {
  SessionRegistry registry;
  uint64_t incarnation = 0;
  std::string before, after;
  int crowded = 0;
  for (int i = 0; crowded < 40 || before.empty() || after.empty(); ++i) {
    const std::string id = absl::StrCat("c", i);
    const uint64_t position = registry.PositionOf(id);
    bool wanted = false;
    if (position >> 51 == 0 && crowded < 40) {
      ++crowded;
      wanted = true;
    } else if (position >> 56 == 2 && before.empty()) {
      before = id;
      wanted = true;
    } else if (position >> 56 == 3 && after.empty()) {
      after = id;
      wanted = true;
    }
    if (wanted) registry.Apply(Connected(id, ++incarnation));
  }
  std::set<std::string> seen;
  const uint64_t next = registry.VisitFrom(
      uint64_t{3} << 56,
      [&](uint64_t, absl::string_view id, const SessionDetails&) { seen.emplace(id); });
  EXPECT_EQ(next, uint64_t{4} << 56);
  EXPECT_EQ(seen, std::set<std::string>{after});
  EXPECT_EQ(Walk(registry).size(), incarnation);
  registry.CheckInvariantsForTest();
}

TEST(VisitFromTest, SeesEverySessionOnce) {
  SessionRegistry registry;
  for (uint64_t i = 1; i <= 20'000; ++i) registry.Apply(Connected(absl::StrCat("c", i), i));
  const auto seen = Walk(registry);
  ASSERT_EQ(seen.size(), 20'000u);
  for (const auto& [id, times] : seen) EXPECT_EQ(times, 1) << id;
}

TEST(VisitFromTest, EachStepStaysInItsRangeOfPositions) {
  SessionRegistry registry;
  for (uint64_t i = 1; i <= 5'000; ++i) registry.Apply(Connected(absl::StrCat("c", i), i));
  uint64_t position = 0;
  do {
    uint64_t highest = 0;
    const uint64_t next =
        registry.VisitFrom(position, [&](uint64_t at, absl::string_view, const SessionDetails&) {
          highest = std::max(highest, at);
        });
    if (next != 0) {
      EXPECT_LT(highest, next);
    }
    position = next;
  } while (position != 0);
}

TEST(VisitFromTest, AStepThatBeginsBetweenTwoClientsShowsNoneThatIsBeforeIt) {
  SessionRegistry registry;
  for (uint64_t i = 1; i <= 5'000; ++i) registry.Apply(Connected(absl::StrCat("c", i), i));
  for (uint64_t i = 1; i <= 500; ++i) {
    const std::string first = absl::StrCat("c", i);
    const uint64_t position = registry.PositionOf(first);
    bool seen = false;
    registry.VisitFrom(position, [&](uint64_t at, absl::string_view id, const SessionDetails&) {
      EXPECT_GE(at, position);
      seen = seen || id == first;
    });
    EXPECT_TRUE(seen) << first;
  }
}

// The table grows and changes under the walk; what stays is seen once.
TEST(VisitFromTest, SessionsThatStayAreSeenOnceWhileOthersComeAndGo) {
  SessionRegistry registry;
  constexpr uint64_t kStaying = 3'000;
  uint64_t incarnation = 0;
  for (uint64_t i = 1; i <= kStaying; ++i) {
    registry.Apply(Connected(absl::StrCat("stays", i), ++incarnation));
  }
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (uint64_t i = 0; !stop.load() && i < 200'000; ++i) {
      registry.Apply(Connected(absl::StrCat("new", i), ++incarnation));
      registry.Apply(Ended(absl::StrCat("new", i), incarnation));
      if (i % 64 == 0) registry.Maintain(kStart + absl::Hours(48), 16);
    }
  });
  for (int round = 0; round < 5; ++round) {
    const auto seen = Walk(registry);
    for (uint64_t i = 1; i <= kStaying; ++i) {
      const auto found = seen.find(absl::StrCat("stays", i));
      ASSERT_NE(found, seen.end()) << i;
      ASSERT_EQ(found->second, 1) << i;
    }
  }
  stop.store(true);
  writer.join();
}

TEST(VisitFromTest, MaintainTellsWhomItForgetsWithTheLastDetails) {
  SessionRegistry registry;
  registry.Apply(Connected("a", 1));
  registry.Apply(Connected("b", 2));
  registry.Apply(Ended("a", 1));
  std::set<std::string> told;
  const size_t forgotten = registry.Maintain(
      kStart + absl::Hours(48), 10, [&](absl::string_view id, const SessionDetails& details) {
        told.insert(std::string(id));
        EXPECT_EQ(details.status.state, SessionState::kOffline);
        EXPECT_EQ(details.status.reason, EndReason::kNetworkError);
        EXPECT_EQ(details.incarnation, 1u);
      });
  EXPECT_EQ(forgotten, 1u);
  EXPECT_EQ(told, std::set<std::string>{"a"});
}

}  // namespace
}  // namespace session_status::registry
