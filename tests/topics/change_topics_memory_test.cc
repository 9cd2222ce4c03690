// Memory that runs out in the tick that publishes changes.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "plugin/topics/change_topics.h"
#include "tests/feed/feed_fixture.h"
#include "tests/plugin/failing_memory.h"

namespace session_status::topics {
namespace {

class ChangeTopicsMemoryTest : public feed::FeedTest {};

TEST_F(ChangeTopicsMemoryTest, EveryChangeIsPublishedOrCounted) {
  uint64_t sent = 0;
  ChangeTopics topics(registry_, feed_, {.prefix = "s"},
                      [&sent](const std::string&, absl::string_view, bool) {
                        ++sent;
                        return true;
                      });
  absl::Time now = feed::kStart;
  const auto tick = [&] { topics.Tick(now += absl::Milliseconds(100)); };
  uint64_t changes = 0;
  const auto connect_three = [&] {
    for (int i = 0; i < 3; ++i, ++changes) {
      Connect(absl::StrCat("client ", changes, " of more letters than fit into the object"));
    }
  };
  connect_three();
  testing::FailEachAllocation(1, tick, [&](bool) {
    tick();
    EXPECT_EQ(topics.counters().published.value(), sent);
    EXPECT_EQ(sent + topics.counters().skipped.value(), changes);
    connect_three();
  });
  EXPECT_GT(topics.counters().skipped.value(), 3u);
  EXPECT_GT(sent, topics.counters().skipped.value());
}

TEST_F(ChangeTopicsMemoryTest, ARoundAfterAGapLeavesNobodyOut) {
  constexpr size_t kClients = 40;
  std::array<bool, kClients> seen{};
  ChangeTopics topics(registry_, feed_, {.prefix = "s", .retain = true},
                      [&seen](const std::string& topic, absl::string_view, bool) {
                        const size_t number = std::strtoul(topic.c_str() + 2, nullptr, 10);
                        if (number < kClients) seen[number] = true;
                        return true;
                      });
  absl::Time now = feed::kStart;
  const auto tick = [&] { topics.Tick(now += absl::Milliseconds(100)); };
  const std::string filler = absl::StrCat(kClients, std::string(20'000, 'x'));
  const auto make_gap = [&] {
    for (int i = 0; i < 100; ++i) Connect(filler);
    seen.fill(false);
  };
  for (size_t i = 0; i < kClients; ++i) {
    Connect(absl::StrCat(i, " has more letters than fit into the object"));
  }
  make_gap();
  testing::FailEachAllocation(1, tick, [&](bool) {
    for (int i = 0; i < 3; ++i) tick();
    for (size_t i = 0; i < kClients; ++i) EXPECT_TRUE(seen[i]) << i;
    make_gap();
  });
}

}  // namespace
}  // namespace session_status::topics
