// Memory that runs out in the tick that publishes changes.
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "plugin/topics/change_topics.h"
#include "tests/feed/feed_fixture.h"
#include "tests/plugin/failing_memory.h"

namespace session_status::topics {
namespace {

class ChangeTopicsMemoryTest : public feed::FeedTest {};

TEST_F(ChangeTopicsMemoryTest, EveryChangeIsPublishedOrCounted) {
  uint64_t sent = 0;
  ChangeTopics topics(feed_, {.prefix = "s"}, [&sent](const std::string&, absl::string_view, bool) {
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

}  // namespace
}  // namespace session_status::topics
