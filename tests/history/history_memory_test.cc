// Memory that runs out in the thread that takes changes in.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "plugin/history/history_follower.h"
#include "tests/feed/feed_fixture.h"
#include "tests/plugin/failing_memory.h"

namespace session_status::history {
namespace {

std::string LongId(uint64_t n) {
  return absl::StrCat("client ", n, " of more letters than fit into the object");
}

class HistoryMemoryTest : public feed::FeedTest {};

TEST_F(HistoryMemoryTest, AChangeThatIsNotTakenInIsToldAsMissing) {
  HistoryFollower follower(feed_, {});
  uint64_t clients = 0;
  uint64_t missing = 0;
  const auto entries = [&](uint64_t client, int64_t* dropped_before_ms) {
    pb::GetHistoryRequest request;
    request.set_client_id(LongId(client));
    pb::GetHistoryResponse reply;
    EXPECT_TRUE(follower.GetHistory(request, feed::kStart + absl::Hours(1), &reply).ok());
    *dropped_before_ms = reply.dropped_before_ms();
    return reply.entries_size();
  };
  Connect(LongId(0));
  testing::FailEachAllocation(
      1, [&] { follower.Read(); },
      [&](bool) {
        int64_t dropped_before_ms = 0;
        if (entries(clients, &dropped_before_ms) == 0) {
          ++missing;
          const int64_t connected_ms =
              absl::ToUnixMillis(feed::kStart + absl::Milliseconds(incarnation_));
          EXPECT_GE(dropped_before_ms, connected_ms) << clients;
        }
        Connect(LongId(++clients));
      });
  EXPECT_GT(missing, 2u);
  EXPECT_GE(follower.Read().gaps, missing);
}

// What would be counted wrongly then would let it grow, or forget everybody.
TEST_F(HistoryMemoryTest, TheBudgetIsWhatItWasAfterwards) {
  HistoryOptions options;
  options.bytes_max = 16 << 10;
  ConnectionHistory history(options);
  ConnectionHistory untroubled(options);
  uint64_t clients = 0;
  std::string id;
  std::string address;
  const auto change = [&](uint64_t times) {
    feed::Change c;
    c.kind = times % 2 == 0 ? feed::ChangeKind::kOnline : feed::ChangeKind::kOffline;
    c.client_id = id;
    c.address = address;
    c.incarnation = times + 1;
    c.time_ms = 1000;
    return c;
  };
  id = LongId(0);
  testing::FailEachAllocation(
      1,
      [&] {
        for (uint64_t i = 0; i < 5; ++i) history.Add(change(i));
      },
      [&](bool) {
        id = LongId(++clients);
        address = absl::StrCat("/run/socket/of/listener/", clients % 4);  // no IP address
      });
  EXPECT_GT(clients, 5u);
  for (uint64_t i = 0; i < 1000; ++i) {
    id = LongId(1'000'000 + i);
    history.Add(change(0));
    untroubled.Add(change(0));
  }
  EXPECT_EQ(history.bytes(), untroubled.bytes());
  EXPECT_EQ(history.clients(), untroubled.clients());
}

TEST_F(HistoryMemoryTest, EveryFlapperHasOneRow) {
  FlapCounter flaps(4);
  uint64_t clients = 0;
  for (int turn = 0; turn < 5; ++turn) {  // to the last row, and beyond
    testing::FailEachAllocation(
        1,
        [&] {
          const std::string id = LongId(clients);
          flaps.Add(id, 1000, registry::EndReason::kNetworkError, "/run/socket/of/listener/1");
        },
        [&](bool) {
          std::set<std::string> ids;
          for (const FlapCounter::Row& row : flaps.Top(4, 1000)) {
            EXPECT_FALSE(row.client_id.empty());
            EXPECT_TRUE(ids.insert(row.client_id).second) << row.client_id;
          }
        });
    ++clients;
  }
  EXPECT_EQ(flaps.Top(4, 1000).size(), 4u);
}

}  // namespace
}  // namespace session_status::history
